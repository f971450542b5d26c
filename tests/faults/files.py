"""A file with everything that matters to order and counts, and its known_outcome, read with Python's csv module."""

import csv
import io
import random
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from ingest.feeds.feed import Feed

FEED = Feed("orders/", "Orders", "customer_id", "order_no", columns=dict.fromkeys(["order_no", "quantity", "seq"], "N"))
Item = dict[str, Any]


@dataclass(frozen=True)
class File:
    """A CSV file. Its keys repeat at any distance, numbers in several spellings; some rows are bad."""

    data: bytes = field(repr=False)

    @cached_property
    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.data.decode(), newline="")))

    @cached_property
    def bad(self) -> list[int]:
        """The numbers of the rows that no table takes, from 0."""
        return [number for number, row in enumerate(self.rows) if row["quantity"] == "many"]

    @cached_property
    def known_outcome(self) -> dict[tuple[str, Decimal], Item]:
        """The last good row of each key."""
        rows = [row for row in self.rows if row["quantity"] != "many"]
        return {(row["customer_id"], Decimal(row["order_no"])): _item(row) for row in rows}


def _item(row: dict[str, str]) -> Item:
    numbers = {name: Decimal(row[name]) for name in ("order_no", "quantity", "seq")}
    return {name: value for name, value in row.items() if value} | numbers


def as_read(item: dict[str, dict[str, str]]) -> Item:
    """Return an item of DynamoDB JSON as `File.known_outcome` has it."""
    return {
        name: Decimal(text) if kind == "N" else text for name, value in item.items() for kind, text in value.items()
    }


def make_file(*, rows: int, longest_note: int, seed: int = 7) -> File:
    """Return a file of rows, with notes up to about that long: line breaks, quotes and delimiters in some."""
    chance = random.Random(seed)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["customer_id", "order_no", "quantity", "seq", "note"])
    for number in range(rows):
        order = chance.randrange(rows // 2)
        note = chance.choice(["", 'a "quoted"\nline, ', "Grüße ", "x"]) * chance.randrange(longest_note // 10)
        quantity = "many" if number % 97 == 50 else str(chance.randrange(1, 99))
        writer.writerow([f"C{order % 40}", chance.choice(["{}", "{}.0", "0{}"]).format(order), quantity, number, note])
    return File(text.getvalue().encode())
