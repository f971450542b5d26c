"""Rows of a file that was replaced while it was loaded: those of the file may be there, and no others."""

from dataclasses import replace

import numpy as np

from loadtest.chaos.settings import FEED, FEEDS
from loadtest.chaos.uploads import COLUMNS, DEFECTS
from loadtest.checker.found import TableFound
from loadtest.checker.partial import hashes_of, without
from loadtest.workload.recipe import recipe_of
from loadtest.workload.stream import Generation

RECIPE = recipe_of(FEEDS, FEED, size=300_000, columns=COLUMNS, defects=DEFECTS, file=3)


def table(hashes: list[int]) -> TableFound:
    of_items = np.array(hashes, np.uint64)
    return TableFound(items=len(hashes), checksum=int(of_items.sum(dtype=np.uint64)), hashes=of_items)


def test_each_item_of_a_file_is_among_its_hashes() -> None:
    generation = Generation(replace(RECIPE, defects=replace(RECIPE.defects, shares=()), compression="gzip"))
    assert len(list(generation)) > 0
    hashes = hashes_of(generation.recipe)
    outcome = generation.known_outcome
    assert (len(hashes), int(hashes.sum(dtype=np.uint64))) == (outcome.items, outcome.checksum)


def test_bad_rows_and_repeated_keys_do_not_stop_it() -> None:
    generation = Generation(RECIPE)
    assert len(list(generation)) > 0
    outcome = generation.known_outcome
    assert outcome.items < len(hashes_of(RECIPE)) <= outcome.rows


def test_what_is_left_of_a_table_without_a_file_are_the_items_of_no_file() -> None:
    own = hashes_of(RECIPE)[:5].tolist()
    left = without(table([*own, 7, 8]), [RECIPE])
    assert (left.items, left.checksum) == (2, 15)
    assert without(table(own), []) == table(own)
