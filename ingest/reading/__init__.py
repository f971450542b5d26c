"""Bytes -> rows of text: compression, encoding, record boundaries, header, cells. `reader` is the format interface.

Not in here: types and keys (`ingest.items`) and where the bytes come from (`ingest.aws`).
"""
