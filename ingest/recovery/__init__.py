"""What an operator does after a failure: retry, undo, redrive, backfill, and the diagnosis of dead letters.

Not in here: the retries of requests (`ingest.aws.clock`) and the scheduled reconciler (`ingest.worker.reconcile`).
"""
