"""`ingest sniff`: the beginning of a file -> a proposed section of feeds.toml.

Not in here: reading a file by its feed (`ingest.reading`). None of it is in the function's zip.
"""
