import csv
import io
import itertools

import pytest

from loadtest.generate import Portion, orders


def whole(portions: list[Portion]) -> bytes:
    return b"".join(portion.data for portion in portions)


@pytest.mark.parametrize("row_bytes", [120, 500])
def test_a_file_has_the_size_and_the_rows_it_claims(row_bytes: int) -> None:
    portions = list(orders(total_bytes=300_000, seed=1, row_bytes=row_bytes))
    data = whole(portions)
    assert 300_000 <= len(data) < 300_000 + 2 * row_bytes
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    assert len(rows) == sum(portion.rows for portion in portions)
    assert len({row["order_id"] for row in rows}) == len(rows)
    assert {row["product"] for row in rows} >= {"Kettle, 1.7 l", 'Monitor 27" IPS'}


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others() -> None:
    first, same, other = (whole(list(orders(total_bytes=20_000, seed=seed))) for seed in (1, 1, 2))
    assert first == same != other


def test_a_huge_file_is_made_bit_by_bit() -> None:
    begun = list(itertools.islice(orders(total_bytes=10**12, seed=1), 3))
    assert sum(portion.rows for portion in begun) == 10_000
