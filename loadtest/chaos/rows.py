"""Seeded CSV rows with all that makes them hard, each with what must become of it."""

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from loadtest.chaos.settings import TABLE
from loadtest.simulator.written_items import digest

HEADER = "id,customer,city,quantity,price,paid,note\n"
REJECTED_SHARE, REPEATED_SHARE = 0.004, 0.004
_CITIES = ("Köln", "Málaga", "Łódź", 'Cork "City"', "Swindon, Wilts", "李村")
_NOTES = ("plain", "back door,\nring twice", 'says "noon"', "two\r\nlines", "gift, no bill", "", "\n\nlow\n")
_FILLER = "leave at the back door or call before noon; " * 24
_TAILS, _CUSTOMERS = 1_009, 500
_NEAR = 20  # rows between the two of a key, at most
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Tail:
    """What stands behind id and customer in some rows: its cells, its bytes, its attributes."""

    cells: list[str]
    data: bytes
    line_ends: int
    item: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A row whose key an earlier row had: offsets of both in the expanded file, and the earlier one's tail."""

    earlier_byte: int
    byte: int
    key: Key
    earlier: int


@dataclass(slots=True)
class Oracle:
    """The known outcome of a file: counted where it was made, without reading CSV."""

    rows: int = 0
    items: dict[Key, int] = field(default_factory=dict)  # the tail of the last item of each key
    rejects: dict[int, str] = field(default_factory=dict)  # reason by line
    repeats: list[Repeat] = field(default_factory=list)

    def superseded(self, starts: list[int]) -> int:
        """Return how many rows a later one replaces within one segment; `starts` are the segments' first bytes."""
        return sum(not is_apart(repeat, starts) for repeat in self.repeats)


def is_apart(repeat: Repeat, starts: list[int]) -> bool:
    """Return whether a segment begins between the two rows: which of them stays is not promised then."""
    return any(repeat.earlier_byte < start <= repeat.byte for start in starts)


def digest_of(key: Key, tail: int) -> int:
    """Return the digest, as a simulator knows it, of the item that a row must become."""
    return digest(TABLE, {"customer": {"S": key[0]}, "id": {"S": key[1]}, **tails()[tail].item})


class RowMaker:
    """Makes the rows of one file one after another; keeps the oracle beside."""

    def __init__(self, name: str, seed: int) -> None:
        self.oracle = Oracle()
        self._name = name
        self._chance = random.Random(seed)
        self._line, self._byte = 2, len(HEADER.encode())
        self._recent: list[Key] = []
        self._places: dict[Key, int] = {}

    def until(self, total_bytes: int) -> Iterator[bytes]:
        """Yield header and rows, at least a number of bytes."""
        yield HEADER.encode()
        while self._byte < total_bytes:
            yield self._row()

    def _row(self) -> bytes:
        oracle, drawn = self.oracle, self._chance.random()
        oracle.rows += 1
        number = int(drawn * 1e9)  # cheaper than to draw again
        key, tail = (f"C{number % _CUSTOMERS:03d}", f"{self._name}-{oracle.rows:07d}"), number % _TAILS
        if drawn < REJECTED_SHARE:
            return self._injected(key, tails()[tail].cells)
        if drawn < REJECTED_SHARE + REPEATED_SHARE and self._recent:
            key = self._repeated(self._chance.choice(self._recent))
        self._remember(key)
        oracle.items[key] = tail
        return self._made(f"{key[1]},{key[0]},".encode() + tails()[tail].data, tails()[tail].line_ends)

    def _repeated(self, key: Key) -> Key:
        self.oracle.repeats.append(Repeat(self._places[key], self._byte, key, self.oracle.items[key]))
        return key

    def _remember(self, key: Key) -> None:
        self._recent.append(key)
        self._places[key] = self._byte
        if len(self._recent) > _NEAR:
            gone = self._recent.pop(0)
            if gone not in self._recent:
                del self._places[gone]

    def _injected(self, key: Key, tail: list[str]) -> bytes:
        """Return a row that must be rejected, and remember why."""
        cells = [key[1], key[0], *tail]
        reason = self._chance.choice(("bad_number", "bad_boolean", "empty_key", "ragged_row"))
        if reason == "ragged_row":
            cells.append("one too many")
        else:
            column, value = {"bad_number": (3, "12x"), "bad_boolean": (5, "perhaps"), "empty_key": (1, "")}[reason]
            cells[column] = value
        self.oracle.rejects[self._line] = reason
        data = _line(cells)
        return self._made(data, data.count(b"\n"))

    def _made(self, data: bytes, line_ends: int) -> bytes:
        self._line += line_ends
        self._byte += len(data)
        return data


@cache
def tails() -> list[Tail]:
    """Return what rows may end with."""
    chance = random.Random(TABLE)
    return [_tail(chance) for _ in range(_TAILS)]


def _tail(chance: random.Random) -> Tail:
    note = chance.choice(_NOTES)
    note += _FILLER[: chance.randrange(len(_FILLER))] if note else ""
    city, quantity = chance.choice(_CITIES), str(chance.randint(1, 120))
    price, paid = f"{chance.randint(1, 9_999_999) / 100:.2f}", chance.choice(("true", "false"))
    item: dict[str, dict[str, Any]] = {"city": {"S": city}, "quantity": {"N": quantity}, "price": {"N": price}}
    item |= {"paid": {"BOOL": paid == "true"}, **({"note": {"S": note}} if note else {})}
    data = _line([city, quantity, price, paid, note])
    return Tail([city, quantity, price, paid, note], data, data.count(b"\n"), item)  # CR LF in a cell is one line end


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
