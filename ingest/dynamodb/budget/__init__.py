"""One write budget for a table, whoever writes: what each worker may use of it, and what it says to the others.

Not in here: what the table itself takes (`ingest.dynamodb.rate_limit`), and the entries in the ledger
(`ingest.ledger.budget`).
"""
