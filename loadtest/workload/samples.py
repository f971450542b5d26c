"""Ready values for pools: free text, times, and what sets, lists, maps and binary hold. The same for the same seed."""

import base64
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from loadtest.workload.canonical import canonical_value
from loadtest.workload.cell_encoder import CellEncoder, EncodedCell

POOL = 4096
WORDS = (  # a good part of them beyond ASCII
    "leave",
    "at",
    "the",
    "back",
    "door",
    "call",
    "before",
    "noon",
    "fragile",
    "gift",
    "second",
    "floor",
    "ring",
    "twice",
    "no",
    "bill",
    "urgent",
    "paid",
    "by",
    "card",
    "Köln",
    "Málaga",
    "Łódź",
    "Århus",
    "Győr",
    "Zürich",
    "naïve",
    "café",
    "東京",
    "blanket",
    "kettle",
    "lamp",
    "skillet",
    "pump",
    "monitor",
    "notebook",
)
_BREAKS = ("\n", "\r\n", "\n\n")


class Chance:
    """Chance that is the same in every version of Python: of its methods, only `random` is promised to be."""

    def __init__(self, *seed: object) -> None:
        self._random = random.Random("\0".join(map(str, seed)))

    def below(self, count: int) -> int:
        """Return a whole number from 0 to before `count`."""
        return int(self._random.random() * count)

    def of(self, values: Any) -> Any:
        """Return one of some values."""
        return values[self.below(len(values))]


def texts(chance: Chance, least: int, most: int, words: tuple[str, ...], joint: str) -> Iterator[str]:
    """Yield free text of a number of words."""
    while True:
        yield joint.join(chance.of(words) for _ in range(least + chance.below(most - least + 1)))


def with_quotes(text: str, chance: Chance, marks: str) -> str:
    """Return a text with quotes and delimiters in it."""
    at = chance.below(len(text) + 1)
    return f"{text[:at]}{chance.of(marks)}{text[at:]}{chance.of(marks)}"


def with_break(text: str, chance: Chance) -> str:
    """Return a text of several lines."""
    at = 1 + chance.below(len(text))
    return f"{text[:at]}{chance.of(_BREAKS)}{text[at:]}{chance.of(WORDS[:8])}"


def times(encoder: CellEncoder, chance: Chance, first: datetime, last: datetime, count: int) -> Iterator[EncodedCell]:
    """Yield times of the column's zone from the first day to the last, whole days where the unit is a day.

    They keep clear of the hours in which clocks change, where not every time is one or one only.
    """
    days = (last - first).days + 1
    zone = ZoneInfo(encoder.column.zone)
    for _ in range(count):
        day = first + timedelta(days=chance.below(days))
        if encoder.column.unit == "day":
            yield encoder.time(day.replace(tzinfo=zone))
        else:
            yield encoder.time(_whole(day.replace(tzinfo=zone, hour=6), chance, encoder))


def _whole(morning: datetime, chance: Chance, encoder: CellEncoder) -> datetime:
    """Return a time of a day that the column's form can express."""
    form = encoder.column.timestamp[0] if encoder.column.timestamp else "iso"
    if form in ("iso", "epoch_s", "epoch_ms"):
        return morning + timedelta(seconds=chance.below(17 * 3600))
    when = morning + timedelta(seconds=chance.below(17 * 3600))
    return datetime.strptime(when.strftime(form), form).replace(tzinfo=when.tzinfo)


def first_and_last(days: tuple[str, ...]) -> tuple[datetime, datetime]:
    """Return the days that an option names; those of 2026 where it names none.

    Raises:
        ValueError: they are not days.
    """
    first, last = days or ("2026-01-01", "2026-12-31")
    begin, end = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, last))
    if end < begin:
        raise ValueError(f"{last} is before {first}")
    return begin, end


def binary(encoder: CellEncoder, chance: Chance) -> EncodedCell:
    """Return a cell of 8 to 24 bytes."""
    data = bytes(chance.below(256) for _ in range(8 + chance.below(17)))
    text = data.hex() if encoder.column.encoding == "hex" else base64.b64encode(data).decode()
    return encoder.encode(text, ("B", data))


def members(encoder: CellEncoder, chance: Chance) -> EncodedCell:
    """Return a cell of a set of 1 to 4 members."""
    kind = encoder.column.type
    known = [str(n) for n in range(30, 60)] if kind == "NS" else [w for w in WORDS if encoder.column.separator not in w]
    found = [chance.of(known) for _ in range(1 + chance.below(4))]
    return encoder.encode(encoder.column.separator.join(found), (kind, canonical_value(kind, sorted(set(found)))))


def document(encoder: CellEncoder, chance: Chance) -> EncodedCell:
    """Return a cell of a JSON list or object, as the column wants it."""
    kind, number = encoder.column.type, chance.below(1000)
    value: Any = [number, chance.of(WORDS), number % 2 == 0]
    value = value if kind == "L" else {"n": number, "word": chance.of(WORDS), "list": value, "none": None}
    text = json.dumps(value, ensure_ascii=chance.below(2) == 0)
    return encoder.encode(text, (kind, canonical_value(kind, _typed(value)[kind])))


def _typed(value: Any) -> dict[str, Any]:
    """Return a value of JSON as DynamoDB JSON."""
    if isinstance(value, dict):
        return {"M": {name: _typed(inner) for name, inner in value.items()}}
    if isinstance(value, list):
        return {"L": [_typed(inner) for inner in value]}
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}
