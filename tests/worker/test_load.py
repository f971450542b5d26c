"""One file through the whole loop: the same table, rejects and row counts whatever the portions and blocks."""

import bz2
import gc
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import Reason
from ingest.errors import (
    AllRowsRejected,
    BadCompression,
    BadHeader,
    EmptyFile,
    ObjectSuperseded,
    OutOfTime,
    ServiceFault,
    TableKeysDiffer,
    TooManyRejects,
)
from ingest.feeds.column import Column
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed, RowLimit
from ingest.items.duplicates import SeenKeys
from ingest.items.mapping import Mapping
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Checkpoint
from ingest.reading.blocks import Position
from ingest.reading.grammar import count_lines
from ingest.reading.segments import Segment
from ingest.worker.load import Load, Sizes
from tests.support.fakes import FakeTable, RecordingRejects, plain, reading

FEED = Feed("f/", "Table", "id", columns={"n": "N"})
HEADER = b"id,n,note\n"


class Loaded:
    """A load that has been run, with everything it touched."""

    def __init__(
        self,
        data: bytes | Iterator[bytes],
        feed: Feed = FEED,
        *,
        table: FakeTable | None = None,
        portion: int = 10,
        block_bytes: int = 64,
        sizes: Sizes | None = None,
        before_block: Callable[[], None] = lambda: None,
    ) -> None:
        self.table = table or FakeTable()
        self.rejects = RecordingRejects()
        self.progress: list[RowCounts] = []
        self.load = Load(
            feed=feed,
            writer=self.table,
            rejects=self.rejects,
            before_block=before_block,
            after_block=self.progress.append,
            sizes=sizes or Sizes(block=block_bytes),
        )
        self.error: Exception | None = None
        try:
            self.load.run(reading(data, portion))
        except Exception as error:
            self.error = error

    @property
    def row_counts(self) -> RowCounts:
        assert self.load.row_counts.is_balanced
        return self.load.row_counts

    @property
    def items(self) -> list[dict[str, Any]]:
        return sorted(plain(self.table.items.values()), key=repr)

    @property
    def reasons(self) -> list[str]:
        return [reject.reason for reject in self.rejects.taken]


def counts(read: int, written: int, rejected: int, superseded: int) -> tuple[int, int, int, int]:
    return read, written, rejected, superseded


def counted(row_counts: RowCounts) -> tuple[int, int, int, int]:
    return row_counts.rows_read, row_counts.rows_written, row_counts.rows_rejected, row_counts.rows_superseded


# --- any table, any cut ---


@dataclass(frozen=True)
class Entry:
    """One record of a made-up file, and what must become of it."""

    raw: bytes
    reason: str | None = None
    item: tuple[str, str | None, str | None] | None = None


KEYS = st.sampled_from(["1", "1.0", "2", "+2", "3e0", "4"])
NOTES = st.text(alphabet='ab",\n\r ü', max_size=6)


def quoted(text: str) -> bytes:
    return ('"' + text.replace('"', '""') + '"').encode()


def good(key: str, note: str) -> Entry:
    return Entry(b"%s,%s,%s" % (key.encode(), b"5", quoted(note)), item=(key, "5", note or None))


RECORDS = st.one_of(
    st.builds(good, KEYS, NOTES),
    st.builds(lambda key: Entry(key.encode() + b",,", item=(key, None, None)), KEYS),
    st.builds(lambda note: Entry(b"," + b"7," + quoted(note), Reason.EMPTY_KEY), NOTES),
    st.builds(lambda key: Entry(key.encode() + b",x,y", Reason.BAD_NUMBER), KEYS),
    st.builds(lambda key: Entry(key.encode() + b',1,"\xff\n"', Reason.BAD_ENCODING), KEYS),
    st.builds(lambda key: Entry(key.encode() + b",1", Reason.RAGGED_ROW), KEYS),
    st.builds(lambda key: Entry(key.encode() + b",1,2,3", Reason.RAGGED_ROW), KEYS),
    st.just(Entry(b"1e999,1,", Reason.NUMBER_OUT_OF_RANGE)),
)
LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b"\r\r"])


@given(
    records=st.lists(st.tuples(RECORDS, LINE_ENDS), max_size=25),
    bom=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    final=st.booleans(),
    cuts=st.lists(st.tuples(st.integers(1, 200), st.integers(50, 300)), min_size=1, max_size=3),
)
def test_the_outcome_is_the_same_in_any_portions_and_blocks(
    records: list[tuple[Entry, bytes]], bom: bytes, final: bool, cuts: list[tuple[int, int]]
) -> None:
    data = bom + HEADER + b"".join(record.raw + line_end for record, line_end in records)
    if records and not final:
        data = data.removesuffix(records[-1][1])
    feed = Feed("f/", "Table", "id", columns={"id": "N", "n": "N"})
    expected = {Decimal(record.item[0]): record.item for record, _ in records if record.item}
    lost = [record for record, _ in records if record.reason]
    kept = len(records) - len(lost)
    for portion, block_bytes in cuts:
        loaded = Loaded(data, feed, portion=portion, block_bytes=block_bytes)
        assert (type(loaded.error) is AllRowsRejected) == (len(lost) == len(records) > 10)
        assert loaded.error is None or type(loaded.error) is AllRowsRejected
        assert counted(loaded.row_counts) == counts(len(records), len(expected), len(lost), kept - len(expected))
        assert loaded.row_counts.bytes_read == len(data)
        assert loaded.items == sorted(plain(as_item(*item) for item in expected.values()), key=repr)
        assert loaded.reasons == [record.reason for record in lost]
        assert_rejects_are_in_the_file(loaded, data, [record.raw for record in lost])


def as_item(key: str, number: str | None, note: str | None) -> dict[str, Any]:
    values = {"id": Decimal(key), "n": number and Decimal(number), "note": note}
    return {name: value for name, value in values.items() if value is not None}


def assert_rejects_are_in_the_file(loaded: Loaded, data: bytes, records: list[bytes]) -> None:
    assert loaded.rejects.durable == len(loaded.rejects.taken)
    for reject, record in zip(loaded.rejects.taken, records, strict=True):
        assert data[reject.byte_offset :].startswith(reject.raw)
        assert reject.raw.rstrip(b"\r\n") == record
        assert reject.line == 1 + count_lines(data[: reject.byte_offset])


# --- superseded ---


@pytest.mark.parametrize("block_bytes", [16, 24, 1000])
def test_the_last_row_of_a_key_wins_across_blocks_and_the_others_are_superseded(block_bytes: int) -> None:
    data = HEADER + b"".join(b"%d,%d,row\n" % (n % 4, n) for n in range(18))
    loaded = Loaded(data, block_bytes=block_bytes)
    assert counted(loaded.row_counts) == counts(18, 4, 0, 14)
    assert [item["n"] for item in loaded.items] == ["16", "17", "14", "15"]


def test_a_key_that_comes_again_in_another_window_counts_as_written_again() -> None:
    """Segments are loaded by different workers, and memory is bounded: superseded is counted within 64 MiB."""
    loaded = Loaded(HEADER + b"a,1,x\nb,1,x\n" * 6, sizes=Sizes(block=16, window=24))
    assert counted(loaded.row_counts) == counts(12, 6, 0, 6)
    assert len(loaded.items) == 2


def test_a_load_that_is_over_keeps_its_row_counts_and_none_of_its_keys() -> None:
    """Workers keep a load in a cycle, which is collected late: the keys of many segments were kept."""
    loaded = Loaded(HEADER + b"".join(b"%d,1,x\n" % n for n in (3, 1, 2, 5, 4)))
    assert loaded.load.row_counts.rows_written == 5
    assert [kept for kept in gc.get_objects() if isinstance(kept, SeenKeys) and kept.count] == []


def test_a_row_superseded_by_a_bad_row_stays() -> None:
    loaded = Loaded(HEADER + b"a,1,\na,x,\n")
    assert counted(loaded.row_counts) == counts(2, 1, 1, 0)
    assert loaded.items == [{"id": "a", "n": "1"}]


def test_padded_rows_take_their_turn() -> None:
    feed = Feed("f/", "Table", "id", csv=Csv(ragged="pad"))
    for data, expected in ((b"a,1,x\na\n", {"id": "a"}), (b"a\na,1,x\n", {"id": "a", "n": "1", "note": "x"})):
        assert Loaded(HEADER + data, feed).items == [expected]


# --- refused by the table ---


@pytest.mark.parametrize("block_bytes", [16, 40, 1000])
def test_rows_the_table_refuses_are_rejects_with_their_place(block_bytes: int) -> None:
    data = HEADER + b"a,1,x\n\nb,2,no\nc,3,x\nd,4,no\n"
    loaded = Loaded(data, table=FakeTable(refuse=lambda item: item["note"] == "no"), block_bytes=block_bytes)
    assert counted(loaded.row_counts) == counts(4, 2, 2, 0)
    assert [(r.line, r.reason, r.message, r.raw) for r in loaded.rejects.taken] == [
        (4, Reason.REFUSED_BY_DYNAMODB, "refused, as scripted", b"b,2,no\n"),
        (6, Reason.REFUSED_BY_DYNAMODB, "refused, as scripted", b"d,4,no\n"),
    ]
    assert [item["id"] for item in loaded.items] == ["a", "c"]


@pytest.mark.parametrize("block_bytes", [16, 24, 1000])
@pytest.mark.parametrize(
    ("rows", "left", "expected"),
    [
        (b"a,1,x\na,2,no\n", ["1"], counts(2, 1, 1, 0)),
        (b"a,1,x\nb,9,x\na,2,no\n", ["1", "9"], counts(3, 2, 1, 0)),
        (b"a,1,x\na,2,x\na,3,no\na,4,no\n", ["2"], counts(4, 1, 2, 1)),
        (b"a,1,no\na,2,no\n", [], counts(2, 0, 2, 0)),
    ],
)
def test_a_refused_row_replaces_nothing(
    block_bytes: int, rows: bytes, left: list[str], expected: tuple[int, int, int, int]
) -> None:
    """What it would have replaced is written, in whichever blocks the two stand."""
    loaded = Loaded(HEADER + rows, table=FakeTable(refuse=lambda item: item["note"] == "no"), block_bytes=block_bytes)
    assert [item["n"] for item in loaded.items] == left
    assert counted(loaded.row_counts) == expected


def test_rejects_of_all_kinds_are_in_file_order_within_a_block() -> None:
    data = HEADER + b"a,1,no\nb,x,\nc,2\n\xff,3,\nd,4,no\n,5,\n"
    loaded = Loaded(data, table=FakeTable(refuse=lambda item: item.get("note") == "no"), block_bytes=1000)
    assert [reject.line for reject in loaded.rejects.taken] == [2, 3, 4, 5, 6, 7]
    assert counted(loaded.row_counts) == counts(6, 0, 6, 0)


# --- records that cannot be delimited ---


def test_a_quote_never_closed_and_a_line_without_end_cost_one_row_each() -> None:
    data = HEADER + b"a,1,x\n" + b'b,2,"open\n' + b"c,3,y\n" * 20 + b"d,4," + b"z" * 200 + b"\ne,5,x\n"
    loaded = Loaded(data, block_bytes=64)
    assert loaded.reasons == [Reason.UNTERMINATED_QUOTE, Reason.RECORD_TOO_LONG]
    assert [reject.line for reject in loaded.rejects.taken] == [3, 24]
    assert counted(loaded.row_counts) == counts(24, 3, 2, 19)
    assert loaded.row_counts.bytes_read == len(data)


def test_a_feed_without_quoting_takes_quotes_as_letters() -> None:
    loaded = Loaded(HEADER + b'a,1,"x\nb,2,y"\n', Feed("f/", "Table", "id", csv=Csv(quote="")))
    assert [item["note"] for item in loaded.items] == ['"x', 'y"']


# --- whole files ---


def test_a_header_alone_is_a_file_of_no_rows() -> None:
    for data in (HEADER, HEADER.rstrip(), HEADER + b"\n\r\n"):
        loaded = Loaded(data)
        assert loaded.error is None
        assert loaded.row_counts == RowCounts(bytes_read=len(data))
        assert loaded.rejects.taken == []


@pytest.mark.parametrize(
    ("data", "fault"), [(b"", EmptyFile), (b"name,n\na,1\n", BadHeader), (bz2.compress(HEADER)[:-3], BadCompression)]
)
def test_a_file_that_cannot_begin_touches_no_table(data: bytes, fault: type[Exception]) -> None:
    loaded = Loaded(data)
    assert isinstance(loaded.error, fault)
    assert (loaded.row_counts, loaded.table.calls) == (RowCounts(), [])


def test_offsets_and_bytes_of_a_compressed_file_count_its_text() -> None:
    text = HEADER + b"a,1,x\nb,x,x\n"
    loaded = Loaded(bz2.compress(text))
    assert loaded.row_counts.bytes_read == len(text)
    assert [(reject.line, reject.byte_offset) for reject in loaded.rejects.taken] == [(3, 16)]


def test_another_encoding_is_read_and_its_bad_bytes_are_rejected() -> None:
    feed = Feed("f/", "Table", "id", csv=Csv(encoding="cp1252"))
    loaded = Loaded(HEADER + b"a,1,\x80uro\nb,2,\x81\n", feed)
    assert [item["note"] for item in loaded.items] == ["€uro"]
    assert loaded.reasons == [Reason.BAD_ENCODING]


def test_a_file_without_a_header_and_a_feed_with_templates() -> None:
    feed = Feed(
        *("f/", "Table", "CUST#{customer}", "{day}#{no}"),
        csv=Csv(header=("customer", "day", "no"), delimiter=";"),
        columns={"customer": Column(drop=True)},
    )
    loaded = Loaded(b"7;mon;1\n7;mon;2\n7;;3\n", feed)
    assert loaded.items == [
        {"day": "mon", "no": "1", "pk": "CUST#7", "sk": "mon#1"},
        {"day": "mon", "no": "2", "pk": "CUST#7", "sk": "mon#2"},
    ]
    assert loaded.reasons == [Reason.EMPTY_KEY]


# --- ending early ---


def many(good_rows: int, bad_rows: int) -> bytes:
    return HEADER + b"".join(b"%03d,1,x\n" % n for n in range(good_rows)) + b"xxx,x,x\n" * bad_rows


def test_more_rejects_than_the_feed_allows_end_the_file_early_with_true_row_counts() -> None:
    feed = Feed("f/", "Table", "id", columns={"n": "N"}, max_rejects=RowLimit(count=10))
    loaded = Loaded(many(10, 500), feed, block_bytes=80)
    assert isinstance(loaded.error, TooManyRejects)
    assert counted(loaded.row_counts) == counts(30, 10, 20, 0)
    assert str(loaded.error).startswith("20 of the first 30 rows were rejected")
    assert len(loaded.items) == 10
    assert loaded.rejects.durable == 20


def test_as_many_rejects_as_the_feed_allows_are_not_a_fault() -> None:
    feed = Feed("f/", "Table", "id", columns={"n": "N"}, max_rejects=RowLimit(count=10))
    assert Loaded(many(10, 10), feed, block_bytes=80).error is None


def test_the_share_of_rejects_counts_after_enough_rows() -> None:
    limit = RowLimit(share=0.5, min_rows=40)
    feed = Feed("f/", "Table", "id", columns={"n": "N"}, max_rejects=limit)
    assert Loaded(many(10, 29), feed, block_bytes=80).error is None
    loaded = Loaded(many(10, 500), feed, block_bytes=80)
    assert isinstance(loaded.error, TooManyRejects)
    assert counted(loaded.row_counts) == counts(40, 10, 30, 0)


def test_a_table_that_fails_leaves_the_row_counts_without_that_block() -> None:
    loaded = Loaded(many(5, 5) + many(20, 5)[len(HEADER) :], table=FakeTable(fail_after=1), block_bytes=80)
    assert isinstance(loaded.error, ServiceFault)
    assert counted(loaded.row_counts) == counts(10, 5, 5, 0)
    assert loaded.progress == [loaded.row_counts]


def test_time_running_out_leaves_the_row_counts_before_that_block() -> None:
    blocks = iter([None, None, OutOfTime("out of time")])

    def before_block() -> None:
        if error := next(blocks):
            raise error

    loaded = Loaded(many(30, 5), before_block=before_block, block_bytes=80)
    assert isinstance(loaded.error, OutOfTime)
    assert counted(loaded.row_counts) == counts(20, 20, 0, 0)


@pytest.mark.parametrize("error", [ObjectSuperseded("overwritten"), ServiceFault("gone")])
def test_a_source_that_breaks_leaves_true_row_counts_and_no_part_of_rejects_that_others_may_put(
    error: Exception,
) -> None:
    data = many(5, 5) + many(20, 5)[len(HEADER) :]

    def breaking() -> Iterator[bytes]:
        yield data[:100]
        raise error

    loaded = Loaded(breaking(), block_bytes=40)
    assert loaded.error is error
    assert counted(loaded.row_counts) == (
        counts(10, 5, 5, 0) if isinstance(error, ServiceFault) else counts(0, 0, 0, 0)
    )
    assert len(loaded.rejects.taken) == 5
    assert loaded.rejects.durable == 0


def test_rejects_before_the_damage_of_a_compressed_file_are_durable() -> None:
    rows = [b"%d,%s,%01000d\n" % (n, b"1" if n % 100 else b"x", n * 2654435761) for n in range(6000)]
    loaded = Loaded(gzip.compress(HEADER + b"".join(rows), 1)[:-100], portion=1000, block_bytes=1_000_000)
    assert isinstance(loaded.error, BadCompression)
    assert loaded.rejects.durable == loaded.row_counts.rows_rejected > 0


def test_progress_is_reported_after_each_block() -> None:
    loaded = Loaded(many(30, 0), block_bytes=80)
    assert [row_counts.rows_read for row_counts in loaded.progress] == [10, 20, 30]
    assert loaded.progress[-1] == loaded.row_counts


# --- nothing but rejects ---


def rows(good: int, bad: int, then_good: int = 0) -> bytes:
    made = (b"%05d,%s\n" % (n, b"x" if good <= n < good + bad else b"1") for n in range(good + bad + then_good))
    return b"id,n\n" + b"".join(made)


@pytest.mark.parametrize("block_bytes", [64, 3000, 1 << 20])
def test_a_file_whose_first_1000_rows_are_all_rejects_is_read_no_further(block_bytes: int) -> None:
    loaded = Loaded(rows(0, 5000), block_bytes=block_bytes, portion=1 << 16)
    assert isinstance(loaded.error, AllRowsRejected)
    read = loaded.row_counts.rows_read
    assert read == loaded.row_counts.rows_rejected == loaded.rejects.durable  # so that the user can read them
    assert 1000 <= read <= 1000 + block_bytes // 8 + 1
    assert str(loaded.error).startswith(f"All of the first {read:,} rows were rejected, and nothing was written")


@pytest.mark.parametrize(
    "data",
    [
        rows(0, 10),
        rows(0, 999, then_good=1),
        rows(1, 5000),
        b"id,n\na,1\n" + b"a,x\n" * 12,
        b"id,n\n",
    ],
    ids=["ten rows", "the last is good", "the first is good", "one of a key", "no row"],
)
def test_a_file_of_which_a_row_is_written_or_few_are_rejected_is_loaded(data: bytes) -> None:
    assert Loaded(data, block_bytes=80, portion=1 << 16).error is None


@pytest.mark.parametrize("count", [11, 999])
def test_a_file_of_more_than_ten_rows_that_are_all_rejects_fails_at_its_end(count: int) -> None:
    loaded = Loaded(rows(0, count), block_bytes=80, portion=1 << 16)
    assert isinstance(loaded.error, AllRowsRejected)
    assert str(loaded.error).startswith(f"All {count} rows were rejected")
    assert counted(loaded.row_counts) == counts(count, 0, count, 0)


def test_rows_that_the_table_refuses_and_broken_records_are_rejects_too() -> None:
    refused = Loaded(rows(20, 0), table=FakeTable(refuse=lambda item: True), portion=1 << 16)
    broken = Loaded(b"id,n\n" + b'"a"b,1\n' * 20, portion=1 << 16)
    assert isinstance(refused.error, AllRowsRejected) and isinstance(broken.error, AllRowsRejected)


def test_more_rejects_than_the_feed_allows_is_said_first() -> None:
    feed = Feed("f/", "Table", "id", columns={"n": "N"}, max_rejects=RowLimit(count=15))
    assert isinstance(Loaded(rows(0, 20), feed, portion=1 << 16).error, TooManyRejects)


def test_who_goes_on_at_a_checkpoint_comes_to_the_same_fault() -> None:
    data, sizes = rows(0, 3000), Sizes(block=200, cell=500)

    def load(begin: Checkpoint | None) -> tuple[str, RowCounts, list[Checkpoint]]:
        reported: list[Checkpoint] = []
        made = Load(
            feed=FEED, writer=FakeTable(), rejects=RecordingRejects(), at_checkpoint=reported.append, sizes=sizes
        )
        with pytest.raises(AllRowsRejected) as fault:
            made.run(reading(data, 1 << 16), checkpoint=begin)
        return str(fault.value), made.row_counts, reported

    sentence, row_counts, checkpoints = load(None)
    assert len(checkpoints) > 10
    for checkpoint in (checkpoints[0], checkpoints[5], checkpoints[-1]):
        assert load(checkpoint)[:2] == (sentence, row_counts)


def test_only_the_first_segment_of_a_file_decides_by_its_first_rows() -> None:
    data = rows(0, 6000)
    ends = [5 + 8 * n for n in (0, 1500, 3000)]
    assert data[ends[1] - 1 : ends[1]] == b"\n"
    places = [Position(end, 2 + n * 1500) for n, end in enumerate(ends)]
    first, second = Segment(places[0], places[1]), Segment(places[1], places[2])
    sizes = Sizes(block=2000)
    later = Load(feed=FEED, writer=FakeTable(), rejects=RecordingRejects(), sizes=sizes)
    assert later.run(reading(data, 1 << 16), second, at_end=False).rows_rejected == 1500
    with pytest.raises(AllRowsRejected):
        Load(feed=FEED, writer=FakeTable(), rejects=RecordingRejects(), sizes=sizes).run(
            reading(data, 1 << 16), first, at_end=False
        )


def test_the_table_is_looked_at_before_the_first_row_with_what_the_columns_become() -> None:
    looked: list[dict[str, str]] = []
    rejects, table = RecordingRejects(), FakeTable()

    def check(mapping: Mapping) -> None:
        assert (table.calls, rejects.taken) == ([], [])
        looked.append(mapping.types)
        raise TableKeysDiffer("The table is another.")

    with pytest.raises(TableKeysDiffer):
        Load(feed=FEED, writer=table, rejects=rejects, check_table=check).run(reading(b"id,n,note\na,1,x\n,x,\n", 10))
    assert looked == [{"id": "S", "n": "N", "note": "S"}]
    assert (table.calls, rejects.taken) == ([], [])
