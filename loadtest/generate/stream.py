"""A recipe -> the bytes of its file, block by block, and what must be found of them."""

from collections.abc import Iterator

from loadtest.generate.recipe import Recipe
from loadtest.generate.truth import Truth


class Generation:
    """One file: iterate for its bytes; `truth` is complete when they are out."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.truth = Truth()

    def __iter__(self) -> Iterator[bytes]:
        raise NotImplementedError("under way on branch generate: the interface is what it will be")


def chunks(recipe: Recipe) -> Iterator[bytes]:
    """Yield the bytes of a file."""
    return iter(Generation(recipe))
