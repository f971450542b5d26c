"""Bytes that no one wrote on purpose: no byte is lost, every row is accounted for, nothing crashes."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import FileFault
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.reading.grammar import count_lines
from ingest.worker.load import Load, Sizes
from tests.fuzz.reading import check, check_reading
from tests.properties.files import dialects
from tests.support.examples import HALF
from tests.support.fakes import FakeTable, RecordingRejects, reading


def files_of(csv: Csv) -> st.SearchStrategy[bytes]:
    marks = [csv.delimiter, csv.quote, csv.escape, csv.comment, "\n", "\r", "a", "1", " ", "ü", "\0"]
    parts = [mark.encode() for mark in marks if mark] + [b"\xff", b"\r\n", b"1,2\n"]
    return st.lists(st.sampled_from(parts), max_size=60).map(b"".join)


# The core knows ASCII marks and UTF-8; the head of soup would mostly be refused, so the feed names the columns.
PLAIN = dialects().filter(lambda csv: (csv.delimiter + csv.quote + csv.escape).isascii())
NAMED = PLAIN.map(lambda csv: msgspec.structs.replace(csv, encoding="utf-8", header=("id", "n"), footer_lines=0))


@HALF
@given(data=st.data(), csv=NAMED, block_bytes=st.integers(8, 80), portion=st.integers(1, 40))
def test_the_pieces_of_any_soup_are_the_soup(data: st.DataObject, csv: Csv, block_bytes: int, portion: int) -> None:
    check_reading(data.draw(files_of(csv)), csv, block_bytes, portion)


@given(st.binary(max_size=200))
def test_any_bytes_at_all_under_any_choices(data: bytes) -> None:
    check(data)


@HALF
@given(data=st.data(), csv=NAMED, block_bytes=st.integers(8, 80), portion=st.integers(1, 40))
def test_every_row_of_any_soup_is_accounted_for(data: st.DataObject, csv: Csv, block_bytes: int, portion: int) -> None:
    file = data.draw(files_of(csv))
    rejects = RecordingRejects()
    feed = Feed("f/", "Table", "id", csv=msgspec.structs.replace(csv, compression="none"), columns={"n": "N"})
    sizes = Sizes(block=block_bytes)
    load = Load(feed=feed, writer=FakeTable(refuse=lambda item: True), rejects=rejects, ends_early=False, sizes=sizes)
    try:
        row_counts = load.run(reading(file, portion))
    except FileFault:
        return
    assert (row_counts.bytes_read, row_counts.rows_read) == (len(file), len(rejects.taken))
    assert row_counts.rows_rejected == row_counts.rows_read
    at = 0
    for reject in rejects.taken:
        assert reject.byte_offset >= at
        assert file[reject.byte_offset :].startswith(reject.raw)
        assert reject.line == 1 + count_lines(file[: reject.byte_offset])
        at = reject.byte_offset + len(reject.raw)
