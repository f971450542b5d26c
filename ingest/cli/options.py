"""Options that several commands share, and how their values are read: files, feeds, durations, dialects."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

import typer

from ingest.errors import SettingsFault
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed, Feeds
from ingest.feeds.parse import read_csv

FeedsPath = Annotated[Path, typer.Option("--feeds", metavar="PATH", help="Path of feeds.toml.")]
StackFeedsPath = Annotated[
    Path | None, typer.Option("--feeds", metavar="PATH", help="Use this feeds.toml (default: the deployed feeds).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
AsJsonLines = Annotated[bool, typer.Option("--json", help="Print one JSON object per file, one per line.")]
Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Paths, s3:// URLs, or - for standard input.")]
FeedName = Annotated[
    str | None,
    typer.Option(
        "--feed", metavar="NAME", help="The file's feed (default: the only feed, or the one of the S3 key's prefix)."
    ),
]
OneFeed = Annotated[
    str | None,
    typer.Option("--feed", metavar="NAME", help="Only files of this feed; - selects files under no feed's prefix."),
]
ComparedTable = Annotated[
    str | None, typer.Option("--table", metavar="NAME", help="Compare the key schema of this table with the feed.")
]
CompareAws = Annotated[bool, typer.Option("--aws", help="Compare the key schema of the feed's table with the feed.")]
LedgerFile = Annotated[str, typer.Argument(metavar="FILE", help="s3://bucket/key, or a key in the landing bucket.")]
VersionName = Annotated[
    str | None,
    typer.Option("--version", metavar="NAME", help="A version of the file, or its eTag (default: the newest)."),
]
StackName = Annotated[
    str | None,
    typer.Option("--stack", metavar="NAME", help="Name of the deployed stack (default: $INGEST_STACK, or ingest)."),
]
DEFAULT_FEEDS = Path("feeds.toml")
STDIN = "-"

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", re.DOTALL)  # a scheme of one letter is a Windows drive
_S3_ADDRESSES = (
    re.compile(r"(?P<bucket>[^/]+)\.s3[.-][^/]*amazonaws\.com(?:\.cn)?/(?P<key>[^?]+)"),
    re.compile(r"s3[.-][^/]*amazonaws\.com(?:\.cn)?/(?P<bucket>[^/]+)/(?P<key>[^?]+)"),
    re.compile(r"[^/]*console\.aws\.amazon\.com/s3/object/(?P<bucket>[^?]+)\?.*\bprefix=(?P<key>[^&]+)"),
)


def file_name(text: str) -> str:
    """Return the name of a file as commands take it: a path, s3://bucket/key, or - for standard input.

    >>> file_name("S3://landing/orders/a.csv"), file_name("orders/a.csv")
    ('s3://landing/orders/a.csv', 'orders/a.csv')

    Raises:
        SettingsFault: it is another kind of URL, or an S3 URL with too few slashes; the message says what to write.
    """
    found = _URL.fullmatch(text)
    if not found:
        return text
    scheme, rest = found[1].lower(), found[2]
    right = f"s3://{rest if '/' in rest else 'bucket/key'}"
    if scheme == "s3" and re.match("(?i)s3://[^/]", text + "x"):
        return f"s3://{rest}"
    if scheme in ("s3", "s3a", "s3n"):
        raise SettingsFault(f"{text} is not an S3 URL; write {right}.")
    if scheme in ("http", "https"):
        raise SettingsFault(f"{text} is a web address, which is not supported; {_instead_of(text, rest)}.")
    if scheme == "file":
        raise SettingsFault(f"{text} is a URL; write the path /{rest} instead.")
    raise SettingsFault(
        f"{text} is not supported: unknown scheme {scheme}:; name a path, s3://bucket/key, or - for stdin."
    )


def _instead_of(address: str, rest: str) -> str:
    for pattern in _S3_ADDRESSES:
        if found := pattern.fullmatch(rest) or pattern.match(rest):
            return f"write s3://{found['bucket']}/{unquote(found['key'])}"
    return f"download it first, or write `curl -s {address} | ingest check -`"


def feed_of(feeds: Feeds, name: str | None, files: Sequence[str]) -> tuple[str, Feed]:
    """Return the name and feed of files: the named feed, the only one, or the one that their S3 keys belong to.

    Raises:
        SettingsFault: the feed does not exist, or there are several and none is named.
    """
    if name is not None:
        return name, feeds.named(name)
    if len(feeds.feeds) == 1:
        return next(iter(feeds.feeds.items()))
    keys = [file.removeprefix("s3://").partition("/")[2] for file in files if file.startswith("s3://")]
    found = {known for known, feed in feeds.feeds.items() if any(key.startswith(feed.prefix) for key in keys)}
    if len(found) == 1 and len(keys) == len(files):
        only = found.pop()
        return only, feeds.feeds[only]
    raise SettingsFault(f"feeds.toml declares several feeds: {', '.join(feeds.feeds)}. Name one with --feed NAME.")


def seconds_of(text: str, option: str) -> float:
    """Return a duration in seconds; the text must have a unit: s, m, h or d.

    >>> seconds_of("2h", "--older-than"), seconds_of("0.5s", "--older-than")
    (7200.0, 0.5)

    Raises:
        SettingsFault: it is not a duration, or has no unit; the message names the option.
    """
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([smhd]?)", text.strip())
    if not found:
        raise SettingsFault(f"{option} {text!r} is not a duration; write a number with s, m, h or d, as 30m or 2h.")
    if not found[2]:
        raise SettingsFault(f"{option} {text!r} has no unit; write {found[1]}s for seconds, or {found[1]}m, h or d.")
    return float(found[1]) * _SECONDS[found[2]]


def read_dialect(flags: dict[str, Any]) -> Csv:
    r"""Return the dialect given by flags; None means that a flag was not given.

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
    """Add the header: a number of lines, or none. Names replace those of the header; names alone mean no header."""
    header, names = given.pop("header", None), given.pop("columns", None)
    if header is not None and not re.fullmatch("none|[0-9]+", header):
        raise SettingsFault(f"--header {header!r} is not valid; accepted are none and a number of header lines.")
    if header is not None or names is not None:
        given["header"] = "none" if header in (None, "none", "0") else int(header)
    return given if names is None else given | {"names": names.split(",")}


def refuse_without_consent(is_given: bool, *, as_json: bool, nothing: str) -> None:
    """Raise SettingsFault if confirmation is needed and no one can be asked; `nothing` says what was not done."""
    if not is_given and (as_json or not sys.stdin.isatty()):
        raise SettingsFault(f"Confirmation needs a terminal: add --yes, or look first with --dry-run. {nothing}")
