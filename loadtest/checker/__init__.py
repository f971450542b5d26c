"""The one checker: `judge` compares what is expected of files (`found.Expected`) with what was found (`found.Found`).

It imports nothing of the product but the names in its contract. Not in here: how results are read back (`harness`).
"""
