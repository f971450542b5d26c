"""The rows of chaos runs, against Python's csv module: the oracle counts right."""

import csv
import io

from loadtest.chaos.rows import Repeat, RowMaker, digest_of, is_apart, tails
from loadtest.chaos.settings import TABLE
from loadtest.simulator.written_items import digest


def made(seed: int = 1, size: int = 300_000) -> tuple[bytes, RowMaker]:
    maker = RowMaker("f1v1", seed)
    return b"".join(maker.until(size)), maker


def test_the_same_seed_makes_the_same_file() -> None:
    assert made(3)[0] == made(3)[0]
    assert made(3)[0] != made(4)[0]


def test_python_reads_as_many_rows_and_the_items_the_oracle_reports() -> None:
    data, maker = made(size=2_000_000)
    header, *rows = csv.reader(io.StringIO(data.decode(), newline=""))
    good = [row for row in rows if len(row) == len(header) and row[1] and row[3].isdigit() and row[5] != "perhaps"]
    expected = {(row[1], row[0]): row[2:] for row in good}
    oracle = maker.oracle
    assert len(rows) == oracle.rows
    assert len(rows) - len(good) == len(oracle.rejects) > 0
    assert len(good) - len(expected) == len(oracle.repeats) > 0
    assert expected == {key: tails()[tail].cells for key, tail in oracle.items.items()}


def test_rejects_stand_at_their_lines() -> None:
    data, maker = made(size=2_000_000)
    lines = data.decode().replace("\r\n", "\n").split("\n")
    ids = {lines[line - 1].partition(",")[0] for line in maker.oracle.rejects}
    assert all(id.startswith("f1v1-") for id in ids)
    assert len(ids) == len(maker.oracle.rejects)


def test_a_row_replaces_another_only_within_a_segment() -> None:
    repeat = Repeat(100, 200, ("C", "1"), 0)
    assert not is_apart(repeat, [0, 100, 300])
    assert is_apart(repeat, [0, 150])
    assert is_apart(repeat, [0, 200])


def test_the_digest_of_a_row_is_that_of_its_item() -> None:
    item = {"id": {"S": "1"}, "customer": {"S": "C"}, **tails()[5].item}
    assert digest_of(("C", "1"), 5) == digest(TABLE, item)
