"""`ingest plan`: how long a load takes and what it costs, extrapolated from a sample of the file.

Not in here: splitting a file into segments (`ingest.reading.segments`) and the output (`ingest.cli.estimate_view`).
"""
