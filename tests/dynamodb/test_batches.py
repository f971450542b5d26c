"""Batches as DynamoDB takes them, what to send again, and what it costs."""

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dynamodb import batches as module
from ingest.dynamodb.batches import MAX_BODY_BYTES, Batch, batches, body_of, unprocessed
from ingest.dynamodb.encode import write_requests
from ingest.dynamodb.write_stats import write_units
from ingest.feeds.column import ColumnType
from ingest.feeds.feed import Feed, KeyAttribute
from ingest.items.convert import document_bytes
from ingest.items.fold import fold
from ingest.items.items import Items
from ingest.items.numbers import canonical_number
from ingest.items.validate import item_sizes
from tests.support.items import python_items
from tests.support.tables import ODD_NUMBERS, any_items, attribute, items_of, meaning, read_strictly, sent_by_boto3


def sent(body: bytes, table: str = "Table") -> list[dict[str, Any]]:
    """Return the items in a body."""
    ((name, requests),) = read_strictly(body)["RequestItems"].items()
    assert name == table
    return [request["PutRequest"]["Item"] for request in requests]


def texts(values: Sequence[str]) -> Items:
    return items_of(attribute("id", "S", list(map(str, range(len(values))))), attribute("t", "S", list(values)))


@given(any_items(), st.sampled_from(["Table", 'T"\\', "größe"]))
def test_batches_hold_all_items_in_order_as_boto3_would_send_them(items: Items, table: str) -> None:
    made = [item for batch in batches(items, table) for item in sent(batch.body, table)]
    assert [{name: meaning(value) for name, value in item.items()} for item in made] == sent_by_boto3(items)


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (25, [25]), (26, [25, 1]), (4001, [25] * 160 + [1]), (8000, [25] * 320)]
)
def test_a_batch_holds_25_items_and_the_last_one_the_rest(count: int, sizes: list[int]) -> None:
    made = list(batches(texts(["x"] * count), "Table"))
    assert [len(batch.rows) for batch in made] == sizes
    assert [row for batch in made for row in batch.rows] == list(range(count))
    assert [int(item["id"]["S"]) for batch in made for item in sent(batch.body)] == list(range(count))


def test_items_that_escapes_make_large_are_sent_fewer_at_a_time() -> None:
    made = list(batches(texts(["\1" * 380_000] * 10), "Table"))
    assert [len(batch.rows) for batch in made] == [7, 3]
    assert all(len(batch.body) <= MAX_BODY_BYTES for batch in made)


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(200, 2000))
def test_a_batch_takes_as_many_items_as_fit(lengths: list[int], limit: int) -> None:
    items = texts(["x" * length for length in lengths])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_BODY_BYTES", limit)
        made = list(batches(items, "Table"))
    assert [row for batch in made for row in batch.rows] == list(range(len(lengths)))
    assert all(len(batch.body) <= limit or len(batch.rows) == 1 for batch in made)
    for batch, after in pairwise(made):
        more = body_of(write_requests(items.slice(batch.rows[0], after.rows[0] + 1)), "Table")
        assert len(more) > limit or len(batch.rows) == 25


@given(st.lists(st.text(max_size=20), min_size=1, max_size=80))
def test_items_too_large_for_one_column_of_text_are_encoded_in_parts(values: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_SLICE_BYTES", 1000)
        made = list(batches(texts(values), "Table"))
    assert [item["t"]["S"] for batch in made for item in sent(batch.body)] == values
    assert [row for batch in made for row in batch.rows] == list(range(len(values)))


@given(st.data())
def test_any_rows_of_a_batch_can_be_sent_again(data: st.DataObject) -> None:
    made = list(batches(texts(list("abcdefghijklmnopqrstuvwxyz") * 2), "Table"))
    batch = data.draw(st.sampled_from(made))
    rows = data.draw(st.lists(st.sampled_from(list(batch.rows)), min_size=1, unique=True))
    again = batch.only(rows)
    assert [int(item["id"]["S"]) for item in sent(again.body)] == list(again.rows) == rows
    assert sent(again.only(rows[-1:]).body) == sent(again.body)[-1:]
    assert batch.only(batch.rows).body == body_of(batch.requests, "Table") == batch.body


NUMBERS = st.sampled_from([*ODD_NUMBERS, "1", "2", "10", "2.50", "-3"])
KEYS: dict[str, st.SearchStrategy[Any]] = {"S": st.text(min_size=1), "N": NUMBERS, "B": st.binary(min_size=1)}


def keyed(kinds: Sequence[ColumnType], keys: Sequence[Sequence[Any]]) -> Items:
    """Return items with keys of these types, some of which may be equal, and one more attribute."""
    names = ("p", "s")[: len(kinds)]
    columns = [attribute(name, kinds[i], [key[i] for key in keys]) for i, name in enumerate(names)]
    counts = attribute("n", "N", [f"{row}.0" for row in range(len(keys))])
    return items_of(counts, *columns, keys=tuple(map(KeyAttribute, names, kinds, names)))


@st.composite
def keyed_items(draw: st.DrawFn) -> Items:
    kinds = draw(st.lists(st.sampled_from(["S", "N", "B"]), min_size=1, max_size=2))
    keys = draw(st.lists(st.tuples(*(KEYS[kind] for kind in kinds)), min_size=1, max_size=40))
    return fold(keyed(kinds, keys), Feed("f/", "T", "p")).items


@given(keyed_items(), st.data())
def test_items_are_put_or_deleted_as_each_says_or_else_as_all_do(items: Items, data: st.DataObject) -> None:
    each = data.draw(st.lists(st.sampled_from(["put", "delete"]), min_size=len(items), max_size=len(items)))
    for operations, operation in ((None, "put"), (None, "delete"), (pa.array(each, pa.string()), "put")):
        wanted = each if operations is not None else [operation] * len(items)
        made = replace(items, operations=operations)
        whole, requests = [item for batch in batches(items, "Table") for item in sent(batch.body)], list[Any]()
        for batch in batches(made, "Table", operation=operation):
            requests += read_strictly(batch.body)["RequestItems"]["Table"]
            assert batch.write_units == len(batch.rows)
        keys = [{key.name: item[key.name] for key in items.keys} for item in whole]
        assert requests == [
            {"PutRequest": {"Item": item}} if what == "put" else {"DeleteRequest": {"Key": key}}
            for what, item, key in zip(wanted, whole, keys, strict=True)
        ]


def test_a_delete_takes_one_unit_however_large_the_rest_of_its_row() -> None:
    items = replace(texts(["x" * 5000] * 3), operations=pa.array(["put", "delete", "put"]))
    items = replace(items, keys=(KeyAttribute("id", "S", "id"),))
    assert [batch.write_units for batch in batches(items, "Table")] == [5 + 1 + 5]


@given(keyed_items())
def test_a_batch_of_distinct_items_holds_each_key_once(items: Items) -> None:
    names = [key.name for key in items.keys]
    for batch in batches(items, "Table"):
        keys = [repr([meaning(item[name]) for name in names]) for item in as_dynamodb_spells(sent(batch.body))]
        assert len(set(keys)) == len(keys) == len(batch.rows)


def as_dynamodb_spells(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the items with numbers in another spelling of the same: 1.0 is 1, 1E+2 is 100."""
    return [{name: respelled(value) for name, value in item.items()} for item in items]


def respelled(value: dict[str, Any]) -> dict[str, Any]:
    return {"N": format(Decimal(canonical_number(value["N"])), "f")} if "N" in value else value


@given(keyed_items(), st.data())
def test_unprocessed_items_are_found_again_in_any_order_and_spelling(items: Items, data: st.DataObject) -> None:
    batch = data.draw(st.sampled_from(list(batches(items, "Table"))))
    left = data.draw(st.lists(st.sampled_from(list(batch.rows)), unique=True))
    in_batch = as_dynamodb_spells(sent(batch.body))
    answer = answered([in_batch[batch.rows.index(row)] for row in left], [key.name for key in items.keys])
    assert unprocessed(json.dumps(answer).encode(), batch, items) == sorted(left)
    assert unprocessed(with_bytes(answer), batch, items) == sorted(left)
    if left:
        again = batch.only(sorted(left))
        assert unprocessed(answer, again, items) == sorted(left)


def answered(items: list[dict[str, Any]], keys: Sequence[str] = ()) -> dict[str, Any]:
    """Return what an answer says of items it leaves; every second is one to be deleted, if their `keys` are given."""
    requests = [
        {"DeleteRequest": {"Key": {name: item[name] for name in keys}}}
        if keys and n % 2
        else {"PutRequest": {"Item": item}}
        for n, item in enumerate(items)
    ]
    return {"UnprocessedItems": {"Table": requests} if requests else {}}


def with_bytes(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer as botocore hands it on: what JSON has in base64 is bytes."""
    if answer.keys() == {"B"}:
        return {"B": base64.b64decode(answer["B"])}
    return {
        name: with_bytes(value)
        if isinstance(value, dict)
        else [with_bytes(v) for v in value]
        if name == "Table"
        else value
        for name, value in answer.items()
    }


def only_batch(items: Items) -> Batch:
    (batch,) = batches(items, "Table")
    return batch


@pytest.mark.parametrize("answer", [b"{}", b'{"UnprocessedItems":{}}', {}, {"UnprocessedItems": {"Table": []}}])
def test_an_answer_without_unprocessed_items_asks_for_nothing(answer: Any) -> None:
    items = keyed("S", ["a"])
    assert unprocessed(answer, only_batch(items), items) == []


def test_an_answer_with_a_key_no_one_sent_asks_for_the_whole_batch() -> None:
    items = keyed("S", ["a", "b", "c"])
    strange = answered([{"p": {"S": "b"}}, {"p": {"S": "?"}}])
    assert unprocessed(strange, only_batch(items), items) == [0, 1, 2]


def test_strings_that_are_equal_as_numbers_are_different_keys() -> None:
    items = keyed("S", [["1"], ["1.0"]])
    assert unprocessed(answered([{"p": {"S": "1.0"}}]), only_batch(items), items) == [1]


@given(any_items())
def test_write_units_count_each_started_kib_of_each_item(items: Items) -> None:
    sizes = list(map(item_bytes, python_items(items)))
    assert item_sizes(items.attributes).to_pylist() == sizes
    assert write_units(items) == sum(math.ceil(size / 1024) for size in sizes)


@pytest.mark.parametrize(("size", "units"), [(1, 1), (1023, 1), (1024, 1), (1025, 2), (2048, 2), (2049, 3)])
def test_a_kib_is_one_unit_and_a_byte_more_is_two(size: int, units: int) -> None:
    assert write_units(items_of(attribute("ü", "S", ["x" * (size - 2)] * 3))) == 3 * units


@given(keyed_items(), st.booleans())
def test_the_write_units_of_batches_and_of_parts_of_them_are_those_of_their_items(
    items: Items, interleave: bool
) -> None:
    made = list(batches(items, "Table", interleave=interleave))
    assert sum(batch.write_units for batch in made) == write_units(items)
    for batch in made:
        some = list(batch.rows)[::2]
        assert batch.only(some).write_units == write_units(items.take(some))


def test_sizes_that_are_known_stay_known_of_some_of_the_items() -> None:
    sizes = [500, 1500, None, 2500]
    document = replace(attribute("d", "L", ["[]", "[1]", None, "[2]"]), sizes=pa.array(sizes, pa.int64()))
    items = items_of(attribute("id", "S", ["a", "b", "c", "d"]), document)
    assert write_units(items) == 1 + 2 + 1 + 3
    assert write_units(items.take([3, 0])) == 3 + 1
    assert write_units(items.slice(1, 3)) == 2 + 1


@pytest.mark.parametrize("interleave", [False, True])
def test_large_items_cost_their_units_wherever_they_are_sent(interleave: bool) -> None:
    lengths = [n % 7 * 700 for n in range(120)]
    keys = tuple(KeyAttribute(name, "S", name) for name in ("p", "s"))
    columns = [[str(n % 3) for n in range(120)], [str(n) for n in range(120)], ["ü" * length for length in lengths]]
    items = items_of(*(attribute(name, "S", some) for name, some in zip("pst", columns, strict=True)), keys=keys)
    for batch in batches(items, "Table", interleave=interleave):
        bytes_each = [1 + len(str(row % 3)) + 1 + len(str(row)) + 1 + 2 * lengths[row] for row in batch.rows]
        assert batch.write_units == sum(math.ceil(size / 1024) for size in bytes_each)
        last = batch.only([batch.rows[-1]])
        assert last.write_units == math.ceil(bytes_each[-1] / 1024)


def item_bytes(item: dict[str, Any]) -> int:
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def value_bytes(value: Any) -> int:
    if isinstance(value, set):
        return sum(map(value_bytes, value))
    return len(value) if isinstance(value, bytes) else document_bytes(value)
