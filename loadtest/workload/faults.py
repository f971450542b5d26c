"""What cannot be generated, in one sentence."""


class BadRecipe(ValueError):
    """A recipe that cannot be followed: what is wrong, and what would be accepted."""
