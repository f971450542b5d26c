"""Seeded CSV files of ten mixed columns that know how many rows they hold: not a quote in them, or all cells quoted."""

import csv
import io
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Portion:
    """Some whole rows of a file, encoded."""

    data: bytes
    rows: int


COLUMNS = ("id", "customer", "city", "product", "quantity", "price", "discount", "paid", "ordered_at", "note")
STRINGS = ("id", "customer", "city", "product", "ordered_at", "note")
_CUSTOMERS = ("Anna Müller", "José García", "Łukasz Nowak", "Maeve O'Brien", "William Null", "Ingrid Haugen", "李小龙")
_CITIES = ("Köln", "Málaga", "Łódź", "Cork", "Swindon", "Bergen", "Utrecht")
_PRODUCTS = ("Desk lamp", "Wool blanket", "Cast iron skillet", "Kettle 1.7 l", "Bicycle pump")
_QUOTED_PRODUCTS = ('Skillet 11"', "Kettle, 1.7 l", "Desk lamp", 'Monitor 27" IPS', "Wool blanket")
_WORDS = ("leave", "at", "the", "back", "door", "call", "before", "noon", "fragile", "gift", "second", "floor")
_QUOTED_NOTES = (
    "back door,\nring twice",
    'says "noon"',
    "",
    "fragile",
    "gift, no bill",
    "call first",
    "2nd floor\r\nleft",
)
_DISTINCT_ROWS = 4000
_PORTION_ROWS = 500


def mixed(*, total_bytes: int, seed: int, quoted: bool, line_breaks: bool = True) -> Iterator[Portion]:
    """Yield a file of at least `total_bytes`, at most a portion more; same arguments, same bytes.

    Ids count up; what stands behind them comes round again after some thousand rows. 0 bytes are a header alone.
    Quoted cells hold line breaks, unless that is not wanted.
    """
    lines = itertools.cycle(_lines(random.Random(seed), quoted, line_breaks))
    header = _csv([COLUMNS], quoted).encode()
    yield Portion(header, 0)
    mark = '"' if quoted else ""
    made, number = len(header), 0
    while made < total_bytes:
        rows = zip(range(number, number + _PORTION_ROWS), lines, strict=False)
        data = "".join([f"{mark}M-{n:010d}{mark},{line}" for n, line in rows]).encode()
        yield Portion(data, _PORTION_ROWS)
        made, number = made + len(data), number + _PORTION_ROWS


def _lines(chance: random.Random, quoted: bool, line_breaks: bool) -> list[str]:
    notes = [note for note in _QUOTED_NOTES if line_breaks or "\n" not in note]
    return [_csv([_cells(chance, quoted, notes)], quoted) for _ in range(_DISTINCT_ROWS)]


def _cells(chance: random.Random, quoted: bool, notes: list[str]) -> tuple[str, ...]:
    """Return a row without its id."""
    return (
        chance.choice(_CUSTOMERS),
        chance.choice(_CITIES),
        chance.choice(_QUOTED_PRODUCTS if quoted else _PRODUCTS),
        str(chance.randint(1, 120)),
        f"{chance.randint(1, 9_999_999) / 100:.2f}",
        chance.choice(("", f"-{chance.randint(1, 999) / 1000:.3f}", "0", "0.05")),
        chance.choice(("true", "false", "true", "")),
        f"2026-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}T{chance.randint(0, 23):02d}:10:00Z",
        chance.choice(notes) if quoted else " ".join(chance.choices(_WORDS, k=chance.randint(2, 6))),
    )


def _csv(rows: list[tuple[str, ...]], quoted: bool) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_NONE, lineterminator="\n").writerows(rows)
    return text.getvalue()
