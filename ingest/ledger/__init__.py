"""The ledger table: who works on which file or segment, how far it has come, and how it ended.

Not in here: the work itself (`ingest.worker`) and the messages that request it (`ingest.queue`).
"""
