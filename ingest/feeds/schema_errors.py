"""Sections of settings files -> frozen structs, or one sentence that names path, value and what would be accepted."""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from ingest.errors import SettingsFault

T = TypeVar("T", bound=Struct)


def expect_section(raw: Any, path: str) -> dict[str, Any]:
    """Return a section of a settings file as the table it must be."""
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
            raise SettingsFault(f"unknown field `{path}.{name}`; accepted there: {', '.join(known)}.")
    for name, field in known.items():
        if name in table:
            _check_value(table[name], field, f"{path}.{name}")
        elif field.required:
            raise SettingsFault(f"`{path}.{name}` is missing: {_description(struct, name)}")
    return msgspec.convert(table, struct)


def _check_value(value: Any, field: msgspec.structs.FieldInfo, path: str) -> None:
    try:
        msgspec.convert(value, field.type)
    except msgspec.ValidationError as error:
        accepted = one_of(field.type) or str(error).removeprefix("Expected ")
        raise SettingsFault(f"`{path}` = {value!r} is wrong: accepted is {accepted}.") from None


def one_of(annotation: Any) -> str:
    """Return the choices of an annotation as text, or '' where it is not a choice."""
    schema = msgspec.json.schema(annotation)
    choices: list[object] = schema.get("enum") or next((s["enum"] for s in schema.get("anyOf", []) if "enum" in s), [])
    lists = any(s.get("type") == "array" for s in schema.get("anyOf", []))
    return ", ".join(map(repr, choices)) + (" or a list of strings" if choices and lists else "")


def _description(struct: type[Struct], field: str) -> str:
    properties = msgspec.json.schema(struct)["$defs"][struct.__name__]["properties"]
    return str(properties[field].get("description", "it has no default."))
