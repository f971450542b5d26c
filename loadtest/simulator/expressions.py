"""Conditions and updates as expressions have them, of the kinds that the product sends. Pure."""

import re
from base64 import b64decode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from loadtest.simulator.errors import RequestRefused, invalid
from loadtest.simulator.values import WRONG_VALUES, Item, Value, check_values

MAX_EXPRESSION_BYTES = 4096
Condition = Callable[[Item], bool]  # of the item as it is; where there is none, it has no attributes

_ABSENT = re.compile(r"attribute_not_exists\((#\w+)\)")
_BEGINS = re.compile(r"begins_with\((#\w+), ?(:\w+)\)")
_AT_MOST = re.compile(r"(#\w+) <= (:\w+)")
_READ: Mapping[str, Callable[[Any], Any]] = {"N": Decimal, "S": str.encode, "B": b64decode}  # as they are compared
_CLAUSES = re.compile(r"(?:SET (?P<set>.+?))?(?:(?:^| )REMOVE (?P<remove>.+))?")
_ASSIGNMENT = re.compile(r" *(#\w+) *= *(:\w+) *")


class Placeholders:
    """The names and values that a request's expressions stand for; each must be used."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._given = {kind: request.get(f"ExpressionAttribute{kind}") for kind in ("Names", "Values")}
        self._unused = {kind: set(given or ()) for kind, given in self._given.items()}
        for kind, given in self._given.items():
            if given == {}:
                raise invalid(f"ExpressionAttribute{kind} must not be empty")
        for name, value in (self._given["Values"] or {}).items():
            _check_value(name, value)

    def name(self, kind: str, placeholder: str) -> str:
        """Return the attribute's name; `kind` is that of the expression."""
        what = "An expression attribute name used in the document path is not defined; attribute name"
        return str(self._used("Names", placeholder, f"Invalid {kind}: {what}: {placeholder}"))

    def value(self, kind: str, placeholder: str) -> Value:
        """Return the value; `kind` is that of the expression."""
        what = "An expression attribute value used in expression is not defined; attribute value"
        value: Value = self._used("Values", placeholder, f"Invalid {kind}: {what}: {placeholder}")
        return value

    def check_used(self) -> None:
        """Check that nothing is left over."""
        for kind, unused in self._unused.items():
            if unused:
                shown = ", ".join(sorted(unused))
                raise invalid(f"Value provided in ExpressionAttribute{kind} unused in expressions: keys: {{{shown}}}")

    def _used(self, kind: str, placeholder: str, otherwise: str) -> Any:
        given = self._given[kind] or {}
        if placeholder not in given:
            raise invalid(otherwise)
        self._unused[kind].discard(placeholder)
        return given[placeholder]


def condition_of(text: str, placeholders: Placeholders) -> Condition:
    """Return whether an item fits a ConditionExpression: terms with OR between them."""
    _check_size("ConditionExpression", text)
    terms = [_term(term.strip(), placeholders) for term in text.split(" OR ")]
    return lambda item: any(fits(item) for fits in terms)


def _term(text: str, placeholders: Placeholders) -> Condition:
    kind = "ConditionExpression"
    if found := _ABSENT.fullmatch(text):
        name = placeholders.name(kind, found[1])
        return lambda item: name not in item
    for pattern, compared in ((_AT_MOST, _at_most), (_BEGINS, _begins_with)):
        if found := pattern.fullmatch(text):
            return compared(placeholders.name(kind, found[1]), placeholders.value(kind, found[2]))
    raise _syntax_error(kind, text)


def _at_most(name: str, value: Value) -> Condition:
    """Values of other types than the one given do not fit."""
    [(kind, content)] = value.items()
    if kind not in _READ:
        raise _wrong_type("<=", kind)
    read = _READ[kind]
    return lambda item: kind in item.get(name, {}) and bool(read(item[name][kind]) <= read(content))


def _begins_with(name: str, value: Value) -> Condition:
    [(kind, content)] = value.items()
    if kind != "S":
        raise _wrong_type("begins_with", kind)
    return lambda item: str(item.get(name, {}).get("S", "")).startswith(content) and "S" in item.get(name, {})


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
    kind = "UpdateExpression"
    _check_size(kind, text)
    clauses = _CLAUSES.fullmatch(text)
    if not clauses:
        raise _syntax_error(kind, text)
    pairs = [_ASSIGNMENT.fullmatch(part) for part in (clauses["set"] or "").split(",") if clauses["set"]]
    removed = [part.strip() for part in (clauses["remove"] or "").split(",") if clauses["remove"]]
    if not all(pairs) or not all(re.fullmatch(r"#\w+", part) for part in removed):
        raise _syntax_error(kind, text)
    sets = [(placeholders.name(kind, pair[1]), placeholders.value(kind, pair[2])) for pair in pairs if pair]
    removes = [placeholders.name(kind, part) for part in removed]
    _check_names([name for name, _ in sets] + removes, keys)
    return Change(dict(sets), frozenset(removes))


def _check_names(names: list[str], keys: Collection[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in keys:
            raise invalid(f"{WRONG_VALUES}Cannot update attribute {name}. This attribute is part of the key")
        if name in seen:
            what = "Two document paths overlap with each other; must remove or rewrite one of these paths"
            raise invalid(f"Invalid UpdateExpression: {what}; path one: [{name}], path two: [{name}]")
        seen.add(name)


def _check_size(kind: str, text: str) -> None:
    if not text:
        raise invalid(f"Invalid {kind}: The expression can not be empty;")
    if (size := len(text.encode())) > MAX_EXPRESSION_BYTES:
        what = "Expression size has exceeded the maximum allowed size"
        raise invalid(f"Invalid {kind}: {what}; expression size: {size}")


def _check_value(name: str, value: Value) -> None:
    try:
        check_values({name: value})
    except RequestRefused as refused:
        raise invalid(f"ExpressionAttributeValues contains invalid value: {refused} for key {name}") from None


def _syntax_error(kind: str, text: str) -> RequestRefused:
    return invalid(f"Invalid {kind}: Syntax error; or of a kind that the simulator does not know: {text[:80]}")


def _wrong_type(what: str, kind: str) -> RequestRefused:
    where = f"operator or function: {what}, operand type: {kind}"
    return invalid(f"Invalid ConditionExpression: Incorrect operand type for operator or function; {where}")
