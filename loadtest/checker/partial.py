"""Files that were replaced or deleted while they were loaded: some of their rows are in the table, and may be."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from loadtest.checker.found import Hashes, TableFound
from loadtest.workload.checksum import item_hashes
from loadtest.workload.expected import MODULUS
from loadtest.workload.recipe import Recipe
from loadtest.workload.schema import Schema
from loadtest.workload.stream import chunks

Item = dict[str, dict[str, Any]]


def without(table: TableFound, recipes: Iterable[Recipe]) -> TableFound:
    """Return what a table holds beside the rows of these files: none of them has to be there, and none is missed."""
    allowed = [hashes_of(recipe) for recipe in recipes]
    if table.hashes is None or not allowed:
        return table
    kept = table.hashes[~np.isin(table.hashes, np.concatenate(allowed))]
    return replace(table, items=len(kept), checksum=int(kept.sum(dtype=np.uint64)) % MODULUS, hashes=kept)


def hashes_of(recipe: Recipe) -> Hashes:
    """Return the hash of each item that a good row of a file becomes, the replaced ones too.

    The file is made again and read by Python's `csv`. Its columns may be strings, numbers and booleans without
    settings of their own.
    """
    made = replace(recipe, compression="none")
    text = b"".join(chunks(made)).decode(recipe.schema.dialect.encoding)
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return item_hashes(list(_items(rows, recipe.schema)))


def _items(rows: Iterable[dict[str | Any, str | Any]], schema: Schema) -> Iterator[Item]:
    """Yield the items of good rows; of bad ones, those without a key match nothing in the table."""
    for row in rows:
        if None not in row and None not in row.values():
            try:
                yield {name: _value(schema.column(name).type, text) for name, text in row.items() if text}
            except InvalidOperation:
                continue


def _value(kind: str, text: str) -> dict[str, Any]:
    if kind == "BOOL":
        return {kind: text in ("true", "t", "yes", "y", "1")}
    return {kind: str(Decimal(text)) if kind == "N" else text}
