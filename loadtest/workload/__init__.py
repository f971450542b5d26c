"""Files with a known outcome: CSV of any size from a feed's own settings, and the result that a correct load must have.

`recipe.recipe_of` returns a recipe. `stream.Generation` generates its file: iterate it for the bytes; `known_outcome`
is the expected result. `stream.hashes_of` returns the hash of each row's item; `checksum` hashes items read back.
Not in here: where the bytes go (harness), the command (loadtest/generate.py), the comparison (checker). Nothing here
uses a client, a clock or unseeded randomness: a row depends only on the recipe and its number.
"""
