"""Files with a known outcome: CSV of any size from a feed's own settings, and what must be found of it afterwards.

`recipe.recipe_of` says what to make, `stream.Generation` makes it: iterate for the bytes; `known_outcome` is what must
be found. `stream.hashes_of` gives the hash of each row's item, and `checksum` the same for items read back.
Not in here: where the bytes go (harness), the command (loadtest/generate.py), the comparison (checker). Nothing here
has a client, a clock or chance of its own: a row depends on the recipe and its number alone.
"""
