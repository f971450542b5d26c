import csv
import io
from pathlib import Path

import pytest

from ingest.feeds.parse import read_feeds
from loadtest.bench.shapes import SHAPES, shaped

FEEDS = Path(__file__).parents[3] / "loadtest/feeds.toml"


def text_of(shape: str, total_bytes: int, seed: int = 1) -> tuple[str, int]:
    portions = list(shaped(shape, total_bytes=total_bytes, seed=seed))
    return b"".join(portion.data for portion in portions).decode(), sum(portion.rows for portion in portions)


@pytest.mark.parametrize(("shape", "columns", "row_bytes"), [("narrow", 5, 50), ("mixed", 10, 110), ("wide", 40, 924)])
def test_a_shape_has_its_columns_and_about_its_row_size(shape: str, columns: int, row_bytes: int) -> None:
    text, count = text_of(shape, 1_000_000)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == count
    assert {len(row) for row in rows} == {columns}
    assert len({row["id"] for row in rows}) == count
    assert len(text.encode()) / count == pytest.approx(row_bytes, rel=0.1)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_feeds_file_types_columns_that_are_there(shape: str) -> None:
    header = text_of(shape, 0)[0].strip().split(",")
    feed = read_feeds(FEEDS).named(shape)
    assert {*feed.columns, feed.partition_key} <= set(header)
    assert feed.columns


@pytest.mark.parametrize("shape", SHAPES)
def test_the_seed_decides_the_file(shape: str) -> None:
    assert text_of(shape, 50_000) == text_of(shape, 50_000) != text_of(shape, 50_000, seed=2)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_bytes_are_a_header_alone(shape: str) -> None:
    text, rows = text_of(shape, 0)
    assert (text.count("\n"), rows) == (1, 0)
