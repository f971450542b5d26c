"""`ingest status`: which files are open, ended or stuck, and one file in detail.

Not in here: the queries themselves (`ingest.ledger.queries`) and the live view (`ingest.cli.top`).
"""
