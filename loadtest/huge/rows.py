"""Rows that are a function of their number, so that files of any size can be checked row by row with little memory."""

import base64
import csv
import gzip
import io
import json
import os
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from loadtest.simulator.capacity import write_units
from loadtest.simulator.service import TOOK_ALL, Answer, Service
from loadtest.simulator.settings import Settings
from loadtest.simulator.values import item_bytes

HEADER = b"id,customer,city,quantity,price,paid,note,blob\n"
SPOILED_EVERY = 50_021  # a prime: spoiled rows come at all places of a block
_KINDS = 4_000
_PORTION = 2_000
_NOTES = ("back door,\nring twice", 'says "noon"', "two\r\nlines", "plain", "gift, no bill", "\n\nlow")
_CITIES = ("Köln", "Málaga", "Łódź", 'Cork "City"', "Swindon, Wilts")


class Kinds:
    """What stands behind a row's id: one of some thousand tails, by the row's number. About 500 bytes a row."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        cells = [_cells(chance) for _ in range(_KINDS)]
        self._lines = [_line(row) for row in cells]
        self._injected = [_line([*row[:2], "12x", *row[3:]]) for row in cells]
        self.items = [_item(row) for row in cells]
        size = len(b"idH00-0000000000")
        self.units = [write_units(size + item_bytes(item)) for item in self.items]

    def line(self, file: int, number: int) -> bytes:
        """Return a row as CSV."""
        lines = self._injected if is_injected(number) else self._lines
        return b"H%02d-%010d,%b" % (file, number, lines[number % _KINDS])

    def item(self, number: int) -> dict[str, Any]:
        """Return the item of a good row, without its id."""
        return self.items[number % _KINDS]

    def cost(self, number: int) -> int:
        """Return the write units of a row's item."""
        return self.units[number % _KINDS]

    def write(self, path: Path, file: int, total_bytes: int, *, is_gzip: bool = False) -> int:
        """Write a file of at least `total_bytes`, as they lie on disk; return how many rows it has."""
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = 0
        with path.open("wb") as raw:
            out: Any = gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) if is_gzip else raw
            out.write(HEADER)
            while os.fstat(raw.fileno()).st_size < total_bytes:
                count = _PORTION if total_bytes > 2_000_000 else 1
                out.writelines(self._portion(file, rows, count))
                rows += count
            if is_gzip:
                out.close()
        return rows

    def _portion(self, file: int, first: int, count: int) -> Iterator[bytes]:
        return (self.line(file, number) for number in range(first, first + count))


def is_injected(number: int) -> bool:
    """Return whether a row is one that must be rejected.

    >>> [number for number in range(60_000) if is_spoiled(number)]
    [7, 50028]
    """
    return number % SPOILED_EVERY == 7


def _cells(chance: random.Random) -> list[str]:
    blob = base64.b64encode(chance.randbytes(chance.randint(200, 320))).decode()
    price = f"{chance.randint(1, 9_999_999) / 100:.2f}"
    customer, quantity = f"C{chance.randrange(10_000):04d}", str(chance.randint(1, 120))
    return [
        customer,
        chance.choice(_CITIES),
        quantity,
        price,
        chance.choice(("true", "false")),
        chance.choice(_NOTES),
        blob,
    ]


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _item(cells: list[str]) -> dict[str, Any]:
    customer, city, quantity, price, paid, note, blob = cells
    item: dict[str, Any] = {"customer": {"S": customer}, "city": {"S": city}, "quantity": {"N": quantity}}
    return item | {"price": {"N": price}, "paid": {"BOOL": paid == "true"}, "note": {"S": note}, "blob": {"S": blob}}


_MOST_COUNTED = 255
_TOOK = Answer(TOOK_ALL)


class KnownRows(Service):
    """The write side of a simulator: one byte for each row that must come counts how often it did."""

    def __init__(self, kinds: Kinds, rows: Mapping[int, int]) -> None:
        super().__init__(Settings(), time.monotonic)
        self.wrong = self.repeated = self.units = 0
        self._kinds = kinds
        self._came = {file: bytearray(count) for file, count in rows.items()}

    def answer(self, operation: bytes, body: bytes) -> Answer:
        """Take all items of a BatchWriteItem."""
        count = 0
        for writes in json.loads(body)["RequestItems"].values():
            for write in writes:
                self._hold_up(write["PutRequest"]["Item"])
            count += len(writes)
        self.statistics.took(count)
        return _TOOK

    def lost(self) -> int:
        """Return how many good rows never came."""
        return sum(
            came == 0 and not is_injected(number)
            for counts in self._came.values()
            for number, came in enumerate(counts)
            if came == 0
        )

    def _hold_up(self, item: dict[str, Any]) -> None:
        id = item.pop("id")["S"]
        counts, number = self._came.get(int(id[1:3])), int(id[4:])
        if counts is None or number >= len(counts) or is_injected(number) or item != self._kinds.item(number):
            self.wrong += 1
            return
        self.repeated += counts[number] > 0
        counts[number] = min(_MOST_COUNTED, counts[number] + 1)
        self.units += self._kinds.cost(number)
