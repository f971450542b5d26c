import csv
import io
from itertools import islice

import pytest

from loadtest.bench.mixed import COLUMNS, mixed


def text(total_bytes: int, *, seed: int = 1, quoted: bool) -> str:
    return b"".join(portion.data for portion in mixed(total_bytes=total_bytes, seed=seed, quoted=quoted)).decode()


@pytest.mark.parametrize("quoted", [False, True])
def test_a_file_has_the_size_rows_and_ids_it_claims(quoted: bool) -> None:
    portions = list(mixed(total_bytes=300_000, seed=1, quoted=quoted))
    data = b"".join(portion.data for portion in portions)
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    assert 300_000 <= len(data) < 300_000 + len(portions[-1].data)
    assert 105 <= len(data) / len(rows) <= 125
    assert len({row["id"] for row in rows}) == len(rows) == sum(portion.rows for portion in portions)


def test_a_quote_free_file_has_no_quote_and_as_many_lines_as_rows() -> None:
    made = text(100_000, quoted=False)
    assert '"' not in made
    assert made.count("\n") == len(list(csv.reader(io.StringIO(made, newline=""))))


def test_a_quoted_file_has_every_cell_quoted_with_quotes_delimiters_and_line_breaks_inside() -> None:
    made = text(100_000, quoted=True)
    rows = list(csv.reader(io.StringIO(made, newline="")))
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    assert written.getvalue() == made
    cells = {cell for row in rows for cell in row}
    assert {'Skillet 11"', "Kettle, 1.7 l", "back door,\nring twice"} <= cells


def test_line_breaks_in_cells_are_left_out_where_they_are_not_wanted() -> None:
    portions = mixed(total_bytes=100_000, seed=1, quoted=True, line_breaks=False)
    made = b"".join(portion.data for portion in portions).decode()
    assert made.count("\n") == len(list(csv.reader(io.StringIO(made, newline=""))))
    assert "\r" not in made
    assert '"Skillet 11"""' in made


def test_a_file_of_no_bytes_is_a_header() -> None:
    assert text(0, quoted=False).strip().split(",") == list(COLUMNS)


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others() -> None:
    first, same, other = (text(20_000, seed=seed, quoted=True) for seed in (1, 1, 2))
    assert first == same != other


def test_a_huge_file_is_made_bit_by_bit() -> None:
    begun = list(islice(mixed(total_bytes=10**12, seed=1, quoted=False), 20))
    assert sum(portion.rows for portion in begun) == 19 * 500
