"""What to generate: one frozen value, from which the same bytes and the same known outcome come each time."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args

from loadtest.workload.defects import CLEAN, Defects
from loadtest.workload.faults import BadRecipe
from loadtest.workload.schema import Schema, read_schema

KeyOrder = Literal["random", "sorted", "hot"]
Compression = Literal["none", "gzip", "bz2", "zstd"]
Quoting = Literal["needed", "all"]
LineEnd = Literal["lf", "crlf"]
CHOICES: dict[str, tuple[str, ...]] = {
    "key_order": get_args(KeyOrder),
    "compression": get_args(Compression),
    "quoting": get_args(Quoting),
    "line_end": get_args(LineEnd),
}
MOST_FILES = 100_000
ROW_BITS = 38  # of a number: what is above them is the file's
SEGMENT_BYTES = 64 * 1024 * 1024  # `segment_mb` of infra/settings.py, unless it is changed
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A file to be made; `recipe_of` makes one from texts.

    Attributes:
        rows: how many, or None: as many as fit in `text_bytes`.
        text_bytes: the size of the file, before compression.
        file: the file's number: files of other numbers have other keys, whatever else is equal.
        segment_bytes: the loader keeps order within this number of bytes: what replaces a row stands in their first
            quarter, and how many rows are superseded is exact up to half of them.
    """

    schema: Schema
    rows: int | None = None
    text_bytes: int | None = None
    seed: int = 1
    columns: tuple[tuple[str, str], ...] = ()  # with their distributions
    defects: Defects = CLEAN
    key_order: KeyOrder = "random"
    compression: Compression = "none"
    quoting: Quoting = "needed"
    byte_order_mark: bool = False
    line_end: LineEnd = "lf"
    file: int = 0
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
    `defects={"ragged_row": 0.01}`; the other fields are those of Recipe.

    Raises:
        BadRecipe: the first thing that is wrong.
    """
    return Recipe(
        read_schema(feeds, feed),
        text_bytes=parse_size(size) if isinstance(size, str) else size,
        columns=tuple((name, str(distribution)) for name, distribution in (columns or {}).items()),
        defects=Defects.of(defects or {}),
        **fields,
    )


def parse_size(text: str) -> int:
    """Return a size in bytes.

    >>> parse_size("10MB"), parse_size("1.5 GiB"), parse_size("300")
    (10000000, 1610612736, 300)
    """
    match = re.fullmatch(r"([0-9_]+(?:\.[0-9]+)?)\s*([KMG]?I?B)?", text.strip().upper())
    if not match or (match[2] or "") not in _UNITS:
        raise BadRecipe(f"{text!r} is not a size; sizes are like 300, 10KB, 1.5GB or 64MiB.")
    return int(Decimal(match[1]) * _UNITS[match[2] or ""])
