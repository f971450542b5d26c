"""Any table, written in any dialect, is read back cell by cell; each reject is exactly its record of the file."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.reading.encoding import original_bytes
from ingest.rejects.reject import Reject
from ingest.worker.load import Load, Sizes
from tests.properties.files import File, files
from tests.properties.writer import Chunk
from tests.support.examples import HALF
from tests.support.fakes import FakeTable, RecordingRejects, reading

PORTIONS = st.sampled_from([1, 2, 3, 7, 16, 64, 10**6])
ROOM = st.integers(0, 60)  # by how many bytes a block is longer than the longest record


class Loaded:
    """A file that has been loaded, with everything it touched."""

    def __init__(self, file: File, table: FakeTable, *, portion: int, room: int) -> None:
        self.table, self.rejects = table, RecordingRejects()
        sizes = Sizes(block=file.longest + 1 + room)
        load = Load(feed=file.feed, writer=table, rejects=self.rejects, ends_early=False, sizes=sizes)
        self.row_counts = load.run(reading(file.data, portion))


@HALF
@given(file=files(), portion=PORTIONS, room=ROOM)
def test_every_cell_is_read_as_it_was_written(file: File, portion: int, room: int) -> None:
    loaded = Loaded(file, FakeTable(), portion=portion, room=room)
    assert {key: item for (key,), item in loaded.table.items.items()} == file.items
    assert [reject.reason for reject in loaded.rejects.taken] == file.reasons
    lost = [chunk for chunk, fate in zip(file.records, file.fates, strict=True) if isinstance(fate, str)]
    for reject, chunk in zip(loaded.rejects.taken, lost, strict=True):
        assert_it_is(reject, chunk, file)
    assert_the_row_counts_are_true(loaded, file, written=len(file.items), rejected=len(lost))


@HALF
@given(file=files(), portion=PORTIONS, room=ROOM)
def test_every_byte_belongs_to_one_record_or_to_none(file: File, portion: int, room: int) -> None:
    """A table that takes nothing makes every record a reject, so all of them show where they stand."""
    loaded = Loaded(file, FakeTable(refuse=lambda item: True), portion=portion, room=room)
    for reject, chunk in zip(loaded.rejects.taken, file.records, strict=True):
        assert_it_is(reject, chunk, file)
    assert_the_row_counts_are_true(loaded, file, written=0, rejected=len(file.records))


def assert_it_is(reject: Reject, chunk: Chunk, file: File) -> None:
    """A reject names its record: the line, the offset and the raw bytes."""
    assert reject.line == chunk.line
    record = file.text[chunk.start : chunk.end]
    assert reject.byte_offset == chunk.start
    assert original_bytes(reject.raw, file.feed.csv.encoding, at_start=False) == record


def assert_the_row_counts_are_true(loaded: Loaded, file: File, *, written: int, rejected: int) -> None:
    """All rows are accounted for, and all bytes but the footer's."""
    row_counts = loaded.row_counts
    assert (
        row_counts.rows_read
        == len(file.records)
        == row_counts.rows_written + row_counts.rows_rejected + row_counts.rows_superseded
    )
    assert (row_counts.rows_written, row_counts.rows_rejected) == (written, rejected)
    assert file.text.startswith(original_bytes(loaded.rejects.head, file.feed.csv.encoding, at_start=True))
    assert row_counts.bytes_read == sum(chunk.end - chunk.start for chunk in file.chunks if chunk.kind != "footer")
