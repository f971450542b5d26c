"""`ingest top`: the live view of a stack, as a screen or as one document.

Not in here: how metrics are read and summed (`ingest.metrics`) and the files in detail (`ingest.cli.status`).
"""
