"""`ingest sniff`: the beginning of a file -> a proposed section of feeds.toml.

Not in here: reading a file by its feed (`ingest.reading`). This package is not in the function's zip.
"""
