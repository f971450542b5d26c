"""The one checker: what was expected of files (`found.Expected`) against what was found (`found.Found`): `judge`.

It knows nothing of the product but the names in its contract. Not in here: how that was read back, which is the
harness's work.
"""
