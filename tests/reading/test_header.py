"""What stands before the rows, in any portions, and the files that are refused for it."""

import json
from dataclasses import replace

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
    (b'id, "a, b" , c\n1,2,3\n', Csv(trim=True), (("id", "a, b", "c"), 15, 1)),
    (b'id,\t"a ""b"""\n', Csv(blanks_around_quotes=True), (("id", 'a "b"'), 14, 1)),
    (b'1, "a, b"\n', Csv(header="none", trim=True), (("column_1", "column_2"), 0, 0)),
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
    (b"", Csv(header="none"), ((), 0, 0)),
    (b"", Csv(header="none", names=("id", "name")), (("id", "name"), 0, 0)),
    (b"", Csv(header=("id", "name")), (("id", "name"), 0, 0)),
    (BOM + b"\r\n\n", Csv(header=("id", "name")), (("id", "name"), 6, 2)),
    (b"title\n", Csv(header="none", skip_lines=1), ((), 6, 1)),
    (b"title", Csv(header=("id",), skip_lines=2), (("id",), 5, 0)),
    # a header list, and the header all the same
    (b"id,name\n1,2\n", Csv(header=("id", "name")), (("id", "name"), 8, 1)),
    (b"id;v;\r\n1;a;\r\n", Csv(header=("id", "v", "_"), delimiter=";"), (("id", "v", "_"), 7, 1)),
    (b"id,\n1,2\n", Csv(header=("id", "v", "_")), (("id", "v", "_"), 0, 0)),  # a name alone may be a value
    (b"id,v\n1,2\n", Csv(header=("id", "w")), (("id", "w"), 0, 0)),
    (b"a,v,\xff\n", Csv(header=("a", "v", "w")), (("a", "v", "w"), 0, 0)),
    # Excel's own line
    (b"sep=;\nid;v\n1;a\n", Csv(delimiter=";"), (("id", "v"), 11, 2)),
    (BOM + b"SEP=\t\r\nid\tv\r\n", Csv(delimiter="\t"), (("id", "v"), 16, 2)),
    (b'"sep=,",,\rid,v,w\r', Csv(), (("id", "v", "w"), 17, 2)),
    (b"sep=,\n1,2\n", Csv(header="none"), (("column_1", "column_2"), 6, 1)),
    (b"sep=,\n1,2\n", Csv(header=("id", "v")), (("id", "v"), 6, 1)),
    (b"sep=;\nid,v\n", Csv(skip_lines=1), (("id", "v"), 11, 2)),  # whoever counts it says that it does not matter
    (b"sep=,\n", Csv(header="none", names=("id",)), (("id",), 6, 1)),
    (b"sep=ab,v\n", Csv(), (("sep=ab", "v"), 9, 1)),
    # what only begins like other formats
    (b"[id],[name]\n1,2\n", Csv(), (("[id]", "[name]"), 12, 1)),
    (b"<TICKER>,<PER>\nA,B\n", Csv(), (("<TICKER>", "<PER>"), 15, 1)),
    (b"<DATE>\t<OPEN>\n1\t2\n", Csv(delimiter="\t"), (("<DATE>", "<OPEN>"), 14, 1)),
    (b'{"a":1}|x\n{"a":2}|y\n', Csv(delimiter="|", header="none", quote=""), (("column_1", "column_2"), 0, 0)),
    (b"<p><b>x</b></p>|1\n", Csv(delimiter="|", header="none"), (("column_1", "column_2"), 0, 0)),
    (b"version,-----BEGIN\n", Csv(), (("version", "-----BEGIN"), 19, 1)),
    (b"PAR1,PAR2\n", Csv(), (("PAR1", "PAR2"), 10, 1)),
]


@pytest.mark.parametrize(("data", "csv", "expected"), CASES)
@pytest.mark.parametrize("portion", [1, 2, 3, 7, 1000])
def test_the_head_is_the_same_in_any_portions(
    data: bytes, csv: Csv, expected: tuple[tuple[str, ...], int, int], portion: int
) -> None:
    columns, byte_count, line_count = expected
    found, rest = head_and_rest(data, csv, portion=portion)
    assert replace(found, records=()) == Header(columns, data[:byte_count], line_count)
    assert rest == data[byte_count:]


REFUSED = [
    (b"", Csv(), EmptyFile, "empty"),
    (BOM, Csv(), EmptyFile, "empty"),
    (b"\n\r\n\r", Csv(), EmptyFile, "empty"),
    (b"just a preamble\n", Csv(skip_lines=1), EmptyFile, "empty"),
    (b"just a preamble", Csv(skip_lines=3), EmptyFile, "empty"),
    (b"", Csv(header=2), EmptyFile, "empty"),
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
    (b"a,,c\n", Csv(), BadHeader, r'set names = \["a", "column_2", "c"\] in the feed'),
    (b"a,b,a\n", Csv(), BadHeader, r'set names = \["a", "b", "a_3"\] in the feed'),
    (b"a" * 300 + b",,\n", Csv(), BadHeader, "set names .one for each column. in the feed"),
    (b"sep=;\nid;v\n", Csv(), BadHeader, "says that its delimiter is ';', and the feed's is ','"),
]


@pytest.mark.parametrize(("data", "csv", "fault", "sentence"), REFUSED)
@pytest.mark.parametrize("portion", [1, 3, 1000])
def test_a_file_without_usable_column_names_is_refused_in_one_sentence(
    data: bytes, csv: Csv, fault: type[FileFault], sentence: str, portion: int
) -> None:
    with pytest.raises(fault, match=sentence) as caught:
        head_and_rest(data, csv, portion=portion)
    assert "\n" not in str(caught.value)


OTHER_TEXTS = [
    (b"<!DOCTYPE html>\n<html><head><title>403, Forbidden</title></head>", "an HTML page"),
    (b"\r\n  <HTML lang='de'>\n<body>,</body>", "an HTML page"),
    (BOM + b"<?xml version='1.0'?>\n<rows/>", "XML"),
    (b'<rows>\n  <row id="1" name="x,y"/>\n</rows>\n', "XML"),
    (b"<rows n='1'><row>1</row></rows>", "XML"),
    (b'{"id":1,"name":"Ann","city":"Rome"}\n{"id":2}\n', "JSON Lines"),
    (b'{"id":1}\r\n', "JSON Lines"),
    (b'[{"id":1,"v":2},\n{"id":3,"v":4}]', "JSON; convert"),
    (b'{\n  "rows": [1, 2]\n}\n', "JSON; convert"),
    (b'{"rows": [\n1, 2]}\n', "JSON; convert"),
    (b"[1,2,3]\n[4,5,6]\n", "JSON; convert"),
    (b"-----BEGIN PGP MESSAGE-----\nVersion: 2\n\nhQEMA,x\n", "a PGP message; decrypt it first"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "a Git LFS pointer"),
    (b'{"a":"' + b"x" * 100_000, "JSON"),
]


@pytest.mark.parametrize(("data", "what"), OTHER_TEXTS)
@pytest.mark.parametrize("csv", [Csv(), Csv(header="none"), Csv(header=("id", "v")), Csv(header=2, delimiter="|")])
@pytest.mark.parametrize("portion", [1, 1000])
def test_text_of_another_kind_is_named_whether_a_header_is_expected_or_not(
    data: bytes, what: str, csv: Csv, portion: int
) -> None:
    with pytest.raises(NotCsv, match=f"^This is not CSV: it looks like {what}") as caught:
        head_and_rest(data, csv, portion=portion)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("portion", [1, 3, 1000])
def test_the_advice_for_a_header_with_an_empty_name_works(portion: int) -> None:
    data = b"id;v;\n1;a;\n2;b;\n"
    with pytest.raises(BadHeader) as caught:
        head_and_rest(data, Csv(delimiter=";"))
    names = tuple(json.loads(str(caught.value).split("names = ")[1].split(" in the feed")[0]))
    head, rest = head_and_rest(data, Csv(delimiter=";", names=names), portion=portion)
    assert (head.columns, rest) == (("id", "v", "column_3"), b"1;a;\n2;b;\n")


@pytest.mark.parametrize("opening", [b"a,b", b'a,"b', b"\n"])
def test_a_header_that_does_not_end_is_given_up_within_a_block(opening: bytes) -> None:
    data = opening + b"x" * (BLOCK_BYTES + 1) if opening != b"\n" else b"\n" * (BLOCK_BYTES + 1)
    with pytest.raises(NotCsv, match="have no line end" if opening != b"\n" else "does not end within"):
        head_and_rest(data + b"y" * BLOCK_BYTES, portion=1024 * 1024)


def test_a_column_name_as_long_as_a_file_is_not_repeated_whole() -> None:
    """Something that is not CSV, all in one line; the sentence goes into the ledger, whose items end at 400 KB."""
    name = b"x" * 1_000_000
    for csv in (Csv(), Csv(names=("id", "v"))):
        with pytest.raises(NotCsv, match="a name of 1,000,000 bytes, and an attribute name has at most") as caught:
            head_and_rest(b"id," + name + b"\n", csv, portion=1_000_000)
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
