"""Huge files through the local stack: complete, exact, gone on with after kills and hand-overs; and what it costs."""
