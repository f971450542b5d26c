"""S3 reads and listings, local files in their place, and what all AWS clients share: clock, back-off, errors.

Not in here: DynamoDB writes (`ingest.dynamodb`), the ledger (`ingest.ledger`) and queue messages (`ingest.queue`).
"""
