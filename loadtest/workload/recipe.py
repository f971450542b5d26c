"""What to generate: one frozen value, from which the same bytes and the same known outcome come each time."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from ingest.contract import Reason
from loadtest.workload.schema import BadRecipe, Schema, read_schema

# Rows that are rejected, by the reason they are rejected for.
REJECTED = tuple(
    reason
    for name, reason in vars(Reason).items()
    if name.isupper() and reason not in (Reason.UNTERMINATED_QUOTE, Reason.REFUSED_BY_DYNAMODB)
)
QUOTES = "quotes"  # of the cells of free text: with quotes and delimiters in them
LINE_BREAKS = "line_breaks"  # of the cells of free text: with line ends in them
BLANK_LINES = "blank_lines"  # of the rows: a blank line follows
DUPLICATES = "duplicates"  # of the rows: with the key of an earlier one
UNUSUAL = (QUOTES, LINE_BREAKS, BLANK_LINES, DUPLICATES)
MOST = {DUPLICATES: 0.96}


CHOICES = {
    "key_order": ("random", "sorted", "hot"),
    "compression": ("none", "gzip", "bz2", "zstd"),
    "quoting": ("needed", "all"),
    "line_end": ("lf", "crlf"),
}
MOST_FILES = 100_000
ROW_BITS = 38  # of a number: what is above them is the file's
SEGMENT_BYTES = 64 * 1024 * 1024  # `segment_mb` of infra/settings.py, unless it is changed
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A file to be made; `recipe_of` makes one from texts.

    The loader keeps order within `segment_bytes`: what replaces a row stands in their first quarter, and how many rows
    are superseded is exact up to half of them.
    """

    schema: Schema
    rows: int | None = None  # None: as many as fit in `text_bytes`
    text_bytes: int | None = None  # before compression
    seed: int = 1
    columns: tuple[tuple[str, str], ...] = ()  # with their distributions
    defects: tuple[tuple[str, float], ...] = ()  # shares by kind: of the rows, or of the cells of free text
    key_order: str = "random"
    compression: str = "none"
    quoting: str = "needed"
    byte_order_mark: bool = False
    line_end: str = "lf"
    file: int = 0  # files of other numbers have other keys, whatever else is equal
    segment_bytes: int = SEGMENT_BYTES

    def __post_init__(self) -> None:
        """Check what the fields say by themselves."""
        if (self.rows is None) == (self.text_bytes is None):
            raise BadRecipe("give the number of rows or the size of the file, and not both.")
        if not 0 <= (self.rows or 0) <= 1 << ROW_BITS:
            raise BadRecipe(f"{self.rows:,} rows: a file has 0 to {1 << ROW_BITS:,}.")
        if self.seed < 0:
            raise BadRecipe(f"seed {self.seed}: a seed is a whole number, 0 or more.")
        if not 0 <= self.file < MOST_FILES:
            raise BadRecipe(f"file {self.file}: files are numbered from 0 to {MOST_FILES - 1:,}.")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise BadRecipe(f"{name.replace('_', ' ')} {getattr(self, name)!r}: accepted are {', '.join(known)}.")
        wanted = self.schema.dialect.compression
        if wanted not in ("auto", self.compression):
            raise BadRecipe(f"the feed {self.schema.feed!r} takes files of compression {wanted!r} only.")

    def share(self, kind: str) -> float:
        """Return the share of one kind of defects."""
        return dict(self.defects).get(kind, 0.0)

    @property
    def rejects(self) -> dict[str, float]:
        """The kinds of rows that are rejected, with their shares."""
        return {kind: share for kind, share in self.defects if kind in REJECTED}


def recipe_of(
    feeds: Path,
    feed: str,
    *,
    size: str | int | None = None,
    columns: Mapping[str, str] | None = None,
    defects: Mapping[str, float | str] | None = None,
    **fields: Any,
) -> Recipe:
    """Return a recipe from a feeds.toml and texts: `size="10MB"`, `columns={"city": "zipf:1.2:1000"}`,
    `defects={"ragged_row": 0.01}`; the other fields are those of Recipe. What is wrong raises BadRecipe.
    """
    return Recipe(
        read_schema(feeds, feed),
        text_bytes=parse_size(size) if isinstance(size, str) else size,
        columns=tuple((name, str(distribution)) for name, distribution in (columns or {}).items()),
        defects=_shares(defects or {}),
        **fields,
    )


def _shares(defects: Mapping[str, float | str]) -> tuple[tuple[str, float], ...]:
    for kind, share in defects.items():
        if kind not in REJECTED + UNUSUAL:
            raise BadRecipe(f"defects {kind!r}: accepted are {', '.join(REJECTED + UNUSUAL)}.")
        if not re.fullmatch(r"[0-9]*\.?[0-9]+(e-?[0-9]+)?", str(share)) or float(share) > MOST.get(kind, 1):
            raise BadRecipe(f"defects {kind} = {share}: a share is 0 to {MOST.get(kind, 1)}.")
    if (rejected := sum(float(share) for kind, share in defects.items() if kind in REJECTED)) > 1:
        raise BadRecipe(f"the shares of rejected rows add up to {rejected:g}, more than all.")
    return tuple((kind, float(share)) for kind, share in sorted(defects.items()) if float(share))


def parse_size(text: str) -> int:
    """Return a size in bytes.

    >>> parse_size("10MB"), parse_size("1.5 GiB"), parse_size("300")
    (10000000, 1610612736, 300)
    """
    match = re.fullmatch(r"([0-9_]+(?:\.[0-9]+)?)\s*([KMG]?I?B)?", text.strip().upper())
    if not match or (match[2] or "") not in _UNITS:
        raise BadRecipe(f"{text!r} is not a size; sizes are like 300, 10KB, 1.5GB or 64MiB.")
    return int(Decimal(match[1]) * _UNITS[match[2] or ""])
