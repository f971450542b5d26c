"""An item can hold the file and the line it came from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed, Lineage
from ingest.worker.load import Load, Sizes
from tests.support.fakes import FakeTable, RecordingRejects, reading

TRACED = Lineage(file="from_file", line="from_line")


def lines_of(data: bytes, *, csv: Csv | None = None, block_bytes: int = 64) -> dict[str, int]:
    table = FakeTable()
    feed = Feed("f/", "Table", "id", csv=csv or Csv(), lineage=TRACED)
    load = Load(
        feed=feed, writer=table, rejects=RecordingRejects(), file="s3://b/f/{x}.csv", sizes=Sizes(block=block_bytes)
    )
    load.run(reading(data, 7))
    assert {item["from_file"] for item in table.items.values()} <= {"s3://b/f/{x}.csv"}
    return {item["id"]: int(item["from_line"]) for item in table.items.values()}


def test_lines_are_counted_from_the_files_first() -> None:
    assert lines_of(b"id,a\n1,x\n2,y") == {"1": 2, "2": 3}


@pytest.mark.parametrize("block_bytes", [32, 40, 1000])
def test_line_breaks_in_cells_blank_lines_comments_and_rejects_are_counted(block_bytes: int) -> None:
    data = b'top\nid,a\n1,"x\r\ny"\n\n# note "\n2,b\n3\n4,"\n"\r5,e'
    found = lines_of(data, csv=Csv(skip_lines=1, comment="#"), block_bytes=block_bytes)
    assert found == {"1": 3, "2": 7, "4": 9, "5": 11}


@given(
    cells=st.lists(st.sampled_from(["x", '"a\nb"', '""', "", "\n", "\r\n"]), max_size=20),
    block_bytes=st.integers(40, 90),
)
def test_every_item_stands_on_the_line_it_reports(cells: list[str], block_bytes: int) -> None:
    records = [cell if cell.isspace() else f"{number},{cell}\n" for number, cell in enumerate(cells)]
    data = "id,a\n" + "".join(records)
    found = lines_of(data.encode(), block_bytes=block_bytes)
    lines = data.replace("\r\n", "\n").split("\n")
    assert {lines[line - 1].split(",")[0] for line in found.values()} == found.keys()
    assert len(found) == sum(not cell.isspace() for cell in cells)
