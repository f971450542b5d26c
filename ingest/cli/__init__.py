"""The `ingest` command line: one module a command, plus the options, output and stack lookup they share.

Not in here: what a command does; that is in the package of its domain. None of it is in the function's zip.
"""
