"""Recipes as TOML: the same names as the command's options, and tables for columns and defects."""

import tomllib
from pathlib import Path
from typing import Any

from loadtest.workload.faults import BadRecipe

FIELDS: dict[str, tuple[type, ...]] = {
    "feed": (str,),
    "rows": (int,),
    "size": (str, int),
    "seed": (int,),
    "key_order": (str,),
    "compression": (str,),
    "quoting": (str,),
    "byte_order_mark": (bool,),
    "line_end": (str,),
    "segment_bytes": (int,),
    "columns": (dict,),
    "defects": (dict,),
}


def read_recipe(path: Path) -> dict[str, Any]:
    """Return the fields of a recipe file, as `recipe_of` takes them.

    Raises:
        BadRecipe: it cannot be read, or a field is unknown or wrong.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadRecipe(f"{path} is no recipe that can be read: {error}.") from error
    for name, value in raw.items():
        if name not in FIELDS:
            raise BadRecipe(f"{path}: unknown field `{name}`; accepted are {', '.join(FIELDS)}.")
        if not isinstance(value, FIELDS[name]) or (isinstance(value, bool) and bool not in FIELDS[name]):
            raise BadRecipe(f"{path}: `{name}` = {value!r} is wrong: accepted is {_kinds(FIELDS[name])}.")
    for table, kind in (("columns", str), ("defects", (int, float))):
        for name, value in raw.get(table, {}).items():
            if not isinstance(value, kind) or isinstance(value, bool):
                raise BadRecipe(f"{path}: `{table}.{name}` = {value!r} is wrong: accepted is {_kinds(kind)}.")
    return raw


def _kinds(kinds: type | tuple[type, ...]) -> str:
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", dict: "a table"}
    return " or ".join(names[kind] for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
