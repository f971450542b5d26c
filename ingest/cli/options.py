"""Options that several commands share, and how their values are read."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from ingest.errors import SettingsFault
from ingest.feeds.dialect import Csv
from ingest.feeds.parse import read_csv

FeedsPath = Annotated[Path, typer.Option("--feeds", help="Path of feeds.toml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
FeedName = Annotated[str, typer.Option("--feed", help="The file's feed.")]
StackName = Annotated[
    str | None,
    typer.Option("--stack", help="Name of the deployed stack (default: $INGEST_STACK, or ingest)."),
]
DEFAULT_FEEDS = Path("feeds.toml")

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds_of(text: str, option: str) -> float:
    """Return a duration in seconds; a number without a unit is seconds.

    >>> seconds_of("2h", "--older-than"), seconds_of("90", "--older-than")
    (7200.0, 90.0)

    Raises:
        SettingsFault: it is not a duration; names the option.
    """
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([smhd]?)", text.strip())
    if not found:
        raise SettingsFault(f"{option} {text!r} is not a duration; write a number with s, m, h or d, as 30m or 2h.")
    return float(found[1]) * _SECONDS[found[2]]


def read_dialect(flags: dict[str, Any]) -> Csv:
    r"""Return the dialect given by flags; those that are None were not given.

    A character may be written as "\t" or "\x01"; "none" means no quote or escape character.

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
    """Add the header: a number of lines, or none. Names replace those of the header; given alone, there is none."""
    header, names = given.pop("header", None), given.pop("columns", None)
    if header is not None and not re.fullmatch("none|[0-9]+", header):
        raise SettingsFault(f"--header {header!r} is not valid; accepted are none and a number of header lines.")
    if header is not None or names is not None:
        given["header"] = "none" if header in (None, "none", "0") else int(header)
    return given if names is None else given | {"names": names.split(",")}
