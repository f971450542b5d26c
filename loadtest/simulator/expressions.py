"""Conditions and updates as expressions have them, of the kinds that the product sends. Pure."""

import re
from base64 import b64decode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from loadtest.simulator.errors import RequestRefused, invalid
from loadtest.simulator.values import WRONG_VALUES, Item, check_values

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
