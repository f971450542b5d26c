"""The same recipe gives the same bytes, however they are asked for, and a known outcome that adds up."""

import bz2
import csv
import gzip
import hashlib
import io
import tracemalloc
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from loadtest.workload.checksum import KnownOutcome, item_hashes
from loadtest.workload.plan import plan_of
from loadtest.workload.recipe import Recipe
from loadtest.workload.stream import BLOCK_BYTES, BLOCK_ROWS, GROUP, Generation, hashes_of, make
from tests.loadtest.workload.found import made, recipe

DEFECTS = {
    "ragged_row": 0.02,
    "duplicates": 0.3,
    "quotes": 0.1,
    "line_breaks": 0.1,
    "blank_lines": 0.1,
    "empty_key": 0.01,
}
ROWS = 2 * BLOCK_ROWS + 777
WHOLE = recipe("plain", rows=ROWS, columns={"note": "text?0.1", "city": "zipf:1.2:50"}, defects=DEFECTS)


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_the_same_recipe_gives_the_same_bytes_and_another_seed_others() -> None:
    data = b"".join(Generation(WHOLE))
    assert b"".join(Generation(replace(WHOLE))) == data
    assert b"".join(Generation(replace(WHOLE, seed=2))) != data


def test_bytes_do_not_change_from_version_to_version() -> None:
    """If this fails, files made before can no longer be made again: say so in the changelog."""
    feeds: list[tuple[str, dict[str, float]]] = [
        ("plain", {"duplicates": 0.2}),
        ("everything", DEFECTS),
        ("german", {}),
    ]
    text = b"".join(b"".join(Generation(recipe(feed, rows=500, defects=defects))) for feed, defects in feeds)
    assert hashlib.sha256(text).hexdigest() == FROZEN


FROZEN = "4c96fb6e4b7bbc0d9e11c4732366c484233da235198ebcfda36460784aaebb74"


@examples(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, ROWS // GROUP), max_size=4), st.integers(0, 3))
def test_rows_are_the_same_in_whatever_blocks_they_are_made(cuts: list[int], seed: int) -> None:
    whole = replace(WHOLE, seed=seed, file=seed)
    data, known_outcome = made(whole)
    plan, ends = plan_of(whole), sorted({0, *(GROUP * cut for cut in cuts), ROWS})
    blocks = [make(plan, seed, first, end - first) for first, end in pairwise(ends)]
    head = len(plan.head)
    assert b"".join(block.data for block in blocks) == data[head:]
    found = reduce(KnownOutcome.plus, (block.known_outcome() for block in blocks))
    assert replace(found, bytes=len(data), text_bytes=found.text_bytes + head) == known_outcome


def test_a_row_far_away_is_made_without_those_before_it() -> None:
    block = make(plan_of(recipe("plain")), 0, 10**11, 5)
    assert bytes(block.data).count(b"\n") == 5


def test_the_hashes_of_rows_are_those_of_their_items() -> None:
    small = replace(WHOLE, rows=300)
    rows = {row["id"]: row for row in rows_of(made(small)[0]) if None not in row and None not in row.values()}
    items = [{name: {_TYPES.get(name, "S"): text} for name, text in row.items() if text} for row in rows.values()]
    assert set(item_hashes([_typed(item) for item in items if "id" in item]).tolist()) <= set(hashes_of(small).tolist())
    assert len(hashes_of(small)) == made(small)[1].rows_kept


_TYPES = {"quantity": "N", "paid": "BOOL"}


def _typed(item: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return item | ({"paid": {"BOOL": item["paid"]["BOOL"] == "true"}} if "paid" in item else {})


def test_a_file_that_ends_by_size_is_the_file_of_as_many_rows() -> None:
    data, known_outcome = made(replace(WHOLE, rows=None, text_bytes=1_234_567))
    again, same = made(replace(WHOLE, rows=known_outcome.rows))
    assert (again, same) == (data, known_outcome)


@pytest.mark.parametrize("size", [1_000, 10_000, 123_456, 10_000_000])
def test_sizes_are_hit_within_a_percent_or_a_row(size: int) -> None:
    data, known_outcome = made(recipe("everything", size=size, defects={"duplicates": 0.1}))
    assert size - max(size / 100, 1_000) <= len(data) <= size
    assert known_outcome.bytes == known_outcome.text_bytes == len(data)


@pytest.mark.parametrize(
    ("compression", "expand"),
    [
        ("gzip", gzip.decompress),
        ("bz2", bz2.decompress),
        ("zstd", lambda data: pa.CompressedInputStream(data, "zstd").read()),
    ],
)
def test_compression_changes_no_text_and_no_known_outcome_but_the_size(compression: Any, expand: Any) -> None:
    data, known_outcome = made(WHOLE)
    packed, outcome = made(replace(WHOLE, compression=compression))
    assert expand(pa.BufferReader(packed) if compression == "zstd" else packed) == data
    assert outcome == replace(known_outcome, bytes=len(packed))
    assert made(replace(WHOLE, compression=compression))[0] == packed


def test_files_of_other_numbers_share_no_key() -> None:
    files = [replace(WHOLE, file=number, rows=3000) for number in (0, 1, 99_999)]
    ids = [{row["id"] for row in rows_of(made(file)[0]) if row["id"]} for file in files]
    assert len(set.union(*ids)) == sum(map(len, ids))


def test_far_into_a_file_a_repeated_key_is_the_same_row_again() -> None:
    """No loader promises which of two rows stays where it cut the file between them."""
    rows = rows_of(
        made(replace(WHOLE, defects=recipe("plain", defects={"duplicates": 0.5}).defects, segment_bytes=1))[0]
    )
    by_key: dict[str, set[tuple[str, ...]]] = {}
    for row in rows:
        by_key.setdefault(row["id"], set()).add(tuple(row.values()))
    assert len(by_key) < 0.6 * len(rows)
    assert {len(contents) for contents in by_key.values()} == {1}


def test_in_the_beginning_rows_replace_others_by_other_content() -> None:
    rows = rows_of(made(recipe("plain", rows=1000, defects={"duplicates": 0.5}))[0])
    contents = {tuple(row.values()) for row in rows}
    assert len({row["id"] for row in rows}) < 0.8 * len(contents)


def test_what_is_superseded_is_a_range_where_the_loader_may_cut() -> None:
    small = made(replace(WHOLE, segment_bytes=64 * 2**20))[1]
    large = made(replace(WHOLE, segment_bytes=2**20))[1]
    assert small.superseded[0] == small.superseded[1]
    assert 0 < large.superseded[0] < large.superseded[1]


def test_duplicates_are_as_many_as_asked() -> None:
    for share in (0.01, 0.3, 0.9):
        known_outcome = made(recipe("plain", rows=20_000, defects={"duplicates": share}))[1]
        assert known_outcome.superseded[0] / known_outcome.rows == pytest.approx(share, rel=0.1)


def test_memory_does_not_grow_with_the_file() -> None:
    peaks = [_peak(recipe("plain", rows=blocks * BLOCK_ROWS, defects=DEFECTS)) for blocks in (2, 2, 12)]
    assert peaks[2] < 1.1 * peaks[1]


def test_memory_does_not_grow_with_the_rows() -> None:
    columns = {"note": "text:3000"}
    assert max(len(portion) for portion in Generation(recipe("plain", rows=3000, columns=columns))) < 2 * BLOCK_BYTES


def _peak(recipe: Recipe) -> int:
    tracemalloc.start()
    for _ in Generation(recipe):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
