"""CSV files of any size from a feed's own settings, and what must be found of them: `python -m loadtest generate`.

`recipe.Recipe` says what to make, `stream.Generation` makes it, `expected.KnownOutcome` is what a table must hold
afterwards, and `checksum.Checksum` gives the same for items read back. `docs/generator.md` says what is exact.
"""
