"""Rejected rows: what they are, how they are written to S3 or disk, and how they are read back.

Not in here: the checks that reject a row (`ingest.reading`, `ingest.items`, `ingest.dynamodb`).
"""
