"""Strict quoting on soups of quotes, delimiters and line ends: against Python's own strict reader, and against a reader
that goes byte by byte; in any blocks and portions."""

import csv as python_csv
import io
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.contract import Reason
from ingest.feeds.dialect import Csv
from ingest.reading.blocks import BadRecord, BlockSplitter
from ingest.reading.grammar import Grammar, count_lines
from ingest.reading.parse import Layout, parse_rows
from ingest.reading.quotes import QuoteBits, QuoteCheck

Record = tuple[int, int, bool]  # bytes [start, end), and whether its quotes are as they should be

SOUPS = st.one_of(
    st.text(alphabet=',"x\n', max_size=40),
    st.text(alphabet='""",x\r\n', max_size=60),
    st.lists(st.sampled_from(['"a"', '","', '"\n"', "1,2\n", '"', "x", '""', "\r\n"]), max_size=40).map("".join),
).map(str.encode)


def records(data: bytes) -> list[Record]:
    """Return the records of a file, byte by byte, without blank lines."""
    found, at = [], 0
    while at < len(data):
        end, is_sound = record(data, at)
        if data[at:end].strip(b"\r\n"):
            found.append((at, end, is_sound))
        at = end
    return found


def record(data: bytes, at: int) -> tuple[int, bool]:
    """Return where the record at a place ends, and whether it is sound."""
    is_sound = True
    while True:
        if data[at : at + 1] == b'"':
            opened, at = at, behind_quotes(data, at)
            if not at:
                return end_of_line(data, opened), False
            if data[at : at + 1] not in (b"", b",", b"\r", b"\n"):
                if b"\n" in data[opened:at] or b"\r" in data[opened:at]:
                    return end_of_line(data, opened), False
                is_sound = False
        while data[at : at + 1] not in (b"", b",", b"\r", b"\n"):
            at += 1
        if data[at : at + 1] != b",":
            return end_of_line(data, at), is_sound
        at += 1


def behind_quotes(data: bytes, at: int) -> int:
    """Return the place behind the quote that closes the one at a place; 0 if none does."""
    at = data.find(b'"', at + 1)
    while at >= 0 and data[at + 1 : at + 2] == b'"':
        at = data.find(b'"', at + 2)
    return at + 1


def end_of_line(data: bytes, at: int) -> int:
    while at < len(data) and data[at : at + 1] not in (b"\r", b"\n"):
        at += 1
    return min(len(data), at + (2 if data[at : at + 2] == b"\r\n" else 1))


def read(data: bytes, splitter: BlockSplitter, portion: int) -> list[tuple[Record, str | None]]:
    """Return the records as the product reads them, each with the reason of its reject for its quotes."""
    chunks = [chunk for at in range(0, len(data), portion) for chunk in splitter.feed(data[at : at + portion])]
    found: list[tuple[Record, str | None]] = []
    for chunk in [*chunks, *splitter.finish()]:
        start = chunk.first_byte
        if isinstance(chunk, BadRecord):
            found.append(((start, start + chunk.byte_count, False), chunk.reason))
            continue
        grammar = Grammar(Csv())
        rows = parse_rows(chunk.data, Layout(("a", "b"), Csv(), grammar))
        wrong = {fault.record: fault.reason for fault in rows.faults if fault.reason == Reason.BAD_QUOTE}
        found += [
            ((start + span.start, start + span.end, number not in wrong), wrong.get(number))
            for number, span in enumerate(grammar.spans(chunk.data))
        ]
    return found


@given(data=SOUPS, portion=st.integers(1, 50))
@example(data=b'""x,"\n"x"', portion=9)
def test_records_end_and_are_rejected_as_read_byte_by_byte(data: bytes, portion: int) -> None:
    own = BlockSplitter(Grammar(Csv()), block_bytes=1000)
    assert [found for found, _ in read(data, own, portion)] == records(data)


@example(data=b'"\n""a""a""a""a""a"', block_bytes=16, more=1, portion=1)
@given(data=SOUPS, block_bytes=st.integers(16, 60), more=st.integers(0, 60), portion=st.integers(1, 50))
def test_blocks_of_any_size_give_the_same_records_for_the_same_reasons(
    data: bytes, block_bytes: int, more: int, portion: int
) -> None:
    """If a record may have as many bytes as in the other."""
    splitters = [BlockSplitter(Grammar(Csv()), block_bytes=size, record_bytes=16) for size in (block_bytes, 16 + more)]
    ways = [read(data, splitter, size) for splitter, size in zip(splitters, (portion, 7), strict=True)]
    assert ways[0] == ways[1]


@given(data=SOUPS)
def test_pythons_strict_reader_takes_and_refuses_the_same_records(data: bytes) -> None:
    """It stops at its first error, so it is asked anew at each record. It knows no `swallowed_rows`."""
    for start, end, is_sound in records(data):
        reader = python_csv.reader(io.StringIO(data[start:].decode(), newline=""), strict=True)
        try:
            cells = next(reader)
        except python_csv.Error:
            assert not is_sound
            continue
        assert is_sound
        assert reader.line_num == count_lines(data[start:end]) + (not data[start:end].endswith((b"\n", b"\r")))
        csv = Csv(null_values=())
        layout = Layout(tuple(map(str, range(len(cells)))), csv, Grammar(csv))
        rows = parse_rows(data[start:end], layout)
        assert [list(row.values()) for row in rows.table.to_pylist()] == [cells] or (
            [fault.reason for fault in rows.faults] == [Reason.SWALLOWED_ROWS]
        )


ESCAPED = st.text(alphabet='\\",x\n', max_size=30).filter(lambda text: not text.endswith("\\"))


@given(data=ESCAPED.map(lambda text: text.encode() + b"\n"))
def test_so_it_does_where_an_escape_is_used(data: bytes) -> None:
    """But for a last cell with an escaped line end and no line end behind it: Python asks for another line there, we
    take what there is. So the data ends with a line end.
    """
    reader = python_csv.reader(io.StringIO(data.decode(), newline=""), strict=True, escapechar="\\")
    try:
        list(reader)
        is_sound = True
    except python_csv.Error:
        is_sound = False
    assert QuoteCheck(Csv(escape="\\")).is_sound(data) == is_sound


DIALECTS = [Csv(), Csv(delimiter=";", quote="'"), Csv(delimiter="\t"), Csv(escape="\\"), Csv(blanks_around_quotes=True)]


@given(parts=st.lists(st.sampled_from([0, 1, 1, 1, 2, 3, 4, 5]), max_size=60), csv=st.sampled_from(DIALECTS))
def test_a_block_is_sound_if_all_of_its_records_are(parts: list[int], csv: Csv) -> None:
    """Whatever says so: bitmaps in slices of any size, the pattern that jumps, or the exact one."""
    data = "".join([csv.delimiter, csv.quote, csv.escape, "x", "\n", " "][part] for part in parts).encode() + b"x\n"
    spans = list(Grammar(csv).spans(data))
    assert b"".join(data[span.start : span.end] for span in spans).replace(b"\n", b"") == data.replace(b"\n", b"")
    expected = all(QuoteCheck(csv).fault(data[span.start : span.end]) is None for span in spans)
    padding = b"x\n" * 200  # few quotes
    for slice_bytes in (3, 7, 10_000):
        check = QuoteCheck(csv, slice_bytes=slice_bytes)
        assert (check.is_sound(data), check.is_sound(data + padding)) == (expected, expected and is_closed(data, csv))


def is_closed(data: bytes, csv: Csv) -> bool:
    """Return whether no quote is open behind the data."""
    return Grammar(csv).is_whole(data, 0)


@pytest.mark.parametrize("length", range(8))
def test_bitmaps_pass_no_faulty_block_of_a_few_bytes(length: int) -> None:
    """All there are. They may doubt a sound one, which is read by the exact pattern then."""
    check, bits = QuoteCheck(Csv()), QuoteBits(Csv(), slice_bytes=2)
    for letters in product(b',"x\n', repeat=length):
        data = bytes(letters)
        expected = all(is_sound for *_, is_sound in records(data))
        assert check.is_sound(data) == expected
        assert expected or not bits.are_sound(data, has_escapes=False)
