"""The traps of pyarrow's CSV reader and of streams, each by its name: bytes in, items and rejects out.

Each file is read in many block sizes and portions, and all of them must agree. A quote never closed and a line without
end are in test_pipeline; a plain object that is shorter than S3 said is in edges/test_s3.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from ingest.contract import Reason
from ingest.errors import BadCompression, BadHeader, SettingsFault
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.feeds.parse import read_csv
from ingest.ledger.row_counts import RowCounts
from ingest.reading.encoding import original_bytes
from ingest.rejects.reject import Reject
from ingest.worker.load import Load, Sizes
from tests.support.fakes import FakeTable, RecordingRejects, cut, reading

Item = dict[str, Any]
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Outcome:
    """What a load left behind."""

    items: list[Item]
    rejects: list[Reject]
    row_counts: RowCounts

    @property
    def lost(self) -> list[tuple[int, str, bytes]]:
        return [(reject.line, reject.reason, reject.raw) for reject in self.rejects]


def loaded(portions: Iterator[bytes], feed: Feed, block_bytes: int) -> Outcome:
    table, rejects = FakeTable(), RecordingRejects()
    row_counts = Load(feed=feed, writer=table, rejects=rejects, sizes=Sizes(block=block_bytes)).run(
        reading(portions, 0)
    )
    return Outcome(list(table.items.values()), rejects.taken, row_counts)


def read(data: bytes, *, blocks: range = range(24, 48), numbers: tuple[str, ...] = (), **csv: Any) -> Outcome:
    """Load the file in all these blocks, whole and in portions of 1 byte or 3 in turn; return what they agree on.

    A block that is twice as large as the file holds all of it: larger ones are not tried.
    """
    feed = Feed("f/", "Table", "id", csv=Csv(**csv), columns=dict.fromkeys(numbers, "N"))
    tried = [block for block in blocks if block <= max(2 * len(data), blocks.start + 2)]
    sizes = [(block, portion) for block in tried for portion in (len(data), (1, 3)[block % 2])]
    outcomes = [loaded(cut(data, portion), feed, block) for block, portion in sizes]
    for size, outcome in zip(sizes, outcomes, strict=True):
        assert outcome == outcomes[0], size
    return outcomes[0]


def values(outcome: Outcome) -> list[tuple[Any, ...]]:
    return [tuple(item.values()) for item in outcome.items]


# --- quotes and line ends ---


def test_a_crlf_inside_quotes_at_a_block_edge_keeps_both_bytes() -> None:
    data = b"id,a\r\n" + b"".join(b'%d,"x\r\ny\r\n"\r\n' % n for n in range(9))
    assert values(read(data, blocks=range(24, 72))) == [(str(n), "x\r\ny\r\n") for n in range(9)]


def test_quoted_line_ends_never_shift_rows() -> None:
    """What stands in the quotes looks like rows in its own right, and is none."""
    data = b'id,a\n1,"2,x\n3,y\n"\n4,"\n"\n"5\n",","\n6,"""\n7,z"\n'
    assert values(read(data)) == [("1", "2,x\n3,y\n"), ("4", "\n"), ("5\n", ","), ("6", '"\n7,z')]


def test_x_quote_y_is_literal() -> None:
    assert values(read(b'id,a\n1,x"y\n2, "z"\n3,"\n"\n')) == [("1", 'x"y'), ("2", ' "z"'), ("3", "\n")]


def test_text_behind_a_closing_quote_belongs_to_the_cell_only_with_lenient_quoting() -> None:
    """pyarrow joins it to the cell, and Excel does: the value changes without a word."""
    data = b'id,a\n1,"x"y\n2,"x"y"z"\n3,"a""b"c\n'
    assert values(read(data, quoting="lenient")) == [("1", "xy"), ("2", 'xy"z"'), ("3", 'a"bc')]
    assert [reject.reason for reject in read(data).rejects] == [Reason.BAD_QUOTE] * 3


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_any_line_end_alone_ends_records(line_end: bytes) -> None:
    data = line_end.join([b"id,a", b"1,x", b"", b"2", b"3,y"])
    outcome = read(data)
    assert values(outcome) == [("1", "x"), ("3", "y")]
    assert outcome.lost == [(4, Reason.RAGGED_ROW, b"2" + line_end)]


def test_what_else_unicode_calls_a_line_end_is_a_letter() -> None:
    cell = "x\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029y"
    assert values(read(f"id,a\n1,{cell}\n".encode())) == [("1", cell)]


def test_blank_lines_keep_line_numbers_right() -> None:
    outcome = read(b'\n\nid,a\n\n1,x\n\r\n\r2\n"3\n\n",y\n\n\n4')
    assert [item["id"] for item in outcome.items] == ["1", "3\n\n"]
    assert outcome.lost == [(8, Reason.RAGGED_ROW, b"2\n"), (14, Reason.RAGGED_ROW, b"4")]


def test_a_line_of_blanks_is_a_record_and_a_ragged_one() -> None:
    assert read(b"id,a\n1,x\n   \n2,y\n").lost == [(3, Reason.RAGGED_ROW, b"   \n")]


def test_a_trailing_delimiter_is_one_cell_more() -> None:
    data = b"id,a\n1,x,\n2,y\n"
    assert read(data).lost == [(2, Reason.RAGGED_ROW, b"1,x,\n")]
    assert values(read(data, ragged="trim")) == [("1", "x"), ("2", "y")]


def test_a_file_may_come_byte_by_byte() -> None:
    data = BOM + 'id,a\r\n1,"ü\r\n😀"\r\n'.encode()
    feed = Feed("f/", "Table", "id")
    assert values(loaded(cut(data, 1), feed, 64)) == [("1", "ü\r\n😀")]
    assert values(loaded(cut(gzip.compress(data), 1), feed, 64)) == [("1", "ü\r\n😀")]


# --- the head ---


def test_a_header_without_a_line_end_is_a_file_without_rows() -> None:
    assert read(b"id,a") == Outcome([], [], RowCounts(bytes_read=4))


def test_a_header_may_be_longer_than_a_block() -> None:
    names = ["id", *(f"column {number}" for number in range(50))]
    data = (",".join(names) + "\n" + ",".join("1" * 51) + "\n").encode()
    assert read(data, blocks=range(110, 120)).items == [dict.fromkeys(names, "1")]


@pytest.mark.parametrize("header", [b"id,id", b"id,a,a", b"id,", b'id,""'])
def test_a_header_that_names_two_columns_alike_or_one_not_at_all_is_refused(header: bytes) -> None:
    """pyarrow takes it, and the last of the columns wins."""
    with pytest.raises(BadHeader):
        read(header + b"\n1,2,3\n")


@pytest.mark.parametrize("header", [b"id,a\n", b'"id",a\n', b"\r\nid,a\r\n"])
def test_a_byte_order_mark_does_not_cost_the_key_column(header: bytes) -> None:
    outcome = read(BOM + header + b"1,x\n2\n")
    assert outcome.items == [{"id": "1", "a": "x"}]
    assert [reject.byte_offset for reject in outcome.rejects] == [len(BOM + header) + 4]


@pytest.mark.parametrize("field", ["delimiter", "quote", "escape"])
def test_a_nul_is_not_accepted_as_a_mark(field: str) -> None:
    """pyarrow does not accept it either, but would say so only at the first file."""
    with pytest.raises(SettingsFault):
        read_csv({field: "\0"}, "csv")


# --- cells ---


@pytest.mark.parametrize("word", ["NA", "Null", "NULL", "null", "nan", "NaN", "#N/A", "N/A", "-", "None"])
def test_na_and_null_are_surnames(word: str) -> None:
    assert values(read(f'id,a\n1,{word}\n2,"{word}"\n'.encode())) == [("1", word), ("2", word)]


@pytest.mark.parametrize("word", ["007", "+1", "99999999999999999999", "1.10", "1e5", "nan", "true", "2026-01-01Z"])
def test_text_that_looks_like_a_value_stays_text(word: str) -> None:
    assert values(read(f"id,a\n1,{word}\n".encode())) == [("1", word)]


def test_numbers_are_exact_and_nan_is_none() -> None:
    outcome = read(b"id,a\n1,007\n2,+1\n3,99999999999999999999\n4,0.1\n5,nan\n6,inf\n", numbers=("a",))
    assert [item["a"] for item in outcome.items] == [7, 1, 99999999999999999999, Decimal("0.1")]
    assert [reject.reason for reject in outcome.rejects] == [Reason.BAD_NUMBER] * 2


def test_a_late_change_of_type_costs_only_its_row() -> None:
    data = b"id,a\n" + b"".join(b"%d,%d\n" % (n, n) for n in range(90)) + b"x,oops\n90,90\n"
    outcome = read(data, blocks=range(24, 64, 5), numbers=("a",))
    assert [item["a"] for item in outcome.items] == list(range(91))
    assert outcome.lost == [(92, Reason.BAD_NUMBER, b"x,oops\n")]


def test_nothing_at_all_and_an_empty_text_are_reported_apart_if_the_feed_says_so() -> None:
    data = b'id,a\n1,\n2,""\n'
    assert read(data, quoted_nulls=False).items == [{"id": "1"}, {"id": "2", "a": ""}]
    assert read(data).items == [{"id": "1"}, {"id": "2"}]


def test_nul_bytes_are_text() -> None:
    assert values(read(b"id,a\n1,\0x\0\n")) == [("1", "\0x\0")]


def test_bytes_that_are_no_utf8_cost_their_row_only() -> None:
    outcome = read(b'id,a\n1,x\n2,\xff\n3,"\n\xc3"\n4,\xc3\xbc\n')
    assert values(outcome) == [("1", "x"), ("4", "ü")]
    assert outcome.lost == [(3, Reason.BAD_ENCODING, b"2,\xff\n"), (4, Reason.BAD_ENCODING, b'3,"\n\xc3"\n')]


# --- the end of the file, and what only looks like it ---


class SourceBrokeError(Exception):
    """Nothing the ingester knows."""


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_an_error_of_the_source_is_never_taken_for_the_end_of_the_file(compress: Any) -> None:
    data = compress(b'id,a\n1,x\n2,"y\ny"\n3,z\n')

    def breaking(after: int) -> Iterator[bytes]:
        yield data[:after]
        raise SourceBrokeError

    for after in range(len(data) + 1):
        with pytest.raises(SourceBrokeError):
            loaded(breaking(after), Feed("f/", "Table", "id"), 24)


def test_a_compressed_file_cut_short_is_reported_wherever_it_is_cut() -> None:
    data = gzip.compress(b"id,a\n1,345\n")
    for length in range(1, len(data)):
        with pytest.raises(BadCompression):
            loaded(cut(data[:length], 5), Feed("f/", "Table", "id", csv=Csv(compression="gzip")), 24)


def test_a_plain_file_cut_inside_a_value_looks_whole() -> None:
    """The bytes do not show it: this is why the source compares their number with the object's size."""
    assert values(read(b"id,a\n1,34")) == [("1", "34")]


@pytest.mark.parametrize("row", [b"1,2\n", b'"1\n1",2\n'])
def test_a_byte_order_mark_behind_the_header_is_left_out_wherever_the_blocks_begin(row: bytes) -> None:
    """Files laid end to end have them. pyarrow strips one from each block it is given: the key changes with the cut."""
    expected = read(b"id,a\n0,0\n" + row).items
    assert read(b"id,a\n0,0\n" + BOM + row).items == read(b"id,a\n" + BOM + row + b"0,0\n").items[::-1] == expected


@pytest.mark.parametrize("rest", [b"", b"\n", b"\n1\n"])
def test_a_record_that_is_only_a_byte_order_mark_is_a_blank_line(rest: bytes) -> None:
    """It is lost to pyarrow only, which moves all rejects behind it; as the last of a file it raises ArrowInvalid."""
    outcome = read(b"id\n" + BOM + rest)
    assert [item["id"] for item in outcome.items] == rest.decode().split()
    assert outcome.rejects == []


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_the_first_record_may_end_in_an_escaped_line_end(line_end: bytes) -> None:
    """ArrowInvalid, or a name that has lost its end: the line ends stripped from the header are not all line ends."""
    data = b"id,a\\" + line_end + b"\n1,x\n"
    feed = Feed("f/", "Table", "id", csv=Csv(escape="\\"))
    name = "a" + line_end[:1].decode()
    assert loaded(cut(data, 1), feed, 64).items[-1] == {"id": "1", name: "x"}


@pytest.mark.parametrize(("encoding", "bad"), [("utf-16-le", b"\x00\xdc"), ("utf-32-le", b"\x00\x00\x11\x00")])
def test_bytes_that_are_no_utf16_or_utf32_cost_their_row_only(encoding: str, bad: bytes) -> None:
    """UnicodeEncodeError: the codecs of wide characters take no single bytes from an error handler."""
    data = "id,a\n1,x\n2,".encode(encoding) + bad + "\n3,y\n".encode(encoding)
    outcome = read(data, blocks=range(64, 66), encoding=encoding)
    assert values(outcome) == [("1", "x"), ("3", "y")]
    assert [reject.reason for reject in outcome.rejects] == [Reason.BAD_ENCODING]


def test_an_empty_cell_at_the_end_of_the_file_is_not_quoted_because_another_one_was() -> None:
    """Without a line end behind it, pyarrow keeps the last quoted cell's mark for it: "" instead of no value."""
    assert read(b'id,a,b\n1,"x",', quoted_nulls=False).items == [{"id": "1", "a": "x"}]


def test_a_quoted_cell_of_blanks_is_never_null_if_the_feed_says_that_quoted_cells_never_are() -> None:
    """docs/feeds.md: "a quoted cell always is a value". With `trim`, what is left of " " is null all the same."""
    assert read(b'id,a\n1," "\n', trim=True, quoted_nulls=False).items == [{"id": "1", "a": ""}]


@pytest.mark.parametrize("comment", [b"", b"#\xff\n"])
def test_bytes_that_are_no_utf8_stay_what_they_are_beside_marks_beyond_ascii(comment: bytes) -> None:
    """The stand-ins of bad bytes are not taken back for UTF-8: raw is another, offsets behind it are two too many."""
    data = b"id,a\n" + comment + b"1,\xff\n2\n"
    outcome = read(data, quote="\u00fe", comment="#")
    assert [reject.raw for reject in outcome.rejects] == [b"1,\xff\n", b"2\n"]
    assert [reject.byte_offset for reject in outcome.rejects] == [data.index(b"1,"), data.index(b"2\n")]
    assert outcome.row_counts.bytes_read == len(data)


@pytest.mark.parametrize("cell", ["\u00fe", "x\u00fe", "\x1d"])
def test_trim_takes_blanks_and_no_marks_beyond_ascii(cell: str) -> None:
    """A mark beyond ASCII and a control character change places before the trimming, and \x1c to \x1f are blanks."""
    outcome = read(f"id\u00a7a\n1\u00a7y{cell}\n".encode(), trim=True, delimiter="\u00a7", quote="\u00fe")
    assert values(outcome) == [("1", f"y{cell}".strip())]


def test_a_long_line_of_bytes_that_continue_no_character_costs_only_itself() -> None:
    """IndexError: the search for the beginning of a character runs backwards out of the line, and out of the data."""
    outcome = read(b"id,a\n" + b"\x80" * 100 + b"\n1,x\n", blocks=range(24, 25))
    assert values(outcome) == [("1", "x")]
    assert [reject.reason for reject in outcome.rejects] == [Reason.RECORD_TOO_LONG]


@pytest.mark.parametrize("dialect", [{"encoding": "cp1252"}, {"quote": "\u00fe"}])
def test_what_is_kept_of_a_line_without_end_ends_with_a_character(dialect: dict[str, Any]) -> None:
    """UnicodeDecodeError, here or in writing the reject: the last line of a file is kept up to half a character."""
    csv = Csv(max_record_bytes=1024, **dialect)
    data = ("id,a\n1,x\n2,x" + "\u00fc" * 1500).encode(csv.encoding)
    (reject,) = loaded(cut(data, 5000), Feed("f/", "Table", "id", csv=csv), 4096).rejects
    assert data[reject.byte_offset :].startswith(original_bytes(reject.raw, csv.encoding, at_start=False))


def test_what_is_kept_of_a_line_without_end_does_not_depend_on_the_portions() -> None:
    """Where a portion ends inside a character, half of it is kept; where it does not, none of it."""
    line = "1," + "x" * 21 + "\u00fc" * 50
    (reject,) = read(f"id,a\n{line}\n".encode(), blocks=range(24, 25)).rejects
    assert line.startswith(reject.raw.decode())
