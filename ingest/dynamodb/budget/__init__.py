"""One write budget per table, shared by all workers that write to it: each one's share, and how they agree on it.

Not in here: the throughput of the table itself (`ingest.dynamodb.rate_limit`), and the entries in the ledger
(`ingest.ledger.budget`).
"""
