"""Items by DynamoDB's rules: their size, values and keys that it rejects, conditions and updates. Pure.

Items are parsed DynamoDB JSON; only the kinds of expressions that the product sends are supported.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow, Subnormal
from typing import Any

from loadtest.simulator.errors import RequestRefused, invalid
from loadtest.simulator.settings import Table

Value = Mapping[str, Any]
Item = Mapping[str, Value]
NESTED_BYTES, ELEMENT_BYTES = 3, 1  # of a list or map, and of each of its elements
MAX_DIGITS = 38
MAX_NUMBER_BYTES = 21
_NUMBERS = Context(prec=MAX_DIGITS, Emin=-130, Emax=125, traps=[InvalidOperation, Overflow, Subnormal, Inexact])
MAX_PARTITION_KEY_BYTES, MAX_SORT_KEY_BYTES = 2048, 1024
WRONG_VALUES = "One or more parameter values were invalid: "


def item_bytes(item: Item) -> int:
    """Return the size of an item: its names and values in UTF-8.

    >>> item_bytes({"pk": {"S": "Köln"}, "on": {"BOOL": True}})
    10
    """
    return sum(len(name.encode()) + _value_bytes(*pair) for name, value in item.items() for pair in value.items())


def _value_bytes(kind: str, content: Any) -> int:
    match kind:
        case "M":
            return NESTED_BYTES + item_bytes(content) + ELEMENT_BYTES * len(content)
        case "L":
            return NESTED_BYTES + sum(item_bytes({"": element}) + ELEMENT_BYTES for element in content)
        case "SS" | "NS" | "BS":
            return sum(_value_bytes(kind[0], element) for element in content)
        case _:
            return _SCALAR_BYTES.get(kind, lambda content: 1)(content)


def _number_bytes(text: str) -> int:
    """Return the size of a number: one byte, one for each pair of digits from the point, and one for a minus."""
    number = _NUMBERS.create_decimal(text).normalize(_NUMBERS)
    if not number:
        return 1
    pairs = 1 + number.adjusted() // 2 - int(number.as_tuple().exponent) // 2
    return min(MAX_NUMBER_BYTES, 1 + pairs + number.is_signed())


_SCALAR_BYTES: Mapping[str, Callable[[Any], int]] = {
    "S": lambda content: len(content.encode()),
    "N": _number_bytes,
    "B": lambda content: len(b64decode(content)),
}


def check_values(values: Iterable[Value]) -> None:
    """Check that each value has exactly one type, and that numbers and sets are valid."""
    for value in values:
        if len(value) != 1:
            fault = "has more than one datatypes set" if value else "is empty"
            raise invalid(f"Supplied AttributeValue {fault}, must contain exactly one of the supported datatypes")
        [(kind, content)] = value.items()
        match kind:
            case "N":
                _check_number(content)
            case "M":
                check_values(content.values())
            case "L":
                check_values(content)
            case "SS" | "NS" | "BS":
                if not content:
                    raise invalid(f"{WRONG_VALUES}A set may not be empty")
                check_values({kind[0]: member} for member in content)


def _check_number(text: str) -> None:
    """Check that a number has at most 38 digits and is within DynamoDB's range."""
    try:
        is_number = _NUMBERS.create_decimal(text).is_finite()
    except DecimalException:
        is_number = False
    if not is_number:
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}")


def key_values(item: Item, table: Table | None) -> Iterator[str]:
    """Yield the values of the key attributes in a normal form, in which equal keys are equal."""
    keys = table.keys if table else ()
    if any(key.type not in item.get(key.name, {}) for key in keys):
        raise invalid("The provided key element does not match the schema")
    for key, most in zip(keys, (MAX_PARTITION_KEY_BYTES, MAX_SORT_KEY_BYTES), strict=False):
        value = item[key.name][key.type]
        if not value:
            raise invalid(f"The AttributeValue for a key attribute cannot contain an empty value. Key: {key.name}")
        if _value_bytes(key.type, value) > most:
            raise invalid(f"{WRONG_VALUES}Size of key {key.name} has exceeded the maximum size limit of {most} bytes")
        yield str(Decimal(value).normalize()) if key.type == "N" else value


MAX_EXPRESSION_BYTES = 4096
Condition = Callable[[Item], bool]  # gets the existing item; {} if there is none
Change = Callable[[Item], Item]  # returns the item after the change

_TERM = re.compile(r"attribute_not_exists\((#\w+)\)|begins_with\((#\w+), ?(:\w+)\)|(#\w+) <= (:\w+)")
_CLAUSES = re.compile(r"(?:SET (?P<set>.+?))?(?:(?:^| )REMOVE (?P<remove>.+))?")
_PART = re.compile(r" *(#\w+)(?: *= *(:\w+))? *")
_COMPARED: Mapping[str, Callable[[Any], Any]] = {"N": Decimal, "S": str.encode, "B": b64decode}


class Placeholders:
    """The names and values for the placeholders in a request's expressions; each must be used."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        names, values = (request.get(f"ExpressionAttribute{kind}") for kind in ("Names", "Values"))
        if {} in (names, values):
            raise invalid("ExpressionAttributeNames and ExpressionAttributeValues must not be empty")
        check_values((values or {}).values())
        self._given: dict[str, Any] = {**(names or {}), **(values or {})}
        self._unused = set(self._given)

    def __getitem__(self, placeholder: str) -> Any:
        """Return the attribute name or value of a placeholder."""
        if placeholder not in self._given:
            raise invalid(f"An expression attribute name or value is not defined: {placeholder}")
        self._unused.discard(placeholder)
        return self._given[placeholder]

    def check_used(self) -> None:
        """Check that every name and value was used."""
        if self._unused:
            raise invalid(f"A value provided is unused in expressions: keys: {{{', '.join(sorted(self._unused))}}}")


def condition_of(text: str, placeholders: Placeholders) -> Condition:
    """Return the predicate of a ConditionExpression, which is terms combined by OR."""
    _check_size(text)
    terms = [_term(term.strip(), placeholders) for term in text.split(" OR ")]
    return lambda item: any(fits(item) for fits in terms)


def _term(text: str, placeholders: Placeholders) -> Condition:
    """Return the predicate of one term; values of another type than the one given do not match."""
    if not (found := _TERM.fullmatch(text)):
        raise _syntax_error(text)
    if found[1]:
        absent = placeholders[found[1]]
        return lambda item: absent not in item
    name, [(kind, content)] = placeholders[found[2] or found[4]], placeholders[found[3] or found[5]].items()
    is_order, read = bool(found[4]), _COMPARED.get(kind)
    if read is None or not (is_order or kind == "S"):
        raise invalid(f"Incorrect operand type for operator or function: {text}, operand type: {kind}")
    if is_order:
        return lambda item: kind in item.get(name, {}) and bool(read(item[name][kind]) <= read(content))
    return lambda item: "S" in item.get(name, {}) and str(item[name]["S"]).startswith(content)


def change_of(text: str, placeholders: Placeholders, keys: Collection[str]) -> Change:
    """Return the change of an UpdateExpression, `SET #a=:a, ... REMOVE #b, ...`, of attributes other than `keys`."""
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
    sets = {name: value for name, value in pairs if value}
    return lambda item: {name: value for name, value in item.items() if name not in names} | sets


def _check_size(text: str) -> None:
    if (size := len(text.encode())) > MAX_EXPRESSION_BYTES:
        raise invalid(f"Expression size has exceeded the maximum allowed size; expression size: {size}")


def _syntax_error(text: str) -> RequestRefused:
    return invalid(f"Syntax error; or of a kind that the simulator does not know: {text[:80]}")
