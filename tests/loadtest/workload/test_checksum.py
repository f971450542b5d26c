"""A checksum of a table is one of its content: of nothing else, and of all of it."""

import base64
import doctest
import pkgutil
import random
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import loadtest.workload
from loadtest.workload.checksum import Checksum, canonical_number, item_hashes

Item = dict[str, dict[str, Any]]
ITEMS: list[Item] = [
    {"id": {"S": f"id-{n}"}, "city": {"S": f"Köln {n % 7}"}, "count": {"N": str(n % 11)}, "paid": {"BOOL": n % 2 == 0}}
    for n in range(5000)
]


def checksum(items: list[Item], *not_summed: str) -> int:
    found = Checksum(not_summed)
    found.add(items)
    return found.value


def test_order_and_portions_do_not_matter() -> None:
    items = ITEMS[:]
    random.Random(1).shuffle(items)
    found = Checksum()
    found.add(items[:33])
    found.add(iter(items[33:3000]))
    found.add(items[3000:])
    assert (found.value, found.items) == (checksum(ITEMS), len(ITEMS))
    reversed_attributes = [dict(reversed(item.items())) for item in ITEMS]
    assert checksum(reversed_attributes) == checksum(ITEMS)


@pytest.mark.parametrize(
    "change",
    [
        lambda items: items.pop(17),
        lambda items: items.append(items[17]),
        lambda items: items.__setitem__(17, items[18]),
        lambda items: items[17].update(count={"N": "12"}),
        lambda items: items[17].update(count={"S": items[17]["count"]["N"]}),
        lambda items: items[17].update(city={"S": items[17]["city"]["S"] + "\0"}),
        lambda items: items[17].update(paid={"BOOL": not items[17]["paid"]["BOOL"]}),
        lambda items: items[17].update(more={"NULL": True}),
        lambda items: items[17].update(more={"S": ""}),
        lambda items: items[17].pop("city"),
        lambda items: _swap(items, 17, 18, "city"),
        lambda items: _swap(items, 17, 18, "count"),
    ],
)
def test_whatever_is_lost_doubled_changed_or_swapped_is_seen(change: Any) -> None:
    items = [dict(item) for item in ITEMS[:100]]
    change(items)
    assert checksum(items) != checksum(ITEMS[:100])


def _swap(items: list[Item], one: int, other: int, name: str) -> None:
    items[one][name], items[other][name] = items[other][name], items[one][name]


def test_values_swapped_between_two_attributes_of_an_item_are_seen() -> None:
    assert checksum([{"a": {"S": "x"}, "b": {"S": "y"}}]) != checksum([{"a": {"S": "y"}, "b": {"S": "x"}}])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"N": "1.50"}, {"N": "15E-1"}),
        ({"N": "-0.0"}, {"N": "0"}),
        ({"B": base64.b64encode(b"ab").decode()}, {"B": b"ab"}),
        ({"SS": ["a", "b"]}, {"SS": ["b", "a"]}),
        ({"NS": ["10", "9"]}, {"NS": ["9.0", "1e1"]}),
        ({"L": [{"N": "1.0"}, {"NULL": True}]}, {"L": [{"N": "1"}, {"NULL": True}]}),
        ({"M": {"a": {"S": "x"}, "b": {"NS": ["1"]}}}, {"M": {"b": {"NS": ["1.0"]}, "a": {"S": "x"}}}),
    ],
)
def test_spellings_of_one_value_are_one(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert checksum([{"v": one}]) == checksum([{"v": other}])


def test_attributes_that_report_of_the_load_can_be_left_out() -> None:
    with_line = [item | {"line": {"N": str(n)}} for n, item in enumerate(ITEMS)]
    assert checksum(with_line, "line") == checksum(ITEMS)


def test_long_values_count_to_their_last_byte() -> None:
    texts = ["x" * 300_000, "x" * 300_001, "x" * 299_999 + "y", "y" + "x" * 299_999]
    assert len(set(item_hashes([{"a": {"S": text}} for text in texts]).tolist())) == 4


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_equal_numbers_have_one_spelling(number: Decimal) -> None:
    assert canonical_number(str(number)) == canonical_number(f"{number:e}") == canonical_number(f"{number:f}")
    assert Decimal(canonical_number(str(number))) == number


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(loadtest.workload.__path__)])
def test_the_examples_in_a_module_hold(name: str) -> None:
    assert doctest.testmod(import_module(f"loadtest.workload.{name}")).failed == 0
