"""Files of changes: what they hold, and that what must come of them does not depend on the order of their files."""

import csv
import io
import random
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from loadtest.workload.changes import COLUMNS, NOT_SUMMED, ChangeRow, ChangesFile
from loadtest.workload.checksum import Checksum

FILES, ROWS = 5, 400


def files(seed: int) -> list[ChangesFile]:
    return [ChangesFile(seed=seed, files=FILES, rows=ROWS, file=number) for number in range(FILES)]


def rows(file: ChangesFile) -> list[ChangeRow]:
    lines = list(csv.reader(io.StringIO(b"".join(file).decode(), newline="")))
    assert tuple(lines[0]) == COLUMNS
    return [ChangeRow(*cells) for cells in lines[1:]]


def good(file: ChangesFile) -> list[ChangeRow]:
    return [row for row in rows(file) if row.op in "IUD" and row.version]


def loaded(order: list[ChangesFile]) -> list[Any]:
    """Return what a table holds that takes row by row what is not older."""
    table: dict[tuple[str, str], Any] = {}
    for row in (row for file in order for row in good(file)):
        before = table.get((row.account, row.entry), {})
        if not before or Decimal(before["version"]["N"]) <= Decimal(row.version):
            table[row.account, row.entry] = row.after(before)
    return list(table.values())


@pytest.mark.parametrize("seed", range(8))
def test_the_table_is_the_same_whatever_the_order_of_the_files_and_however_often_each_comes(seed: int) -> None:
    history, chance = files(seed), random.Random(seed)
    order = [*history, *chance.choices(history, k=3)]
    for _ in range(3):
        chance.shuffle(order)
        held = Checksum(NOT_SUMMED)
        held.add(loaded(order))
        assert (held.items, held.value) == (history[0].known_outcome.items, history[0].known_outcome.checksum)


def test_what_a_file_holds_is_what_is_known_of_it() -> None:
    for file in files(3):
        known = file.known_outcome
        bad = [row for row in rows(file) if row.op not in "IUD" or not row.version]
        reasons = Counter("bad_operation" if row.op == "X" else "no_version" for row in bad)
        assert (known.rows, known.rejected) == (len(rows(file)), reasons)
        assert known.bytes == len(b"".join(file))
    assert sum(file.known_outcome.rows_rejected for file in files(3)) > 0
    assert [bool(file.known_outcome.items) for file in files(3)] == [True, False, False, False, False]


def test_keys_are_shared_doubled_deleted_updated_in_part_and_out_of_order() -> None:
    found = [good(file) for file in files(4)]
    keys = [{(row.account, row.entry) for row in some} for some in found]
    assert all(keys[0] & others for others in keys[1:])
    every = Counter(row for some in found for row in some)
    assert max(every.values()) == 2
    assert Counter(row.op for row in every).keys() == {"I", "U", "D"}
    assert any(row.op == "U" and not row.note for row in every)
    versions = [Decimal(row.version) for row in found[0] if (row.account, row.entry) in keys[1]]
    assert versions != sorted(versions)
    digits = {len(row.version) for row in every}
    assert digits == {1, 2, 3}  # as numbers they have another order than as text


def test_other_seeds_have_other_keys() -> None:
    one, other = ({row.account for row in good(files(seed)[0])} for seed in (1, 2))
    assert not one & other
