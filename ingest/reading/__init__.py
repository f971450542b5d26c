"""Bytes -> rows of text: compression, encoding, record boundaries, header, cells. `reader` is the seam for formats.

Not in here: types and keys (`ingest.items`) and where the bytes come from (`ingest.aws`).
"""
