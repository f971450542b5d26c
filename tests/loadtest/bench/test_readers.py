import itertools
from pathlib import Path

import pytest

from ingest.feeds.parse import read_feeds
from loadtest.bench.mixed import COLUMNS, STRINGS, mixed
from loadtest.bench.readers import csv_dictreader, ingest_columns, pyarrow_whole


@pytest.fixture(params=[False, True], ids=["quote-free", "fully quoted"])
def quoted(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def file(tmp_path: Path, quoted: bool) -> Path:
    path = tmp_path / "mixed.csv"
    path.write_bytes(b"".join(portion.data for portion in mixed(total_bytes=500_000, seed=3, quoted=quoted)))
    return path


def columns_of_ingest(file: Path) -> dict[str, list[object]]:
    blocks = list(ingest_columns.read(file, read_feeds(ingest_columns.FEEDS).named("mixed")))
    chained = itertools.chain.from_iterable
    return {name: list(chained(block.attribute(name).values.to_pylist() for block in blocks)) for name in COLUMNS}


def test_the_readers_find_the_same_cells(file: Path, quoted: bool) -> None:
    rows = list(csv_dictreader.read(file))
    table = pyarrow_whole.read(file, newlines=quoted)
    assert table.to_pylist() == rows
    ours = columns_of_ingest(file)
    for name in (*STRINGS, "quantity", "price", "discount"):
        assert [value or "" for value in ours[name]] == [row[name] for row in rows], name
    assert ours["paid"] == [{"true": True, "false": False, "": None}[row["paid"]] for row in rows]


def test_a_rejected_row_ends_the_reader_of_ingest(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(",".join(COLUMNS) + "\n" + "M-1,a,b,c,many,1,0,true,2026-09-01,\n")
    with pytest.raises(ValueError, match="bad_number"):
        columns_of_ingest(path)
