"""Comments, several header lines and footers: they are left out, and nothing else is."""

from typing import Any

import pytest

from ingest.errors import BadHeader
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.reading.grammar import Grammar
from ingest.reading.header import read_header
from ingest.worker.load import Load, Sizes
from tests.support.fakes import FakeTable, RecordingRejects, cut, reading


def columns(data: bytes, **csv: Any) -> tuple[str, ...]:
    dialect = Csv(**csv)
    return read_header(cut(data, 3), dialect, Grammar(dialect))[0].columns


def test_several_header_records_name_a_column_together() -> None:
    data = b'id,price,price,"no\nte"\n,EUR,USD,\n1,2,3,x\n'
    assert columns(data, header=2) == ("id", "price EUR", "price USD", "no\nte")
    assert columns(b"id,a\n1,2\n", header=1) == ("id", "a")


def test_header_records_of_unequal_length_name_as_many_columns_as_the_longest() -> None:
    assert columns(b"id\n,b,c\n", header=2) == ("id", "b", "c")


def test_columns_that_several_header_records_do_not_report_apart_are_refused() -> None:
    with pytest.raises(BadHeader, match="twice"):
        columns(b"a,a\nx,x\n1,2\n", header=2)


def test_comments_before_the_header_are_not_taken_for_it() -> None:
    assert columns(b'# say "hi\n\n#,,\nid,a\n1,2\n', comment="#") == ("id", "a")


def loaded(data: bytes, portion: int, block_bytes: int, **csv: Any) -> tuple[list[str], Load, RecordingRejects]:
    table, rejects = FakeTable(), RecordingRejects()
    feed = Feed("f/", "Table", "id", csv=Csv(**csv))
    load = Load(feed=feed, writer=table, rejects=rejects, sizes=Sizes(block=block_bytes))
    load.run(reading(data, portion))
    return sorted(item["a"] for item in table.items.values()), load, rejects


@pytest.mark.parametrize("portion", [1, 5, 1000])
@pytest.mark.parametrize("block_bytes", [48, 64, 4096])
def test_comments_are_left_out_where_a_record_could_begin_and_kept_elsewhere(portion: int, block_bytes: int) -> None:
    data = b'# it\'s "quoted\nid,a\n1,#one\n#2,two\r\n3,"x\n#not a comment"\n# "\r4,four\n##\n\n5\n6,six\n# the end'
    values, load, rejects = loaded(data, portion, block_bytes, comment="#")
    assert values == ["#one", "four", "six", "x\n#not a comment"]
    assert (load.row_counts.rows_read, load.row_counts.rows_rejected, load.row_counts.bytes_read) == (5, 1, len(data))
    (reject,) = rejects.taken
    assert (reject.raw, data[reject.byte_offset :][:2], reject.line) == (b"5\n", b"5\n", 11)


def test_a_comment_may_begin_with_several_characters() -> None:
    values, _, _ = loaded(b"id,a\n1,x\n//2,y\n/3,z\n", 4, 64, comment="//")
    assert values == ["x", "z"]


@pytest.mark.parametrize("portion", [1, 7, 1000])
def test_a_footer_is_not_a_row(portion: int) -> None:
    data = b'id,a\n1,x\n2,"y\ny"\nTotal: "2 rows\nend of file\n'
    values, load, rejects = loaded(data, portion, 64, footer_lines=2)
    assert (values, load.row_counts.rows_read, rejects.taken) == (["x", "y\ny"], 2, [])


@pytest.mark.parametrize("portion", [1, 5, 1000])
@pytest.mark.parametrize("block_bytes", [48, 4096])
def test_rows_of_nothing_but_delimiters_are_left_out_where_the_feed_says_so(portion: int, block_bytes: int) -> None:
    data = b',,\nid,a,b\n1,x,y\n,,\n2,"p\n,,\nq",\r\n,,\r\n,"",\n, ,\n3,z,w\n,,'
    values, load, rejects = loaded(data, portion, block_bytes, empty_rows="skip")
    assert values == ["p\n,,\nq", "x", "z"]
    assert [(reject.line, reject.raw) for reject in rejects.taken] == [(9, b',"",\n'), (10, b", ,\n")]
    assert (load.row_counts.rows_read, load.row_counts.bytes_read) == (5, len(data))
    _, load, _ = loaded(data[3:], portion, block_bytes)
    assert (load.row_counts.rows_read, load.row_counts.rows_rejected) == (8, 5)


def test_empty_rows_with_blanks_in_them_are_empty_where_cells_are_trimmed() -> None:
    for mark in (";", "\t"):
        data = b"id;a\n1;x\n ;  \n;\n".replace(b";", mark.encode())
        values, load, _ = loaded(data, 3, 64, empty_rows="skip", trim=True, delimiter=mark)
        assert (values, load.row_counts.rows_read) == (["x"], 1)
