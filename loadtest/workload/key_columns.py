"""Keys: one column numbers the rows, so that no two files share a key, and a file repeats one only where it is to."""

import numpy as np

from loadtest.workload.columns import ColumnPlace
from loadtest.workload.distribution import Distribution
from loadtest.workload.faults import BadRecipe
from loadtest.workload.generators import Draw, Maker, Numbers, Padded, Pool
from loadtest.workload.recipe import KeyOrder, Recipe
from loadtest.workload.samplers import Evenly, Hot, Sampler
from loadtest.workload.schema import Schema, sources

PARTITIONS = 100_000
PARTITION_ROWS = 1_000  # that follow each other where keys are in order
HOT_SHARE = 0.9
_BITS = np.uint64(38)  # of a row's number: `recipe.MOST_ROWS`
_MASK = np.uint64((1 << 38) - 1)


def key_columns(schema: Schema) -> list[str]:
    """Return the columns that keys are made from, each once."""
    return list(dict.fromkeys(name for _, source in schema.keys for name in sources(source)))


def numbering_column(schema: Schema) -> str:
    """Return the column that numbers the rows: the last one of the sort key, or of the partition key, that can.

    Raises:
        BadRecipe: none can.
    """
    for _, source in reversed(schema.keys):
        for name in reversed(sources(source)):
            if schema.column(name).type in ("S", "N") and not schema.column(name).timestamp:
                return name
    raise BadRecipe(f"the feed {schema.feed!r} has no key column of type S or N that could number the rows.")


def partition_column(schema: Schema) -> str | None:
    """Return the column that says in which partition a row is, where that is not the one that numbers the rows."""
    first = sources(schema.partition_key)[0]
    is_free = schema.sort_key and first != numbering_column(schema)
    return first if is_free and schema.column(first).type in ("S", "N") and not schema.column(first).timestamp else None


def numbering(place: ColumnPlace, given: Distribution | None, order: KeyOrder, seed: int) -> Maker:
    """Return what numbers the rows: one after the other, or, unless keys are to be sorted, mixed up.

    Raises:
        BadRecipe: another distribution was given.
    """
    if given and given.kind not in ("default", "sequence"):
        raise BadRecipe(f"column {place.name} keeps the keys apart and must be a sequence, not {given}.")
    in_order = order == "sorted" or (given is not None and given.kind == "sequence")
    literal = "1{file:05d}" if place.column.type == "N" else "{file:05d}-"

    def numbers(draw: Draw) -> Numbers:
        return draw.numbers if in_order else shuffled(draw.numbers, seed)

    return Padded(literal, 3, place.attribute, numbers, place.quote_for("00000-0123456789"))


def partitions(place: ColumnPlace, order: KeyOrder) -> Maker:
    """Return what says in which partition rows are: any, one after the other, or mostly the first."""
    literal = "1" if place.column.type == "N" else "P-"
    sampler: Sampler = Hot(PARTITIONS, HOT_SHARE) if order == "hot" else Evenly(PARTITIONS)

    def numbers(draw: Draw) -> Numbers:
        return draw.numbers // PARTITION_ROWS if order == "sorted" else sampler.pick(draw.words)

    return Padded(literal, 2, place.attribute, numbers, place.quote_for("P-0123456789"))


def check_keys(recipe: Recipe) -> None:
    """Check that the key order can be had.

    Raises:
        BadRecipe: it cannot.
    """
    given, column = dict(recipe.columns), partition_column(recipe.schema)
    if recipe.key_order == "hot" and (column is None or column in given):
        raise BadRecipe("key order hot needs a partition key of its own beside the sort key, without a distribution.")
    if recipe.key_order == "sorted" and column in given:
        raise BadRecipe(f"keys cannot be sorted while column {column} has a distribution; leave that out.")


def check_key_cells(name: str, maker: Maker) -> None:
    """Check that a key column always has a value.

    Raises:
        BadRecipe: it has cells without one.
    """
    if isinstance(maker, Pool) and any(entry.text in (None, "") for entry in maker.encoded):
        raise BadRecipe(f"column {name} is part of a key and may not be empty; `empty_key` makes rows that are.")


def shuffled(numbers: Numbers, seed: int) -> Numbers:
    """Return numbers below 2^38 mixed up: each below 2^38 comes from one, so that no two become the same.

    Multiplication by an odd number, and an exclusive or with the higher half, can be undone.
    """
    values = numbers.astype(np.uint64)
    for factor in (0x9E3779B97F4A7C15 ^ (2 * seed & 0xFFFFFFFF), 0xD6E8FEB86659FD93):
        values = values * np.uint64(factor | 1) & _MASK
        values ^= values >> (_BITS // np.uint64(2))
    return values.astype(np.int64)
