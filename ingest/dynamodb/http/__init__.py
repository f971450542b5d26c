"""A small HTTP client for DynamoDB: connections, SigV4 signatures, responses.

Not in here: what is sent and when it is sent again (`ingest.dynamodb`).
"""
