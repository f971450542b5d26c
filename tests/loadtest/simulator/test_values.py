import math
from typing import Any

import pytest

from loadtest.simulator.errors import RequestRefused
from loadtest.simulator.items import check_values, item_bytes


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": ""}, 0),
        ({"S": "Köln"}, 5),
        ({"N": "0"}, 1),
        ({"N": "123"}, 3),
        ({"N": "-123.4500"}, 5),
        ({"N": "12e100"}, 2),
        ({"N": "12e101"}, 3),
        ({"N": "12.3"}, 3),
        ({"N": "-0.0"}, 1),
        ({"N": "-" + "1" * 37 + ".1"}, 21),
        ({"B": "AAECAw=="}, 4),
        ({"BOOL": False}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["ab", "c"]}, 3),
        ({"NS": ["1", "22"]}, 4),
        ({"L": []}, 3),
        ({"L": [{"S": "ab"}, {"NULL": True}]}, 3 + 1 + 2 + 1 + 1),
        ({"M": {"key": {"S": "ab"}}}, 3 + 1 + 3 + 2),
    ],
)
def test_an_item_is_as_large_as_its_names_and_values(value: dict[str, Any], size: int) -> None:
    assert item_bytes({"ü": value}) == 2 + size


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"N": "one"}, "cannot be converted to a numeric value: one"),
        ({"N": "NaN"}, "cannot be converted to a numeric value: NaN"),
        ({"N": "1" * 39}, "numeric value: 1111"),
        ({"N": "1e126"}, "numeric value: 1e126"),
        ({"N": "-1e-131"}, "numeric value: -1e-131"),
        ({"NS": ["1", "x"]}, "numeric value: x"),
        ({"SS": []}, "A set may not be empty"),
        ({"L": [{"M": {"deep": {"N": ""}}}]}, "numeric value: "),
        ({}, "Supplied AttributeValue is empty"),
        ({"S": "a", "N": "1"}, "more than one datatypes set"),
    ],
)
def test_what_dynamodb_does_not_take_in_an_item_is_refused(value: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestRefused, match=words) as refused:
        check_values([value])
    assert refused.value.name == "ValidationException"


@pytest.mark.parametrize("number", ["0", "-0.0", "1" * 38, "1" + "0" * 100, "9.9e125", "1e-130", "-12.50"])
def test_numbers_within_the_limits_are_taken(number: str) -> None:
    check_values([{"N": number}])
    assert item_bytes({"a": {"N": number}}) <= 1 + math.ceil(38 / 2) + 2
