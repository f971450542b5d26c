"""Convert sections of settings files to structs, or raise one sentence with path, value and what is accepted."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, inspect

from ingest.errors import SettingsFault

T = TypeVar("T", bound=Struct)


def expect_section(raw: Any, path: str) -> dict[str, Any]:
    """Return a section of a settings file, which must be a table."""
    if not isinstance(raw, dict):
        raise SettingsFault(f"`{path}` = {raw!r} is wrong: it must be a section, with fields of its own.")
    return raw


def read_struct(raw: Any, struct: type[T], path: str) -> T:
    """Return a section as its struct; `path` is how the section is named in errors, as "feeds.orders.csv".

    Raises:
        SettingsFault: a field is unknown, missing or wrong; says where, what was found, what is accepted.
    """
    table = expect_section(raw, path)
    known = {field.name: field for field in msgspec.structs.fields(struct)}
    for name in table:
        if name not in known:
            hint = did_you_mean(name, known)
            raise SettingsFault(f"unknown field `{path}.{name}`{hint}; accepted there: {', '.join(known)}.")
    for name, field in known.items():
        if name in table:
            _check_value(table[name], field, f"{path}.{name}")
        elif field.required:
            raise SettingsFault(f"`{path}.{name}` is missing: {_description(struct, name)}")
    return msgspec.convert(table, struct)


def did_you_mean(name: object, names: Iterable[str]) -> str:
    """Return a hint at the most similar of some names, to end a sentence; '' if none is similar.

    >>> did_you_mean("Delimeter", ["delimiter", "quote"]), did_you_mean("x", ["delimiter"])
    (" (did you mean 'delimiter'?)", '')
    """
    from difflib import get_close_matches  # here, as only errors need it: a cold start does not

    right = {right.lower(): right for right in names}
    near = get_close_matches(str(name).lower(), right, n=1)
    return f" (did you mean {right[near[0]]!r}?)" if near else ""


def accepted(annotation: Any) -> str:
    """Return what values a type accepts, in words.

    >>> from typing import Annotated, Literal
    >>> from msgspec import Meta
    >>> accepted(Literal["first", "none"] | Annotated[int, Meta(ge=1, le=10)] | tuple[str, ...])
    "'first', 'none', a whole number from 1 to 10 or a list of strings"
    """
    kinds = _kinds(inspect.type_info(annotation))
    choices, others = choices_of(annotation), [text for text in map(_words, kinds) if text]
    *first, last = [", ".join(map(repr, choices))] * bool(choices) + others
    return f"{', '.join(first)} or {last}" if first else last


def choices_of(annotation: Any) -> list[str]:
    """Return the literal values that a type accepts."""
    kinds = _kinds(inspect.type_info(annotation))
    return [str(value) for kind in kinds if isinstance(kind, inspect.LiteralType) for value in kind.values]


def _check_value(value: Any, field: msgspec.structs.FieldInfo, path: str) -> None:
    try:
        msgspec.convert(value, field.type)
    except msgspec.ValidationError:
        hint = did_you_mean(value, choices_of(field.type))
        raise SettingsFault(f"`{path}` = {value!r} is wrong{hint}: accepted is {accepted(field.type)}.") from None


def _description(struct: type[Struct], field: str) -> str:
    properties = msgspec.json.schema(struct)["$defs"][struct.__name__]["properties"]
    return str(properties[field].get("description", "it has no default."))


def _kinds(kind: inspect.Type) -> list[inspect.Type]:
    """Return the alternatives of a type. A type whose metadata describes what is accepted keeps its metadata."""
    if isinstance(kind, inspect.UnionType):
        return [one for alternative in kind.types for one in _kinds(alternative)]
    if isinstance(kind, inspect.Metadata) and "accepted" not in (kind.extra or {}):
        return _kinds(kind.type)
    return [kind]


def _words(kind: inspect.Type) -> str:
    """Return what one alternative accepts, in words; "" for literals and for None, which settings files leave out."""
    if isinstance(kind, inspect.Metadata):
        return str((kind.extra or {})["accepted"])
    describe = _WORDS.get(type(kind))
    return describe(kind) if describe else ""


def _text(kind: inspect.StrType) -> str:
    if kind.max_length == 1:
        return "one character" if kind.min_length else 'one character or ""'
    if kind.max_length is not None:
        return f"text of at most {kind.max_length} characters"
    return "text that is not empty" if kind.min_length else "text"


def _number(kind: inspect.IntType | inspect.FloatType) -> str:
    whole = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
    name = whole if kind.multiple_of is None else f"a multiple of {kind.multiple_of}"
    if kind.ge is not None and kind.le is not None:
        return f"{name} from {kind.ge:,} to {kind.le:,}"
    bounds = {"more than": kind.gt, "at least": kind.ge, "less than": kind.lt, "at most": kind.le}
    limits = " and ".join(f"{word} {bound:,g}" for word, bound in bounds.items() if bound is not None)
    return f"{name}, {limits}" if limits else name


def _list(kind: inspect.VarTupleType) -> str:
    member = " or ".join(map(_words, _kinds(kind.item_type)))
    return "a list of strings" if member == "text" else f"a list, each member {member}"


_WORDS: dict[type[inspect.Type], Callable[[Any], str]] = {
    inspect.StrType: _text,
    inspect.IntType: _number,
    inspect.FloatType: _number,
    inspect.BoolType: lambda kind: "true or false",
    inspect.VarTupleType: _list,
    inspect.DictType: lambda kind: "a section",
    inspect.StructType: lambda kind: "a section",
}
