"""Items that the table holds already just so: read by their keys, compared value by value, and not written.

Not in here: how those that differ are written (`ingest.dynamodb`).
"""
