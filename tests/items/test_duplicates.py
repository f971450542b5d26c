"""Last row wins, by DynamoDB's own idea of equal keys."""

from array import array
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.feeds.feed import Feed
from ingest.items.duplicates import KeyHashes, LinesOf, SeenKeys, replacements
from ingest.items.fold import fold
from ingest.items.items import Items, build_items
from ingest.items.mapping import map_columns
from ingest.reading.rows import Rows
from tests.support.items import python_items


def items_with(keys: Sequence[tuple[str, ...]], *, types: tuple[str, ...] = ("S", "S")) -> Items:
    """Return items with the given keys and a column `n` that counts them."""
    names = ("p", "s")[: len(keys[0]) if keys else 1]
    sort_key = names[1] if names[1:] else None
    kinds: Any = dict(zip(names, types, strict=False))
    feed = Feed("f/", "Table", names[0], sort_key, columns=kinds)
    columns = {name: pa.array([key[i] for key in keys], pa.string()) for i, name in enumerate(names)}
    columns["n"] = pa.array([str(n) for n in range(len(keys))], pa.string())
    items, faults = build_items(Rows(pa.table(columns), None, []), map_columns(feed, tuple(columns)))
    assert faults == []
    return items


def last_of_each_key(items: Items) -> tuple[Items, KeyHashes, int]:
    """Return what a feed that puts writes, the hashes of its keys, and how many rows were replaced."""
    folded = fold(items, Feed("f/", "T", "p"))
    return folded.items, folded.keys, len(items) - len(folded.items)


def kept(items: Items) -> list[int]:
    return [int(item["n"]) for item in python_items(items)]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc"))))
def test_the_last_item_of_each_key_stays_in_order(keys: list[tuple[str, ...]]) -> None:
    items, hashes, replaced = last_of_each_key(items_with(keys))
    assert kept(items) == sorted({key: n for n, key in enumerate(keys)}.values())
    assert replaced == len(keys) - len(items)
    assert len(set(hashes.hashes)) == len(items)


def test_items_without_duplicates_are_handed_back_as_they_are() -> None:
    items = items_with([("a", "1"), ("b", "1")])
    assert last_of_each_key(items)[0] is items


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("a", "bc"), ("ab", "c")),
        (("a,b", "c"), ("a", "b,c")),
        (("a", "b"), ("b", "a")),
        (("a\0b", "c"), ("a", "b\0c")),
    ],
)
def test_composite_keys_cannot_be_confused(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    items, hashes, replaced = last_of_each_key(items_with([first, second]))
    assert (kept(items), len(set(hashes.hashes)), replaced) == ([0, 1], 2, 0)


def test_equal_numbers_are_one_key_however_they_are_spelled() -> None:
    spellings = [("1",), ("1.0",), ("+1",), ("01",), ("1e0",), ("10E-1",)]
    items, _, replaced = last_of_each_key(items_with(spellings, types=("N",)))
    assert (kept(items), replaced) == ([5], 5)
    assert kept(last_of_each_key(items_with([("0",), ("-0",), ("0.00",), ("0e7",)], types=("N",)))[0]) == [3]


def test_the_same_spellings_are_different_strings() -> None:
    assert kept(last_of_each_key(items_with([("1",), ("1.0",), ("01",)]))[0]) == [0, 1, 2]


def test_numbers_that_a_float_would_confuse_are_different_keys() -> None:
    items = items_with(
        [("9007199254740992",), ("9007199254740993",), ("0.1",), ("0.1000000000000000055",)], types=("N",)
    )
    assert kept(last_of_each_key(items)[0]) == [0, 1, 2, 3]


def test_hashes_of_equal_keys_are_equal_across_blocks() -> None:
    first = last_of_each_key(items_with([("a", "1.0"), ("b", "2")], types=("S", "N")))[1]
    second = last_of_each_key(items_with([("a", "1"), ("c", "2")], types=("S", "N")))[1]
    assert len(set(first.hashes) & set(second.hashes)) == 1


def test_without_keys_nothing_is_replaced() -> None:
    """A preview without a feed."""
    keyless = items_with([("a",), ("a",)])
    items, hashes, replaced = last_of_each_key(Items(keyless.attributes, (), keyless.records))
    assert (kept(items), hashes.count, list(hashes.hashes), replaced) == ([0, 1], 0, [], 0)


def keys_of(keys: Sequence[tuple[str, ...]], types: tuple[str, ...] = ("S", "S")) -> KeyHashes:
    return last_of_each_key(items_with(keys, types=types))[1]


NUMBERS = ["1", "1.0", "+1", "01", "1e0", "2", "-3", "10", "9007199254740993", "12345678901234567890123"]
BLOCKS = st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1), max_size=6)


@given(BLOCKS, st.booleans())
def test_keys_seen_in_earlier_blocks_are_counted_in_whatever_order_they_come(
    blocks: list[list[str]], has_sort_key: bool
) -> None:
    seen, expected = SeenKeys(), set[str]()
    for block in blocks:
        keys = [(key, "x") if has_sort_key else (key,) for key in block]
        assert seen.add(keys_of(keys)) == len(expected & set(block))
        expected |= set(block)


@given(st.lists(st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=6), max_size=6))
def test_equal_numbers_are_seen_again_however_they_are_spelled(blocks: list[list[str]]) -> None:
    seen, expected = SeenKeys(), set[Decimal]()
    for block in blocks:
        values = set(map(Decimal, block))
        assert seen.add(keys_of([(number,) for number in block], types=("N",))) == len(expected & values)
        expected |= values


class Hashed(KeyHashes):
    """Keys that have these hashes, whatever they are."""

    def __init__(self, hashes: list[int]) -> None:
        super().__init__(items_with([(str(n),) for n in range(len(hashes))], types=("S",)))
        self.__dict__ |= {"hashes": array("q", hashes), "range": None}


SOME_HASHES = st.sampled_from([-(2**63), -1, 0, 1, 2, 3, 2**63 - 1]) | st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.lists(SOME_HASHES, min_size=1), max_size=8))
def test_rows_are_counted_by_their_hashes_as_pythons_sets_count_them(blocks: list[list[int]]) -> None:
    seen, known = SeenKeys(), set[int]()
    for number, block in enumerate(blocks):
        counted, before = seen.add(Hashed(block)), len(known)
        known.update(block)
        assert counted == (before + len(block) - len(known) if number else 0)


def test_blocks_of_a_file_in_the_order_of_its_keys_are_not_hashed() -> None:
    seen = SeenKeys()
    blocks = [keys_of([(f"k{n:03}",) for n in range(start, start + 10)]) for start in (0, 10, 20)]
    assert [seen.add(block) for block in blocks] == [0, 0, 0]
    assert [vars(block).get("hashes") for block in blocks] == [None, None, None]


def test_a_block_that_lies_among_those_before_is_compared_with_all_of_them() -> None:
    seen = SeenKeys()
    for start in (0, 10, 20):
        seen.add(keys_of([(f"k{n:03}",) for n in range(start, start + 10)]))
    assert seen.add(keys_of([("k005",), ("k015",), ("k025",), ("k0255",)])) == 3
    assert seen.add(keys_of([("k0255",), ("z",)])) == 1


def test_a_block_without_items_changes_nothing() -> None:
    seen = SeenKeys()
    assert [seen.add(keys_of([(key,)] if key else [])) for key in ("a", "", "b", "a")] == [0, 0, 0, 1]


def test_without_keys_nothing_is_seen_again() -> None:
    keyless = items_with([("a",)])
    seen = SeenKeys()
    assert [seen.add(last_of_each_key(Items(keyless.attributes, (), keyless.records))[1]) for _ in range(3)] == [
        0,
        0,
        0,
    ]


# --- which rows they are ---


def from_line(first_line: int) -> LinesOf:
    """The lines of a block whose records are a line each."""
    return lambda records: {record: first_line + record for record in records}


@given(BLOCKS, st.sampled_from(["S", "N"]), st.integers(1, 8))
def test_each_row_is_reported_with_the_row_before_it_that_has_its_key(
    blocks: list[list[str]], kind: str, limit: int
) -> None:
    seen, last, line = SeenKeys(), dict[str, int](), 1
    for block in blocks:
        keys = [(key if kind == "S" else f"{ord(key)}.{'0' * (n % 3)}",) for n, key in enumerate(block)]
        expected = []
        for n, key in enumerate(block):
            if key in last:
                expected.append((line + n, last[key]))
            last[key] = line + n
        items = items_with(keys, types=(kind,))
        hashes = last_of_each_key(items)[1]
        seen.add(hashes, from_line(line))
        found = replacements(items, seen.lines_before(hashes), limit)
        lines = [(line + one.record, one.replaced_line or line + (one.replaced or 0)) for one in found]
        assert lines == expected[:limit]
        assert [one.key for one in found] == [{"p": keys[one.record][0]} for one in found]
        line += len(block)


def test_a_row_is_found_in_the_last_of_several_blocks_that_have_its_key() -> None:
    seen = SeenKeys()
    for n in range(3):
        seen.add(keys_of([("b",), ("a",)]), from_line(10 * n))
    again = keys_of([("x",), ("a",)])
    assert seen.add(again, from_line(30)) == 1
    assert seen.lines_before(again) == {hash("a"): 21}


def test_blocks_that_were_in_the_order_of_their_keys_are_searched_as_well() -> None:
    seen = SeenKeys()
    for start in (0, 10, 20):
        seen.add(keys_of([(f"k{n:03}",) for n in range(start, start + 10)]), from_line(start))
    again = keys_of([("k025",), ("k005",), ("new",)])
    assert seen.add(again, from_line(30)) == 2
    assert seen.lines_before(again) == {hash("k025"): 25, hash("k005"): 5}


def test_a_row_whose_block_has_rejects_is_found_by_its_record() -> None:
    items = items_with([("a",), ("b",), ("c",)])
    some = KeyHashes(Items(items.attributes, items.keys, [4, 7, 9]))
    seen = SeenKeys()
    seen.add(some, from_line(100))
    again = keys_of([("b",)])
    seen.add(again, from_line(200))
    assert seen.lines_before(again) == {hash("b"): 107}


def test_the_lines_of_earlier_blocks_are_forgotten_where_no_more_are_wanted() -> None:
    seen = SeenKeys()
    seen.add(keys_of([("a",)]), from_line(1))
    seen.add(keys_of([("b",), ("a",)]), from_line(2))
    again = keys_of([("a",)])
    assert seen.add(again) == 1  # still counted
    assert seen.lines_before(again) == {}


def test_a_composite_key_and_a_binary_one_are_reported_by_attribute() -> None:
    items = items_with([("YQ==", "1.0"), ("YQ==", "1")], types=("B", "N"))
    (found,) = replacements(items, {}, 20)
    assert (found.key, found.record, found.replaced) == ({"p": "YQ==", "s": "1"}, 1, 0)
