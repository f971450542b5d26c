"""What cannot be generated, in one sentence."""


class BadRecipe(Exception):
    """A recipe that cannot be followed: what is wrong, and what would be accepted."""
