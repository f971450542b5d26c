"""Files whose records end with a character of the feed's choice, against a plain splitter; in any cuts.

So do files joined end to end: their headers and byte order marks are recognised wherever a block or segment begins.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.ledger.row_counts import RowCounts
from ingest.reading.encoding import original_bytes
from ingest.reading.reader import Reader, open_file
from ingest.rejects.reject import Reject, RejectFormat
from ingest.worker.load import Load, Sizes
from tests.support.fakes import FakeTable, RecordingRejects, reading

LINE_ENDS = {  # by encoding
    "utf-8": "\n\r\x1e\x0c~\x85\u2028§\x1a\0😀",
    "latin-1": "\x85\x1e\n~§",
    "cp037": "\x85\n\x1e~",
    "utf-16": "\u2028\x1e\r",
}
LETTERS = 'a1 ,,"\r\n\x1e\x85~\x1aü'


@dataclass(frozen=True)
class Line:
    """A line of a file: bytes [start, end) with its line end, and its number from 1."""

    text: str
    start: int
    end: int
    number: int


def split(text: str, csv: Csv) -> Iterator[Line]:
    """Yield the lines of a text that has no quotes."""
    at = len("".encode(csv.encoding))
    *ended, last = text.split(csv.line_end)
    lines = [line + csv.line_end for line in ended] + ([last] if last else [])
    for number, line in enumerate(lines, start=1):
        size = len(original_bytes(line.encode(), csv.encoding, at_start=False))
        yield Line(line, at, at + size, number)
        at += size


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, Csv]:
    encoding = draw(st.sampled_from(sorted(LINE_ENDS)))
    line_end = draw(st.sampled_from(LINE_ENDS[encoding]))
    letters = LETTERS.replace('"', "") + line_end * 3
    body = draw(st.text(alphabet=letters, max_size=60))
    csv = Csv(line_end=line_end, encoding=encoding, quote="", null_values=(), header=("id", "n"))
    return f"0,0{line_end}{body}", csv


def loaded(data: bytes, csv: Csv, portion: int, block_bytes: int) -> tuple[list[Reject], RowCounts]:
    """Return the rows of a file, as a table that takes nothing shows them."""
    rejects = RecordingRejects()
    feed = Feed("f/", "Table", "id", csv=csv)
    table = FakeTable(refuse=lambda item: True)
    load = Load(feed=feed, writer=table, rejects=rejects, sizes=Sizes(block=block_bytes))
    row_counts = load.run(reading(data, portion))
    assert row_counts.rows_read == row_counts.rows_rejected == len(rejects.taken)
    return rejects.taken, row_counts


@given(file=texts(), portion=st.integers(1, 40), block_bytes=st.integers(300, 400))
@example(file=("0,0~1,a\r\n~\r~2,b", Csv(line_end="~", quote="", header=("id", "n"))), portion=3, block_bytes=300)
def test_records_end_where_a_plain_splitter_ends_them(file: tuple[str, Csv], portion: int, block_bytes: int) -> None:
    text, csv = file
    is_ended_by_dos = csv.line_end != "\x1a" and text.endswith("\x1a")
    lines = list(split(text.rstrip("\x1a") if is_ended_by_dos else text, csv))
    data = text.encode(csv.encoding)
    rejects, row_counts = loaded(data, csv, portion, block_bytes)
    filled = [line for line in lines if line.text != csv.line_end]
    assert [(reject.line, reject.byte_offset) for reject in rejects] == [(line.number, line.start) for line in filled]
    assert [reject.raw.decode() for reject in rejects] == [line.text for line in filled]
    assert row_counts.bytes_read == len(data)
    for line, reject in zip(filled, rejects, strict=True):
        is_row = line.text.count(",") == 1
        assert (reject.reason == "ragged_row") != is_row


def small_blocks(file: tuple[str, Csv], block_bytes: int) -> tuple[bytes, Feed, int]:
    text, csv = file
    longest = max(len(line.text.encode()) for line in split(text, csv)) * 4  # a CR takes four bytes of text
    return text.encode(csv.encoding), Feed("f/", "Table", "id", csv=csv), longest + block_bytes


@given(file=texts(), block_bytes=st.integers(2, 30), portion=st.integers(1, 40), segment_bytes=st.integers(8, 100))
def test_segments_and_checkpoints_give_the_chunks_of_the_whole_file(
    file: tuple[str, Csv], block_bytes: int, portion: int, segment_bytes: int
) -> None:
    data, feed, block_bytes = small_blocks(file, block_bytes)

    def reader() -> Reader:
        return open_file(reading(data, portion), feed, block_bytes=block_bytes)

    whole, places = reader(), []
    chunks = []
    for chunk in whole.blocks(whole.start):
        chunks.append(chunk)
        places.append(whole.position)
    for done, place in enumerate(places, start=1):
        assert list(reader().blocks(place)) == chunks[done:]
    if not whole.can_jump:
        assert feed.csv.encoding == "utf-16"
        return
    found = []
    for segment in reader().segments(whole.start, segment_bytes):
        found += reader().blocks(segment.start, segment.end_byte, at_end=segment.end_byte == len(data))
    assert found == chunks


@given(file=texts(), portion=st.integers(1, 40))
def test_a_csv_of_rejects_is_read_as_its_feed_reads_the_file(file: tuple[str, Csv], portion: int) -> None:
    """Dropped again, it gives the same records."""
    text, csv = file
    rejects, _ = loaded(text.encode(csv.encoding), csv, portion, 400)
    written = RejectFormat("f/a.csv", b"", csv)
    parts = [written.csv_head(), *map(written.csv_record, rejects), written.csv_foot()]
    again, _ = loaded(b"".join(parts), csv, portion, 400)
    assert [bare(reject.raw, csv) for reject in again] == [bare(reject.raw, csv) for reject in rejects]


def bare(record: bytes, csv: Csv) -> str:
    return record.decode().removesuffix(csv.line_end)


FIRST = "id,n\n"
HEADERS = [FIRST, '"id","n"\n', "\ufeffid,n\n", '\ufeff"id","n"\n']
ROWS = {
    "1,a\n": ("1", "a"),
    '\ufeff"2,2","b\nc"\n': ("2,2", "b\nc"),
    "\ufeff3,d\n": ("3", "d"),
    "id,x\n": ("id", "x"),
    '4,"\nid,n\n"\n': ("4", "\nid,n\n"),
}
NO_ROWS = ["\ufeff\n", "\n"]
DIALECTS = [
    Csv(),
    Csv(line_end="~"),
    Csv(line_end="\x85", encoding="cp037"),
    Csv(quoting="lenient"),
    Csv(encoding="utf-16-le"),
]
WAYS = [  # in which a feed knows the names
    ("id", {"header": "first"}),
    ("id", {"header": ("id", "n")}),
    ("id", {"header": "none", "names": ("id", "n")}),
    ("x", {"header": "first", "names": ("x", "y")}),
]


@given(
    parts=st.lists(st.sampled_from([*HEADERS, *ROWS, *NO_ROWS]), max_size=9),
    csv=st.sampled_from(DIALECTS),
    way=st.sampled_from(WAYS),
    policy=st.sampled_from(["reject", "skip"]),
    portion=st.integers(1, 60),
    block_bytes=st.integers(64, 120),
)
def test_headers_of_joined_files_are_recognised_and_marks_left_out_in_any_cut(
    parts: list[str], csv: Csv, way: tuple[str, dict[str, Any]], policy: str, portion: int, block_bytes: int
) -> None:
    if csv.encoding == "cp037":
        parts = [part.replace("\ufeff", "") for part in parts]
    key, naming = way
    csv = csv.changed(repeated_header=policy, **naming)
    text = "".join([FIRST] * (csv.header != "none") + parts)
    if csv.header == "none":  # a mark before all is the file's own
        parts = [part.removeprefix("\ufeff") if at == 0 else part for at, part in enumerate(parts)]
    data = text.replace("\n", csv.line_end or "\n").encode(csv.encoding)
    table, rejects = FakeTable(), RecordingRejects()
    load = Load(feed=Feed("f/", "Table", key, csv=csv), writer=table, rejects=rejects, sizes=Sizes(block=block_bytes))
    row_counts = load.run(reading(data, portion))
    bare_rows = {part.replace("\ufeff", ""): cells for part, cells in ROWS.items()}
    rows = [bare_rows[row] for part in parts if (row := part.replace("\ufeff", "")) in bare_rows]
    expected = {row[0]: row[1].replace("\n", csv.line_end or "\n") for row in rows}
    repeated = [part for part in parts if part.replace("\ufeff", "") in HEADERS] if policy == "reject" else []
    assert {item[key]: item["y" if key == "x" else "n"] for item in table.items.values()} == expected
    assert [reject.reason for reject in rejects.taken] == ["repeated_header"] * len(repeated)
    assert [reject.raw.decode().replace(csv.line_end or "\n", "\n") for reject in rejects.taken] == repeated
    assert (row_counts.rows_read, row_counts.bytes_read) == (len(rows) + len(repeated), len(data))
