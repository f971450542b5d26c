"""Which rows shared a key: the first duplicates of a file, as a plain dict finds them, however the file is cut."""

import gzip
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import TooManyDuplicates
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed, RowLimit
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Checkpoint
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment
from ingest.rejects.reject import KEPT_DUPLICATES, DuplicateRow
from ingest.worker.load import Load, Sizes
from tests.support.fakes import FakeTable, RecordingRejects, reading

FEED = Feed("f/", "Table", "id", columns={"n": "N"}, csv=Csv(quoting="lenient", max_record_bytes=1024))


@dataclass
class Loaded:
    """What a load left, and where others could go on: each checkpoint with the duplicates that were durable then."""

    load: Load
    rejects: RecordingRejects
    checkpoints: list[tuple[Checkpoint, int]]
    error: Exception | None = None


def loaded(
    data: bytes,
    feed: Feed = FEED,
    *,
    sizes: Sizes | None = None,
    portion: int = 50,
    begin: Checkpoint | None = None,
    segment: Segment | None = None,
    table: FakeTable | None = None,
) -> Loaded:
    rejects, checkpoints = RecordingRejects(), list[tuple[Checkpoint, int]]()
    load = Load(
        feed=feed,
        writer=table or FakeTable(),
        rejects=rejects,
        at_checkpoint=lambda checkpoint: checkpoints.append((checkpoint, len(rejects.duplicates))),
        sizes=sizes or Sizes(block=96, cell=128),
    )
    made = Loaded(load, rejects, checkpoints)
    try:
        load.run(reading(data, portion), segment, begin, at_end=segment is None or segment.end_byte == len(data))
    except TooManyDuplicates as error:
        made.error = error
    assert load.row_counts.is_balanced
    return made


@dataclass(frozen=True)
class Row:
    """A row of a made-up file; one with a `fault` is rejected."""

    key: str
    note: str = ""
    fault: bool = False
    blank_lines: int = 0


ROWS = st.builds(
    Row,
    key=st.sampled_from("abcdefgh"),
    note=st.sampled_from(["", "x", "größe", "two\nlines", "three\r\nlin\nes", "\n"]),
    fault=st.sampled_from([False, False, False, True]),
    blank_lines=st.sampled_from([0, 0, 0, 1, 2]),
)


def text_of(rows: list[Row], line_end: str = "\n") -> str:
    quoted = [f'{row.key},{"x" if row.fault else 1},"{row.note}"' + line_end * (1 + row.blank_lines) for row in rows]
    return f"id,n,note{line_end}" + "".join(quoted)


def as_a_dict_finds_them(text: str, rows: list[Row], encoding: str = "utf-8") -> list[DuplicateRow]:
    """Return all duplicates of a file: each row that has the key of an earlier one, with the last such row."""
    last, found, at = dict[str, int](), list[DuplicateRow](), text.index("\n") + 1
    for row in rows:
        at = text.index(f"{row.key},", at)
        line = 1 + text[:at].count("\n")
        if not row.fault:
            if row.key in last:
                byte_offset = len(text[:at].encode(encoding))
                found.append(DuplicateRow({"id": row.key}, last[row.key], line, byte_offset))
            last[row.key] = line
        at += len(f'{row.key},1,"{row.note}"')
    return found


CUTS = st.tuples(st.integers(1, 200), st.integers(50, 300), st.integers(60, 400))


@given(rows=st.lists(ROWS, max_size=40), cuts=st.lists(CUTS, min_size=1, max_size=3), line_end=st.sampled_from("\n\r"))
def test_they_are_those_of_a_plain_dict_in_any_portions_and_blocks(
    rows: list[Row], cuts: list[tuple[int, int, int]], line_end: str
) -> None:
    text = text_of(rows, "\r\n" if line_end == "\r" else "\n")
    expected = as_a_dict_finds_them(text, rows)
    for portion, block, cell in cuts:
        made = loaded(text.encode(), portion=portion, sizes=Sizes(block=block, cell=cell))
        assert made.rejects.duplicates == expected[:KEPT_DUPLICATES]
        assert made.load.row_counts.rows_superseded == len(expected)


MANY = [
    Row("abcdefgh"[n * n % 8], ["", "a\nb", "größe"][n % 3], fault=n % 7 == 3, blank_lines=n % 5 == 4)
    for n in range(80)
]
FEW = [Row(f"k{n}" if n % 9 else "again", "größe\n" * (n % 2)) for n in range(80)]
SORTED = [Row(f"k{n:03}", "x") for n in range(60)] + [Row(f"k{n:03}", "y") for n in (3, 40, 59, 3)]
FILES = {"many": MANY, "few": FEW, "sorted": SORTED}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16-le"])
def test_who_goes_on_at_any_checkpoint_reports_the_rest_of_them(name: str, encoding: str) -> None:
    text = text_of(FILES[name])
    expected = as_a_dict_finds_them(text, FILES[name], encoding)
    feed = Feed("f/", "Table", "id", columns={"n": "N"}, csv=Csv(encoding=encoding, max_record_bytes=1024))
    whole = loaded(text.encode(encoding), feed)
    assert whole.rejects.duplicates == expected[:KEPT_DUPLICATES] != []
    assert len(whole.checkpoints) >= 5
    for checkpoint, reported in whole.checkpoints:
        rest = loaded(text.encode(encoding), feed, begin=checkpoint)
        assert whole.rejects.duplicates[:reported] + rest.rejects.duplicates == whole.rejects.duplicates


def test_they_are_found_in_a_compressed_file_with_a_resume_in_the_middle() -> None:
    data = gzip.compress(text_of(MANY).encode())
    whole = loaded(data)
    assert whole.rejects.duplicates == as_a_dict_finds_them(text_of(MANY), MANY)[:KEPT_DUPLICATES]
    middle, reported = whole.checkpoints[2]
    rest = loaded(data, begin=middle)
    assert whole.rejects.duplicates[:reported] + rest.rejects.duplicates == whole.rejects.duplicates


def test_each_segment_keeps_its_own_first_ones() -> None:
    rows = [Row(f"k{n % 30}") for n in range(120)]
    data = text_of(rows).encode()
    middle = data.index(b"k0,", len(data) // 2)
    line = 1 + data[:middle].count(b"\n")
    cut, end = Position(middle, line), Position(len(data), 122)
    halves = [Segment(Position(10, 2), cut), Segment(cut, end)]
    first, second = (loaded(data, segment=half, sizes=Sizes(block=64, cell=512)).rejects.duplicates for half in halves)
    assert [(one.replaced_line, one.line) for one in first] == [(2 + n, 32 + n) for n in range(20)]
    assert [(one.replaced_line, one.line) for one in second] == [(line + n, line + 30 + n) for n in range(20)]


@pytest.mark.parametrize(("block", "lines"), [(1000, [(2, 3), (3, 5), (5, 6)]), (8, [(2, 3)])])
def test_a_row_that_the_table_refuses_has_replaced_none(block: int, lines: list[tuple[int, int]]) -> None:
    """Keys before a block with a refused row are not compared with those behind it: see `Load`."""
    data = b"id,n,note\na,1,\na,2,\nb,1,\na,3,no\na,4,\na,5,no\n"
    table = FakeTable(refuse=lambda item: item.get("note") == "no")
    found = loaded(data, table=table, sizes=Sizes(block=block)).rejects.duplicates
    assert [(one.replaced_line, one.line) for one in found] == lines


def test_rows_of_another_window_are_not_compared() -> None:
    rows = [Row("a"), Row("b")] * 6
    made = loaded(text_of(rows).encode(), sizes=Sizes(block=16, window=20))
    assert len(made.rejects.duplicates) == made.load.row_counts.rows_superseded < 10


KEYED_BY_DAY = Feed("f/", "Table", "day", "hour")


def test_a_key_of_two_measurements_is_seen() -> None:
    """1,010,328 rows became 516,911 with a balanced account, as the sensor is not in the key."""
    rows = b"".join(b"%d,%d,s%d\n" % (n // 48, n // 2 % 24, n % 2) for n in range(480))
    made = loaded(b"day,hour,sensor\n" + rows, KEYED_BY_DAY, sizes=Sizes(block=1000))
    assert made.load.row_counts.rows_superseded == 240
    assert len(made.rejects.duplicates) == KEPT_DUPLICATES
    assert made.rejects.duplicates[1] == DuplicateRow({"day": "0", "hour": "1"}, 4, 5, 16 + 3 * 7)
    warning = made.load.row_counts.warning()
    assert warning is not None
    assert warning["message"].startswith("240 of 480 rows (50.0%) have the key of a later row, which replaced them.")


def test_a_file_with_one_duplicate_in_a_thousand_rows_is_not_warned_of() -> None:
    assert RowCounts(rows_read=1000, rows_written=999, rows_superseded=1).warning() is None
    assert RowCounts(rows_read=999, rows_written=998, rows_superseded=1).warning() is not None
    assert RowCounts().warning() is None


@pytest.mark.parametrize(
    ("limit", "is_over"),
    [
        (RowLimit(), False),
        (RowLimit(count=10), True),
        (RowLimit(count=30), False),
        (RowLimit(share=0.2, min_rows=1), True),
        (RowLimit(share=0.2), False),  # there are fewer than 1,000 rows
        (RowLimit(share=0.8, min_rows=20), False),
    ],
)
def test_more_duplicates_than_the_feed_allows_end_the_file(limit: RowLimit, is_over: bool) -> None:
    rows = [Row(f"k{n % 30}") for n in range(60)]
    feed = Feed("f/", "Table", "id", max_duplicates=limit)
    made = loaded(text_of(rows).encode(), feed, sizes=Sizes(block=64))
    assert isinstance(made.error, TooManyDuplicates) == is_over
    assert made.load.row_counts.rows_superseded == (30 if not is_over else made.load.row_counts.rows_superseded)
    if is_over:
        assert "max_duplicates allows; the rows written so far stay" in str(made.error)
        assert made.rejects.duplicates  # and those found are kept


def test_a_sentence_about_them_quotes_no_key() -> None:
    rows = [Row("secret")] * 60
    made = loaded(text_of(rows).encode(), Feed("f/", "Table", "id", max_duplicates=RowLimit(count=10)))
    assert made.error is not None
    assert "secret" not in str(made.error) + str(made.load.row_counts.warning())
