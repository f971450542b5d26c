"""The tables of docs/feeds.md: every setting of feeds.toml, from the JSON Schema, and every code of a failed file."""

import json
from typing import Any

from ingest.errors import FileFault
from ingest.feeds.parse import json_schema
from tests.docs.pages.markdown import table

TITLES = ("setting", "accepts", "default", "meaning")
SECTIONS = {
    "feed": "Feed",
    "csv": "Csv",
    "column": "Column",
    "attribute": "Extra",
    "ttl": "Ttl",
    "lineage": "Lineage",
    "index": "Index",
    "operation": "Operation",
    "table": "TableLimits",
    "max_rejects": "RowLimit",
    "max_duplicates": "RowLimit",
}


def parts() -> dict[str, str]:
    """Return a table for each section, by the section's name."""
    structs = json_schema()["$defs"]
    settings = {
        f"settings of {name}": table(TITLES, map(_row, *_fields(structs[struct]))) for name, struct in SECTIONS.items()
    }
    return settings | {"codes of failed files": table(("code", "the file failed because"), _faults())}


def _faults() -> list[tuple[str, str]]:
    return [(f"`{kind.code}`", str(kind.__doc__).partition("\n")[0]) for kind in FileFault.__subclasses__()]


def _fields(struct: dict[str, Any]) -> tuple[list[str], list[dict[str, Any]], list[bool]]:
    names = list(struct["properties"])
    return names, list(struct["properties"].values()), [name in struct.get("required", ()) for name in names]


def _row(name: str, schema: dict[str, Any], is_required: bool) -> list[str]:
    default = "required" if is_required else _default(schema["default"])
    return [f"`{name}`", _accepts(schema), default, schema["description"]]


def _default(value: Any) -> str:
    if value in (None, {}, []):
        return ""
    return "" if isinstance(value, dict) else f"`{json.dumps(value, ensure_ascii=False)}`"


def _accepts(schema: dict[str, Any]) -> str:
    """Return what a field takes, in words and values."""
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"] if value is not None)
    if "anyOf" in schema:
        found = [_accepts(choice) for choice in schema["anyOf"] if choice.get("type") != "null"]
        return ", or ".join(dict.fromkeys(found))
    if "$ref" in schema:
        return "a section"
    return _of_type(schema)


def _of_type(schema: dict[str, Any]) -> str:
    limits = [schema[name] for name in ("minimum", "maximum") if name in schema]
    match schema["type"]:
        case "boolean":
            return "`true` `false`"
        case "integer" | "number":
            named = {2: "{:,} to {:,}", 1: "{:,} or more", 0: "a number"}[len(limits)]
            return named.format(*limits)
        case "array":
            return "a list"
        case "object":
            return "a section"
        case _:
            return "a character" if schema.get("maxLength") == 1 else "text"
