"""Items -> table: encoding, batches, requests in flight, rate limit, write statistics, the writer of each mode.

Not in here: how rows become items (`ingest.items`) and the ledger table (`ingest.ledger`).
"""
