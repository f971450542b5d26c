import csv
import io
from pathlib import Path

import pytest

from ingest.feeds.parse import read_feeds
from loadtest.bench.surroundings import (
    FEEDS,
    LINE_BREAKS,
    QUOTE_FREE,
    QUOTED,
    SHAPES,
    environment,
    generation,
    samples,
    write_sample,
)


def text(total_bytes: int, *, seed: int = 1, shape: str = "mixed", kind: str = QUOTE_FREE) -> str:
    return b"".join(generation(total_bytes, seed, shape=shape, kind=kind)).decode()


@pytest.mark.parametrize(
    ("shape", "kind", "columns", "row_bytes"),
    [
        ("narrow", QUOTE_FREE, 5, 51),
        ("mixed", QUOTE_FREE, 10, 110),
        ("mixed", QUOTED, 10, 118),
        ("mixed", LINE_BREAKS, 10, 118),
        ("wide", QUOTE_FREE, 40, 924),
    ],
)
def test_a_file_has_its_columns_about_its_row_size_and_ids_of_its_own(
    shape: str, kind: str, columns: int, row_bytes: int, tmp_path: Path
) -> None:
    sample = write_sample(tmp_path, 1_000_000, 1, shape=shape, kind=kind)
    with sample.path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert 990_000 < sample.file_bytes == sample.path.stat().st_size <= 1_000_000
    assert len({row["id"] for row in rows}) == len(rows) == sample.rows
    assert {len(row) for row in rows} == {columns}
    assert sample.file_bytes / sample.rows == pytest.approx(row_bytes, rel=0.05)


def test_a_quote_free_file_has_no_quote_and_as_many_lines_as_rows() -> None:
    made = text(100_000)
    assert '"' not in made
    assert made.count("\n") == len(list(csv.reader(io.StringIO(made, newline=""))))


def test_a_quoted_file_has_every_cell_quoted_with_quotes_delimiters_and_line_breaks_inside() -> None:
    made = text(100_000, kind=LINE_BREAKS)
    rows = list(csv.reader(io.StringIO(made, newline="")))
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    assert written.getvalue() == made
    assert {'Skillet 11"', "Kettle, 2 l", "ring,\ntwice", "2nd\r\nleft"} <= {cell for row in rows for cell in row}
    without = text(100_000, kind=QUOTED)
    assert without.count("\n") == len(list(csv.reader(io.StringIO(without, newline=""))))
    assert '"Skillet 11"""' in without


@pytest.mark.parametrize("shape", SHAPES)
def test_the_feeds_file_types_columns_that_are_there(shape: str) -> None:
    header = text(0, shape=shape).strip().split(",")
    feed = read_feeds(FEEDS).named(shape)
    assert {*feed.columns, feed.partition_key} <= set(header)
    assert feed.columns


@pytest.mark.parametrize("shape", SHAPES)
def test_the_seed_decides_the_file(shape: str) -> None:
    assert text(50_000, shape=shape) == text(50_000, shape=shape) != text(50_000, shape=shape, seed=2)


def test_beside_a_file_stands_its_header_alone(tmp_path: Path) -> None:
    sample, empty = samples(tmp_path, 10_000, 1)
    assert (sample.rows > 50, empty.rows, empty.url) == (True, 0, "s3://bench/mixed/0.csv")
    assert empty.path.read_text() == sample.path.read_text().splitlines(keepends=True)[0]


def test_a_measured_process_keeps_its_bytecode_and_sees_no_setting_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONDONTWRITEBYTECODE", "AWS_PROFILE", "https_proxy", "HTTP_PROXY", "KEPT"):
        monkeypatch.setenv(name, "1")
    found = environment(s3="http://here")
    assert (found["KEPT"], found["AWS_ENDPOINT_URL_S3"]) == ("1", "http://here")
    assert not {"PYTHONDONTWRITEBYTECODE", "AWS_PROFILE", "https_proxy", "HTTP_PROXY"} & set(found)
