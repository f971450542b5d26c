"""feeds.toml: what the files under a key prefix mean, and the checks of each setting.

Not in here: applying a setting; that is in the package of its domain.
"""
