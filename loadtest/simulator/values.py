"""How large DynamoDB counts an item, and which values and keys it refuses. Pure; items are parsed DynamoDB JSON."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from loadtest.simulator.errors import invalid
from loadtest.simulator.settings import Key, Table

Value = Mapping[str, Any]
Item = Mapping[str, Value]
NESTED_BYTES, ELEMENT_BYTES = 3, 1  # of a list or map, and of each of its elements
LARGEST, SMALLEST = Decimal("9.9999999999999999999999999999999999999E+125"), Decimal("1E-130")
MAX_DIGITS = 38
MAX_NUMBER_BYTES = 21
_DIGITS = Context(prec=MAX_DIGITS)
MAX_PARTITION_KEY_BYTES, MAX_SORT_KEY_BYTES = 2048, 1024
WRONG_VALUES = "One or more parameter values were invalid: "


def item_bytes(item: Item) -> int:
    """Return the size of an item: its names and values in UTF-8.

    >>> item_bytes({"pk": {"S": "Köln"}, "on": {"BOOL": True}})
    10
    """
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def check_values(item: Item) -> None:
    """Check that each value has one type, numbers and sets."""
    for value in item.values():
        if len(value) != 1:
            fault = "has more than one datatypes set" if value else "is empty"
            raise invalid(f"Supplied AttributeValue {fault}, must contain exactly one of the supported datatypes")
        for kind, content in value.items():
            _check(kind, content)


def _value_bytes(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "M":
            return NESTED_BYTES + item_bytes(content) + ELEMENT_BYTES * len(content)
        case "L":
            return NESTED_BYTES + sum(_value_bytes(element) + ELEMENT_BYTES for element in content)
        case "SS" | "NS" | "BS":
            return sum(scalar_bytes(kind[0], element) for element in content)
        case _:
            return scalar_bytes(kind, content)


def scalar_bytes(kind: str, content: Any) -> int:
    """Return the size of a value that has no others in it.

    >>> scalar_bytes("S", "Köln"), scalar_bytes("N", "-12.50"), scalar_bytes("B", "AAAA"), scalar_bytes("NULL", True)
    (5, 4, 3, 1)
    """
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return _number_bytes(content)
        case "B":
            return len(b64decode(content))
        case _:
            return 1


def _number_bytes(text: str) -> int:
    """Return a byte, one for each pair of digits counted from the point, and one for a minus."""
    number = Decimal(text).normalize(_DIGITS)
    if not number:
        return 1
    pairs = 1 + number.adjusted() // 2 - int(number.as_tuple().exponent) // 2
    return min(MAX_NUMBER_BYTES, 1 + pairs + number.is_signed())


def _check(kind: str, content: Any) -> None:
    match kind:
        case "N":
            _check_number(content)
        case "M":
            check_values(content)
        case "L":
            for element in content:
                check_values({"": element})
        case "SS" | "NS" | "BS":
            if not content:
                raise invalid(f"{WRONG_VALUES}A set may not be empty")
            for member in content:
                _check(kind[0], member)


def _check_number(text: str) -> None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
    if len("".join(map(str, number.as_tuple().digits)).strip("0")) > MAX_DIGITS:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    if abs(number) > LARGEST:
        raise invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
    if 0 < abs(number) < SMALLEST:
        raise invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")


def key_values(item: Item, table: Table | None) -> Iterator[str]:
    """Yield the values of the key attributes, such that equal keys are equal."""
    keys = table.keys if table else ()
    if any(key.type not in item.get(key.name, {}) for key in keys):
        raise invalid("The provided key element does not match the schema")
    for key in keys:
        value = item[key.name][key.type]
        _check_key(key, value, is_partition=key is keys[0])
        yield str(Decimal(value).normalize()) if key.type == "N" else value


def _check_key(key: Key, value: str, *, is_partition: bool) -> None:
    if not value:
        kind = "binary" if key.type == "B" else "string"
        raise invalid(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
            f"empty {kind} value. Key: {key.name}"
        )
    size, words = scalar_bytes(key.type, value), f"{WRONG_VALUES}Size of hashkey has exceeded the maximum size limit of"
    if not is_partition:
        words = f"{WRONG_VALUES}Aggregated size of all range keys has exceeded the size limit of "
    if size > (most := MAX_PARTITION_KEY_BYTES if is_partition else MAX_SORT_KEY_BYTES):
        raise invalid(f"{words}{most} bytes")
