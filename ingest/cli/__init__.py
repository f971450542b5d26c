"""The `ingest` command line: a module for each command, or for a few of one subject, and the options, output and
stack lookup that they share.

Not in here: the work of a command, which is in the package of its domain. This package is not in the function's zip.
"""
