"""Messages in and out: S3 notifications, our own messages, SQS, dead letters, the event source mapping.

Not in here: the handling of messages (`ingest.worker.dispatch`) and an operator's repairs (`ingest.recovery`).
"""
