"""Seeded CSV rows with all that makes them hard, each with what must become of it."""

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from loadtest.chaos.settings import TABLE
from loadtest.sink.truth import digest

HEADER = "id,customer,city,quantity,price,paid,note\n"
_CITIES = ("Köln", "Málaga", "Łódź", 'Cork "City"', "Swindon, Wilts", "李村")
_NOTES = ("plain", "back door,\nring twice", 'says "noon"', "two\r\nlines", "gift, no bill", "", "\n\nlow\n")
_FILLER = "leave at the back door or call before noon; " * 6
REJECTED_SHARE, REPEATED_SHARE = 0.004, 0.004
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A row whose key an earlier row had: offsets of both in the expanded file, and what the earlier one said."""

    earlier_byte: int
    byte: int
    key: Key
    earlier_digest: int


@dataclass(slots=True)
class Oracle:
    """What must become of a file: counted where it was made, by nobody who reads CSV."""

    rows: int = 0
    items: dict[Key, int] = field(default_factory=dict)  # the digest of the last item of each key
    rejects: dict[int, str] = field(default_factory=dict)  # reason by line
    repeats: list[Repeat] = field(default_factory=list)

    def superseded(self, starts: list[int]) -> int:
        """Return how many rows a later one replaces within one segment; `starts` are the segments' first bytes."""
        return sum(not is_apart(repeat, starts) for repeat in self.repeats)


def is_apart(repeat: Repeat, starts: list[int]) -> bool:
    """Return whether a segment begins between the two rows: nobody promises then which of them stays."""
    return any(repeat.earlier_byte < start <= repeat.byte for start in starts)


class RowMaker:
    """Makes the rows of one file one after another; keeps the oracle beside."""

    def __init__(self, name: str, seed: int) -> None:
        self.oracle = Oracle()
        self._name = name
        self._chance = random.Random(seed)
        self._line, self._byte = 2, len(HEADER.encode())
        self._recent: list[tuple[int, Key, int]] = []
        self._places: dict[Key, tuple[int, int]] = {}

    def until(self, total_bytes: int) -> Iterator[bytes]:
        """Yield header and rows of at least so many bytes."""
        yield HEADER.encode()
        while self._byte < total_bytes:
            yield self._row()

    def _row(self) -> bytes:
        drawn = self._chance.random()
        self.oracle.rows += 1
        cells = self._cells(f"{self._name}-{self.oracle.rows:07d}")
        reason = None
        if drawn < REJECTED_SHARE:
            reason = self._spoil(cells)
        elif drawn < REJECTED_SHARE + REPEATED_SHARE and self._recent:
            cells[:2] = reversed(self._chance.choice(self._recent)[1])
        return self._written(cells, reason)

    def _written(self, cells: list[str], reason: str | None) -> bytes:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(cells)
        data = text.getvalue().encode()
        if reason:
            self.oracle.rejects[self._line] = reason
        else:
            self._keep(cells)
        self._line += data.count(b"\n")  # CR LF within a cell is one line end, too
        self._byte += len(data)
        return data

    def _keep(self, cells: list[str]) -> None:
        key, of_item = (cells[1], cells[0]), digest(TABLE, item_of(cells))
        if key in self._places:
            self.oracle.repeats.append(Repeat(self._places[key][0], self._byte, key, self._places[key][1]))
        self.oracle.items[key] = of_item
        self._places[key] = (self._byte, of_item)
        self._recent = [*self._recent[-19:], (self._byte, key, of_item)]
        if len(self._places) > 4096:
            self._places = {key: (byte, known) for byte, key, known in self._recent}

    def _cells(self, id: str) -> list[str]:
        chance = self._chance
        note = chance.choice(_NOTES) + _FILLER[: chance.randrange(len(_FILLER))]
        price = f"{chance.randint(1, 9_999_999) / 100:.2f}"
        paid = chance.choice(("true", "false"))
        return [
            id,
            f"C{chance.randrange(500):03d}",
            chance.choice(_CITIES),
            str(chance.randint(1, 120)),
            price,
            paid,
            note,
        ]

    def _spoil(self, cells: list[str]) -> str:
        """Make a row one that must be rejected; return the reason."""
        reason = self._chance.choice(("bad_number", "bad_boolean", "empty_key", "ragged_row"))
        if reason == "ragged_row":
            cells.append("one too many")
        else:
            column, value = {"bad_number": (3, "12x"), "bad_boolean": (5, "perhaps"), "empty_key": (1, "")}[reason]
            cells[column] = value
        return reason


def item_of(cells: list[str]) -> dict[str, dict[str, Any]]:
    """Return the item, as DynamoDB JSON, that a good row must become."""
    id, customer, city, quantity, price, paid, note = cells
    item: dict[str, dict[str, Any]] = {"id": {"S": id}, "customer": {"S": customer}, "city": {"S": city}}
    item |= {"quantity": {"N": quantity}, "price": {"N": price}, "paid": {"BOOL": paid == "true"}}
    return item | {"note": {"S": note}} if note else item
