"""Messages in and out: S3 notifications, our own messages, SQS, dead letters, the event source mapping.

Not in here: what is done about a message (`ingest.worker.dispatch`) and repairs by an operator (`ingest.recovery`).
"""
