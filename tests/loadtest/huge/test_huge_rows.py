"""Huge files: each row a function of its number, and a known outcome that knows each."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

from loadtest.huge.rows import Kinds, KnownRows, is_injected

KINDS = Kinds(seed=1)


def item(number: int) -> dict[str, Any]:
    return {**KINDS.item(number), "id": {"S": f"H00-{number:010d}"}}


def put(known_outcome: KnownRows, *items: dict[str, Any]) -> None:
    known_outcome.statistics.received(1)
    body = {"RequestItems": {"HugeRows": [{"PutRequest": {"Item": item}} for item in items]}}
    assert json.loads(known_outcome.answer(b"batchwriteitem", json.dumps(body).encode()).body) == {
        "UnprocessedItems": {}
    }


def test_python_reads_the_rows_the_numbers_say(tmp_path: Path) -> None:
    rows = KINDS.write(tmp_path / "0.csv", 0, 300_000)
    read = list(csv.DictReader(io.StringIO((tmp_path / "0.csv").read_bytes().decode(), newline="")))
    assert len(read) == rows
    for number, row in enumerate(read):
        values = {name: next(iter(value.values())) for name, value in item(number).items()}
        values |= {"paid": "true" if values["paid"] else "false", "quantity": values["quantity"]}
        assert row == (values | {"quantity": "12x"} if is_injected(number) else values)


def test_a_gzip_file_is_as_large_as_asked_and_holds_as_many_rows(tmp_path: Path) -> None:
    rows = KINDS.write(tmp_path / "0.csv", 0, 100_000, is_gzip=True)
    assert (tmp_path / "0.csv").stat().st_size >= 100_000
    text = gzip.decompress((tmp_path / "0.csv").read_bytes()).decode()
    assert sum(1 for _ in csv.reader(io.StringIO(text, newline=""))) == rows + 1


def test_all_rows_once_or_more_are_not_a_loss() -> None:
    known_outcome = KnownRows(KINDS, {0: 5})
    put(known_outcome, *map(item, range(5)))
    put(known_outcome, item(3))
    assert (known_outcome.lost(), known_outcome.wrong, known_outcome.repeated, known_outcome.statistics.items) == (
        0,
        0,
        1,
        6,
    )
    assert known_outcome.units == sum(map(KINDS.cost, (0, 1, 2, 3, 4, 3)))


def test_a_missing_row_is_lost_and_a_spoiled_one_is_not() -> None:
    known_outcome = KnownRows(KINDS, {0: 10})
    put(known_outcome, *map(item, range(2, 7)))
    assert known_outcome.lost() == 10 - 5 - 1


def test_another_cell_a_spoiled_row_and_a_row_too_many_are_wrong() -> None:
    known_outcome = KnownRows(KINDS, {0: 10})
    put(
        known_outcome, {**item(1), "city": {"S": "Rome"}}, item(7), item(11), {**item(1), "id": {"S": "H01-0000000001"}}
    )
    assert known_outcome.wrong == 4
