"""What stands before the rows, in any portions, and the files that are refused for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import BadHeader, EmptyFile, FileFault, NotCsv
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.items.mapping import map_columns
from ingest.reading.blocks import BLOCK_BYTES
from ingest.reading.grammar import Grammar
from ingest.reading.header import Header, read_header
from tests.support.fakes import cut

BOM = b"\xef\xbb\xbf"


def head_and_rest(data: bytes, csv: Csv | None = None, *, portion: int = 1000) -> tuple[Header, bytes]:
    """Return the head and all bytes behind it, whether read ahead or not."""
    csv = csv or Csv()
    portions = cut(data, portion)
    head, rest = read_header(portions, csv, Grammar(csv))
    return head, rest + b"".join(portions)


CASES = [
    (b"a,b\n1,2\n", Csv(), (("a", "b"), 4, 1)),
    (b"a,b\r\n1,2\r\n", Csv(), (("a", "b"), 5, 1)),
    (b"a,b\r1,2\r", Csv(), (("a", "b"), 4, 1)),
    (b"a,b", Csv(), (("a", "b"), 3, 0)),
    (b"a", Csv(), (("a",), 1, 0)),
    (b"a,b\r", Csv(), (("a", "b"), 4, 1)),
    (BOM + b"a,b\n1,2\n", Csv(), (("a", "b"), 7, 1)),
    (BOM + b"\n\r\n\ra,b\n1,2\n", Csv(), (("a", "b"), 11, 4)),
    (b"\n\n\r\na,b\n1,2\n", Csv(), (("a", "b"), 8, 4)),
    (b'"a","b\nc","d""e"\n1,2,3\n', Csv(), (("a", "b\nc", 'd"e'), 17, 2)),
    (b" a , b \n", Csv(), ((" a ", " b "), 8, 1)),
    (b"NA,null,1\n", Csv(), (("NA", "null", "1"), 10, 1)),
    ("größe;straße\n1;2\n".encode(), Csv(delimiter=";"), (("größe", "straße"), 16, 1)),
    (b"'a,1',b\n", Csv(quote="'"), (("a,1", "b"), 8, 1)),
    (b'"a",b\n', Csv(quote=""), (('"a"', "b"), 6, 1)),
    (b"a\\,b,c\n", Csv(escape="\\"), (("a,b", "c"), 7, 1)),
    (b"a\\\nb,c\n1,2\n", Csv(escape="\\"), (("a\nb", "c"), 7, 2)),
    (b"# made by\r\n# somebody\na,b\n1,2\n", Csv(skip_lines=2), (("a", "b"), 26, 3)),
    (b'say "hi\na,b\n1,2\n', Csv(skip_lines=1), (("a", "b"), 12, 2)),  # a quote there means nothing
    (BOM + b"x\r\n\na,b\n", Csv(skip_lines=1), (("a", "b"), 11, 3)),
    (b"1,2\n3,4\n", Csv(header="none"), (("column_1", "column_2"), 0, 0)),
    (b"\n\n1,2\n", Csv(header="none"), (("column_1", "column_2"), 0, 0)),
    (BOM + b"x\n1,2", Csv(header="none", skip_lines=1), (("column_1", "column_2"), 5, 1)),
    (b"1,2\n", Csv(header=("id", "name")), (("id", "name"), 0, 0)),
    (b"1,2,3\n", Csv(header=("id", "name")), (("id", "name"), 0, 0)),  # ragged rows are reported later
    (BOM + b"old,names\n1,2\n", Csv(header=("id", "name"), skip_lines=1), (("id", "name"), 13, 1)),
]


@pytest.mark.parametrize(("data", "csv", "expected"), CASES)
@pytest.mark.parametrize("portion", [1, 2, 3, 7, 1000])
def test_the_head_is_the_same_in_any_portions(
    data: bytes, csv: Csv, expected: tuple[tuple[str, ...], int, int], portion: int
) -> None:
    columns, byte_count, line_count = expected
    found, rest = head_and_rest(data, csv, portion=portion)
    assert found == Header(columns, data[:byte_count], line_count)
    assert rest == data[byte_count:]


REFUSED = [
    (b"", Csv(), EmptyFile, "empty"),
    (BOM, Csv(), EmptyFile, "empty"),
    (b"\n\r\n\r", Csv(), EmptyFile, "empty"),
    (b"just a preamble\n", Csv(skip_lines=1), EmptyFile, "empty"),
    (b"just a preamble", Csv(skip_lines=3), EmptyFile, "empty"),
    (b"", Csv(header="none"), EmptyFile, "empty"),
    (b"", Csv(header=("a", "b")), EmptyFile, "empty"),
    (b"a,b,a\n1,2,3\n", Csv(), BadHeader, "names 'a' twice"),
    (b"a,,c\n1,2,3\n", Csv(), BadHeader, "Column 2 .* has no name"),
    (b'a,""\n', Csv(), BadHeader, "Column 2 .* has no name"),
    (b"a,b,\n", Csv(), BadHeader, "Column 3 .* has no name"),
    (b'a,"b\n1,2\n', Csv(), BadHeader, "quote that is never closed"),
    (b'"', Csv(), BadHeader, "quote that is never closed"),
    (b"a\0,b\n", Csv(), NotCsv, "NUL"),
    ("a,b\n".encode("utf-16-le"), Csv(), NotCsv, "NUL"),
    (b"gr\xf6\xdfe,b\n", Csv(), NotCsv, "not valid utf-8 text; set the feed's encoding"),
    (b"\xff\xfea\0,\0b\0\n\0", Csv(), NotCsv, 'encoding = "utf-16"'),
    (b"\xfe\xff\0a\0,\0b\0\n", Csv(), NotCsv, 'encoding = "utf-16"'),
    (b"PK\x03\x04\x14\0\x06\0", Csv(), NotCsv, "ZIP archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1", Csv(), NotCsv, "old Excel workbook"),
    (b"PAR1\x15\x04", Csv(), NotCsv, "Parquet"),
    (b"%PDF-1.7\n%\xe2\xe3\n", Csv(), NotCsv, "PDF"),
    (b"PK\x03\x04\x14\0\x06\0", Csv(header="none"), NotCsv, "ZIP"),
]


@pytest.mark.parametrize(("data", "csv", "fault", "sentence"), REFUSED)
@pytest.mark.parametrize("portion", [1, 3, 1000])
def test_a_file_without_usable_column_names_is_refused_in_one_sentence(
    data: bytes, csv: Csv, fault: type[FileFault], sentence: str, portion: int
) -> None:
    with pytest.raises(fault, match=sentence) as caught:
        head_and_rest(data, csv, portion=portion)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("opening", [b"a,b", b'a,"b', b"\n"])
def test_a_header_that_does_not_end_is_given_up_within_a_block(opening: bytes) -> None:
    data = opening + b"x" * (BLOCK_BYTES + 1) if opening != b"\n" else b"\n" * (BLOCK_BYTES + 1)
    with pytest.raises(NotCsv, match="does not end within"):
        head_and_rest(data + b"y" * BLOCK_BYTES, portion=1024 * 1024)


def test_a_column_name_as_long_as_a_file_is_not_repeated_whole() -> None:
    """Something that is not CSV, all in one line; the sentence goes into the ledger, whose items end at 400 KB."""
    name = b"x" * 1_000_000
    with pytest.raises(BadHeader, match="twice") as caught:
        head_and_rest(name + b"," + name + b"\n", portion=1_000_000)
    assert len(str(caught.value)) < 500


def test_thirty_thousand_columns_are_named_in_linear_time() -> None:
    """A file without line ends, perhaps: it must be refused or read before the function's time is over."""
    names = [f"c{n}" for n in range(30_000)]
    head, _ = head_and_rest(",".join(names).encode(), portion=100_000)
    assert head.columns == tuple(names)
    assert len(map_columns(Feed("f/", "Table", "c7"), head.columns).targets) == len(names)


def test_nothing_is_read_beyond_the_portion_that_ends_the_header() -> None:
    portions = iter([b"a,", b"b\n1,", b"2\n", b"3,4\n"])
    _, rest = read_header(portions, Csv(), Grammar(Csv()))
    assert rest == b"1,"
    assert list(portions) == [b"2\n", b"3,4\n"]


NAMES = st.lists(st.text(alphabet='ab"\n\r,; ü', min_size=1, max_size=5), min_size=1, max_size=5, unique=True)


@given(names=NAMES, line_end=st.sampled_from(["\n", "\r", "\r\n"]), portion=st.integers(1, 30), blank=st.integers(0, 3))
def test_any_names_come_back_as_they_were_written(names: list[str], line_end: str, portion: int, blank: int) -> None:
    record = ",".join('"' + name.replace('"', '""') + '"' for name in names) + line_end
    data = (line_end * blank + record + "1,2" + line_end).encode()
    head, rest = head_and_rest(data, portion=portion)
    assert head.columns == tuple(names)
    assert head.raw == (line_end * blank + record).encode()
    assert rest == ("1,2" + line_end).encode()
