"""Dialect flags of the command line -> the same checked settings that a feed's `csv` section gives."""

import re
from typing import Any

from ingest.dialect import Csv
from ingest.errors import SettingsFault
from ingest.feeds_file import read_csv


def read_dialect(flags: dict[str, Any]) -> Csv:
    r"""Return the dialect that flags tell; those that are None were not given.

    A character may be spelled as in "\t" or "\x01", and "none" is no quote or escape.

    >>> read_dialect({"delimiter": r"\t", "header": "none", "columns": "a,b"}).names
    ('a', 'b')
    """
    given = {name: value for name, value in flags.items() if value is not None}
    for name in ("delimiter", "quote", "escape"):
        if name in given:
            given[name] = _character(given[name])
    if "null_values" in given:
        given["null_values"] = list(given["null_values"])
    return read_csv(_with_header(given), "preview")


def _character(text: str) -> str:
    if text == "none":
        return ""
    if re.fullmatch(r"\\([tabfv0\\]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})", text):
        return text.encode().decode("unicode_escape")
    return text


def _with_header(given: dict[str, Any]) -> dict[str, Any]:
    """Header lines are a number or none; names of one's own stand in for theirs, alone they mean there are none."""
    header, names = given.pop("header", None), given.pop("columns", None)
    if header is not None and not re.fullmatch("none|[0-9]+", header):
        raise SettingsFault(f"--header {header!r} is wrong: accepted are none and a number of header lines.")
    if header is not None or names is not None:
        given["header"] = "none" if header in (None, "none", "0") else int(header)
    return given if names is None else given | {"names": names.split(",")}
