"""The `ingest` command line: a module for each command or for a few of one subject, and what they share: options,
output, and how the stack is found.

Not in here: what a command does; that is in the package of its domain. None of it is in the function's zip.
"""
