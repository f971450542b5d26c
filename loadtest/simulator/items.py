"""Items as DynamoDB takes them: how large they are, which values and keys it refuses, conditions and updates. Pure.

Items are parsed DynamoDB JSON; expressions are of the kinds that the product sends.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from loadtest.simulator.errors import RequestRefused, invalid
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


MAX_EXPRESSION_BYTES = 4096
Condition = Callable[[Item], bool]  # of the item as it is; where there is none, it has no attributes

_TERM = re.compile(r"attribute_not_exists\((#\w+)\)|begins_with\((#\w+), ?(:\w+)\)|(#\w+) <= (:\w+)")
_CLAUSES = re.compile(r"(?:SET (?P<set>.+?))?(?:(?:^| )REMOVE (?P<remove>.+))?")
_PART = re.compile(r" *(#\w+)(?: *= *(:\w+))? *")
_COMPARED: Mapping[str, Callable[[Any], Any]] = {"N": Decimal, "S": str.encode, "B": b64decode}


class Placeholders:
    """The names and values that a request's expressions stand for; each must be used."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        kinds = ("ExpressionAttributeNames", "ExpressionAttributeValues")
        self._given: dict[str, Any] = {}
        for kind in kinds:
            if (given := request.get(kind)) == {}:
                raise invalid(f"{kind} must not be empty")
            self._given |= given or {}
        self._unused = set(self._given)
        try:
            check_values(request.get(kinds[1]) or {})
        except RequestRefused as refused:
            raise invalid(f"ExpressionAttributeValues contains invalid value: {refused}") from None

    def __getitem__(self, placeholder: str) -> Any:
        """Return an attribute's name, or a value."""
        if placeholder not in self._given:
            what = "name" if placeholder[0] == "#" else "value"
            raise invalid(f"An expression attribute {what} is not defined; attribute {what}: {placeholder}")
        self._unused.discard(placeholder)
        return self._given[placeholder]

    def check_used(self) -> None:
        """Check that nothing is left over."""
        if self._unused:
            raise invalid(f"A value provided is unused in expressions: keys: {{{', '.join(sorted(self._unused))}}}")


def condition_of(text: str, placeholders: Placeholders) -> Condition:
    """Return whether an item fits a ConditionExpression: terms with OR between them."""
    _check_size(text)
    terms = [_term(term.strip(), placeholders) for term in text.split(" OR ")]
    return lambda item: any(fits(item) for fits in terms)


def _term(text: str, placeholders: Placeholders) -> Condition:
    """Return whether an item fits one term; values of other types than the one given do not."""
    if not (found := _TERM.fullmatch(text)):
        raise _syntax_error(text)
    if found[1]:
        absent = placeholders[found[1]]
        return lambda item: absent not in item
    name, [(kind, content)] = placeholders[found[2] or found[4]], placeholders[found[3] or found[5]].items()
    is_order, read = bool(found[4]), _COMPARED.get(kind)
    if read is None or not (is_order or kind == "S"):
        what = "<=" if is_order else "begins_with"
        raise invalid(f"Incorrect operand type for operator or function: {what}, operand type: {kind}")
    if is_order:
        return lambda item: kind in item.get(name, {}) and bool(read(item[name][kind]) <= read(content))
    return lambda item: "S" in item.get(name, {}) and str(item[name]["S"]).startswith(content)


@dataclass(frozen=True, slots=True)
class Change:
    """What an update sets and removes."""

    sets: Item
    removes: frozenset[str]

    def of(self, item: Item) -> Item:
        """Return the item after the change."""
        return {name: value for name, value in item.items() if name not in self.removes} | dict(self.sets)


NO_CHANGE = Change({}, frozenset())


def change_of(text: str, placeholders: Placeholders, keys: Collection[str]) -> Change:
    """Return what an UpdateExpression says: `SET #a=:a, ... REMOVE #b, ...`, of attributes other than `keys`."""
    _check_size(text)
    if not (clauses := _CLAUSES.fullmatch(text)):
        raise _syntax_error(text)
    parts = [(kind, _PART.fullmatch(part)) for kind, of in clauses.groupdict().items() if of for part in of.split(",")]
    if not all(part and bool(part[2]) == (kind == "set") for kind, part in parts):
        raise _syntax_error(text)
    pairs = [(placeholders[part[1]], placeholders[part[2]] if part[2] else None) for _, part in parts if part]
    names = [name for name, _ in pairs]
    if of_key := set(keys).intersection(names):
        raise invalid(f"{WRONG_VALUES}Cannot update attribute {min(of_key)}. This attribute is part of the key")
    if len(set(names)) < len(names):
        raise invalid("Two document paths overlap with each other; must remove or rewrite one of these paths")
    return Change(
        {name: value for name, value in pairs if value}, frozenset(name for name, value in pairs if not value)
    )


def _check_size(text: str) -> None:
    if not text:
        raise invalid("The expression can not be empty;")
    if (size := len(text.encode())) > MAX_EXPRESSION_BYTES:
        raise invalid(f"Expression size has exceeded the maximum allowed size; expression size: {size}")


def _syntax_error(text: str) -> RequestRefused:
    return invalid(f"Syntax error; or of a kind that the simulator does not know: {text[:80]}")
