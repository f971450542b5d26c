"""Log queries of the dashboard's tables, run over log lines: fields, filter, sort and limit."""

import ast
import re
from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]


def columns_of(query: str) -> list[str]:
    """Return the columns of the table that a query gives.

    >>> columns_of("SOURCE 'log' | fields @timestamp, file | limit 2")
    ['@timestamp', 'file']
    """
    fields = next(reported for command, reported in _commands(query) if command == "fields")
    return [name.strip() for name in fields.split(",")]


def run_query(query: str, records: list[Record]) -> list[list[Any]]:
    """Return the rows of the table; what a line does not have is None.

    Raises:
        ValueError: the query has a command that is not known here.
    """
    found = [{**record, "@timestamp": record.get("timestamp")} for record in records]
    for command, reported in _commands(query):
        match command:
            case "filter":
                condition = ast.parse(re.sub(r"(?<![<>!=])=(?!=)", "==", reported), mode="eval").body
                found = [record for record in found if _holds(condition, record)]
            case "sort":
                name, _, order = reported.partition(" ")
                found.sort(key=lambda record: record.get(name) or 0, reverse=order == "desc")
            case "limit":
                found = found[: int(reported)]
            case "fields":
                pass
            case _:
                raise ValueError(f"The query command {command!r} is not known here.")
    return [[record.get(name) for name in columns_of(query)] for record in found]


def fields_of(query: str) -> set[str]:
    """Return every field that a query speaks of."""
    words = set()
    for command, reported in _commands(query):
        if command in ("fields", "filter", "sort"):
            words |= set(re.findall(r"@?[a-z_]+", re.sub(r'"[^"]*"', "", reported)))
    return words - {"and", "or", "not", "desc", "asc"}


def _holds(node: ast.AST, record: Record) -> Any:
    """Return what a part of a condition is for a line; once `=` is `==`, conditions are spelt as in Python."""
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_holds(part, record) for part in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(_holds(part, record) for part in parts)
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return _holds(left, record) == _holds(right, record)
        case ast.Name(id=name):
            return record.get(name)
        case ast.Constant(value=value):
            return value
    raise ValueError(f"`{ast.unparse(node)}` is no condition that is known here.")


def _commands(query: str) -> list[tuple[str, str]]:
    """Return command and the rest of each part of a query, without its source."""
    parts = [part.strip() for part in query.split("|")]
    return [
        (command, reported) for command, _, reported in (part.partition(" ") for part in parts) if command != "SOURCE"
    ]
