"""Reading what a table holds and comparing it: equal means equal to DynamoDB, however many answers it takes."""

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dynamodb.encode import item_json
from ingest.dynamodb.http.response import Answer
from ingest.dynamodb.unchanged import GROUP_ANSWERS, MAX_KEYS, WANTED_BYTES, Comparison, ComparisonRules, StoredReads
from ingest.feeds.feed import KeyAttribute
from ingest.items.items import Items
from ingest.items.numbers import canonical_number
from tests.dynamodb.test_batches import keyed_items
from tests.support.tables import any_items, attribute, items_of, meaning, read_strictly

KEY = "\0key"
Stored = dict[str, dict[str, Any]]


def answered(items: Sequence[Stored]) -> bytes:
    return json.dumps({"Responses": {"T": items}, "UnprocessedKeys": {}}, separators=(",", ":")).encode()


def with_keys(items: Items) -> Items:
    """Return items with one more attribute, which is their key."""
    key = attribute(KEY, "S", [f"k{row}" for row in range(len(items))])
    return Items((*items.attributes, key), (KeyAttribute(KEY, "S", ""),), range(len(items)))


def respelled(value: Any) -> Any:
    """Return a value as DynamoDB spells it, and sets in another order."""
    ((kind, inner),) = value.items()
    plain = lambda text: format(Decimal(canonical_number(text)), "f")  # noqa: E731
    change = {
        "N": plain,
        "NS": lambda members: sorted(map(plain, members)),
        "SS": lambda members: sorted(members, reverse=True),
        "L": lambda members: list(map(respelled, members)),
        "M": lambda members: {name: respelled(members[name]) for name in sorted(members, reverse=True)},
    }.get(kind, lambda same: same)
    return {kind: change(inner)}


CHANGES: dict[str, Any] = {
    "same": lambda item, name: item,
    "absent": lambda item, name: None,
    "more": lambda item, name: {**item, "\0more": {"S": "m"}},
    "missing": lambda item, name: {key: value for key, value in item.items() if key != name},
    "other": lambda item, name: {**item, name: {"S": "\0other"}},
    "null": lambda item, name: {**item, name: {"NULL": True}},
}


@st.composite
def compared(draw: st.DrawFn) -> tuple[Items, list[Stored | None], list[str]]:
    """Return items, what a table holds for each, and what each row does."""
    items = with_keys(draw(any_items()))
    removes = draw(st.lists(st.booleans(), min_size=6, max_size=6))
    attributes = [replace(a, remove_null=some) for a, some in zip(items.attributes, removes, strict=False)]
    items, stored = replace(items, attributes=tuple(attributes)), list[Stored | None]()
    names = [attribute.name for attribute in items.attributes if attribute.name != KEY]
    for text in map(str, item_json(items).to_pylist()):
        item = {name: respelled(value) for name, value in read_strictly(text).items()}
        stored.append(CHANGES[draw(st.sampled_from(sorted(CHANGES)))](item, draw(st.sampled_from(names))))
    operations = st.sampled_from(["put", "update", "delete"])
    return items, stored, draw(st.lists(operations, min_size=len(items), max_size=len(items)))


def is_unchanged(items: Items, row: int, operation: str, theirs: Stored | None) -> bool:
    """Return whether writing a row would leave the table as it is."""
    if operation == "delete" or theirs is None:
        return operation == "delete" and theirs is None
    ours = read_strictly(item_json(items.slice(row, row + 1))[0].as_py())
    removed = {a.name for a in items.attributes if a.remove_null and a.name not in ours}
    after = {name: value for name, value in theirs.items() if name not in removed} | ours
    after = ours if operation == "put" else after
    return {name: meaning(value) for name, value in after.items()} == {n: meaning(v) for n, v in theirs.items()}


@given(compared(), st.randoms(use_true_random=False))
def test_what_is_unchanged_is_what_writing_would_leave_as_it_is(
    case: tuple[Items, list[Stored | None], list[str]], order: Any
) -> None:
    items, stored, operations = case
    made = replace(items, operations=pa.array(operations, pa.string()))
    held = [item for item in stored if item is not None]
    order.shuffle(held)
    expected = [row for row, theirs in enumerate(stored) if is_unchanged(items, row, operations[row], theirs)]
    answers = [answered(held[:2]), answered(held[2:])]
    comparison = Comparison(made, "T", ComparisonRules())
    assert comparison.unchanged(range(len(items)), answers).others == expected
    comparison._by_arrow = False  # the other way comes to the same
    assert comparison.unchanged(range(len(items)), answers).others == expected


@given(keyed_items())
def test_items_are_found_by_keys_of_all_types_in_any_spelling(items: Items) -> None:
    held = [read_strictly(text) for text in map(str, item_json(items).to_pylist())]
    answers = [answered([{name: respelled(value) for name, value in item.items()} for item in reversed(held)])]
    assert Comparison(items, "T", ComparisonRules()).unchanged(range(len(items)), answers).others == [
        *range(len(items))
    ]


def test_what_says_where_an_item_came_from_may_differ_and_a_rows_own_item_is_known() -> None:
    key = (KeyAttribute("id", "S", "id"),)
    items = items_of(attribute("id", "S", ["a", "b"]), attribute("row", "S", ["f#1", "f#2"]), keys=key)
    held = [{"id": {"S": name}, "row": {"S": "f#1"}} for name in "ab"]
    found = Comparison(items, "T", ComparisonRules(ignored=frozenset({"row"}), row="row")).unchanged(
        [0, 1], [answered(held)]
    )
    assert (found.others, found.own) == ([1], [0])


# --- reading ---


class Table:
    """Answers reads with items of a size, as many keys as there is room for."""

    def __init__(self, items: Items, *, text: str = "x", room: int = 16 * 1024 * 1024) -> None:
        self.reads = StoredReads(items, "T", None, self._take)
        self.requests: list[int] = []
        self.groups: list[tuple[list[int], int]] = []
        self._text, self._room = text, room

    def _take(self, rows: Sequence[int], answers: Sequence[bytes]) -> None:
        found = [int(item["id"]["S"]) for body in answers for item in json.loads(body)["Responses"]["T"]]
        assert sorted(found) == sorted(rows)
        self.groups.append((list(rows), len(answers)))

    def read_all(self) -> None:
        for request in self.reads.fresh():
            self.ask(request)
        self.reads.finish()

    def ask(self, request: Any) -> None:
        asked = read_strictly(request.body)["RequestItems"]["T"]
        assert asked.keys() == {"ConsistentRead", "Keys"} and asked["ConsistentRead"] is True
        self.requests.append(len(asked["Keys"]))
        count = max(1, self._room // (len(self._text) + 100))
        items = [{**key, "text": {"S": self._text}} for key in asked["Keys"][:count]]
        left = {"T": {"Keys": asked["Keys"][count:], "ConsistentRead": True}} if asked["Keys"][count:] else {}
        body = json.dumps({"Responses": {"T": items}, "UnprocessedKeys": left}, separators=(",", ":")).encode()
        outcome = self.reads.answered(request, Answer(200, body, True))
        assert outcome is not None
        rest = [*outcome.instead, *([outcome.left] if outcome.left else [])]
        assert sorted([*outcome.done, *(row for one in rest for row in one.rows)]) == sorted(request.rows)
        for one in rest:
            self.ask(one)


def numbered(count: int) -> Items:
    key = (KeyAttribute("id", "S", "id"),)
    return items_of(attribute("id", "S", [str(n) for n in range(count)]), keys=key)


def test_small_items_are_read_a_hundred_at_a_time_and_handed_on_many_answers_at_a_time() -> None:
    table = Table(numbered(9050))
    table.read_all()
    assert set(table.requests) == {MAX_KEYS, 50} and sum(table.requests) == 9050
    assert [count for _, count in table.groups] == [GROUP_ANSWERS] * 2 + [len(table.requests) - 2 * GROUP_ANSWERS]
    assert sorted(row for rows, _ in table.groups for row in rows) == list(range(9050))


def test_large_items_are_read_a_few_at_a_time_once_their_size_is_known() -> None:
    table = Table(numbered(160), text="x" * 300_000, room=16_000_000)
    table.read_all()
    assert table.requests[0] == MAX_KEYS
    assert table.requests[1] == MAX_KEYS - 53  # what there was no room for
    assert max(table.requests[2:]) <= WANTED_BYTES // 300_000
    assert sorted(row for rows, _ in table.groups for row in rows) == list(range(160))


@pytest.mark.parametrize("body", [b"{}", b'{"__type":"Odd"}', b"<html>"])
def test_an_answer_without_what_was_asked_for_is_not_one(body: bytes) -> None:
    table = Table(numbered(3))
    (request,) = table.reads.fresh()
    assert table.reads.answered(request, Answer(200, body, True)) is None


def test_keys_left_for_want_of_capacity_are_asked_for_again_later() -> None:
    table = Table(numbered(3))
    (request,) = table.reads.fresh()
    left = {"T": {"Keys": [{"id": {"S": "2"}}]}}
    held = [{"id": {"S": name}} for name in "01"]
    body = json.dumps({"Responses": {"T": held}, "UnprocessedKeys": left}).encode()
    outcome = table.reads.answered(request, Answer(200, body, True))
    assert outcome is not None and outcome.left is not None
    assert (list(outcome.done), list(outcome.left.rows), outcome.instead) == ([0, 1], [2], ())
