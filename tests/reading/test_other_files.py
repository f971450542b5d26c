"""Files that are not CSV are named, and so is what stands around CSV: each case ends as its user expects."""

import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.errors import BadCompression, BadHeader, FileFault, NotCsv
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.feeds.parse import parse_feeds
from ingest.ledger.row_counts import RowCounts
from ingest.reading.compression import decode
from ingest.worker.load import Load
from tests.support.fakes import FakeTable, Item, RecordingRejects, cut, reading

CASES = Path(__file__).parent / "cases"
TEXT = b"id,v\n1,a\n2,b\n"
ROWS = [{"id": "1", "v": "a"}, {"id": "2", "v": "b"}]


def loaded(data: bytes, feed: Feed, portion: int = 1000) -> tuple[list[Item], RowCounts]:
    table, rejects = FakeTable(), RecordingRejects()
    row_counts = Load(feed=feed, writer=table, rejects=rejects).run(reading(data, portion))
    assert rejects.taken == []
    return list(table.items.values()), row_counts


def loaded_case(name: str, portion: int = 1000) -> list[Item]:
    feed = parse_feeds((CASES / f"{name}.toml").read_text()).feeds["t"]
    return loaded((CASES / f"{name}.csv").read_bytes(), feed, portion)[0]


@pytest.mark.parametrize("portion", [1, 7, 100_000])
def test_zeros_behind_a_gzip_stream_are_padding(portion: int) -> None:
    assert loaded_case("gz_zero_pad", portion)


@pytest.mark.parametrize("portion", [1, 3, 11, 1000])
@pytest.mark.parametrize("zeros", [1, 512, 1000])
def test_zeros_between_and_behind_gzip_members_are_padding(portion: int, zeros: int) -> None:
    data = gzip.compress(TEXT[:7]) + b"\0" * zeros + gzip.compress(TEXT[7:]) + b"\0" * zeros
    assert b"".join(decode(cut(data, portion), Csv())) == TEXT


@pytest.mark.parametrize("portion", [1, 1000])
@pytest.mark.parametrize(
    ("behind", "what"),
    [
        (b"and then some", "text"),
        (b"\0\0\0x", "text"),
        (b"\n", "text"),
        (gzip.compress(b"", mtime=0) + b"PK", "text"),
        (b"\x03\x04", "0x03"),
    ],
    ids=["words", "zeros", "line end", "member", "binary"],
)
def test_other_bytes_behind_a_gzip_stream_are_named_but_no_row_is_shown(behind: bytes, what: str, portion: int) -> None:
    data = gzip.compress(TEXT) + behind
    other = behind.lstrip(b"\0").removeprefix(gzip.compress(b"", mtime=0))
    with pytest.raises(BadCompression, match=f"from byte {len(data) - len(other)} of the file") as caught:
        b"".join(decode(cut(data, portion), Csv()))
    assert f"({what}" in str(caught.value)
    assert "then" not in str(caught.value)


def test_a_gzip_stream_whose_expanded_bytes_fill_portions_is_whole() -> None:
    text = b"0123456,89\n" * (3 * 1024 * 1024 // 11) + b"x" * (3 * 1024 * 1024 % 11)
    assert b"".join(decode(cut(gzip.compress(text), 1000), Csv())) == text


def tar_of(text: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("orders.csv")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    return stream.getvalue()


def zip_of(text: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("orders.csv", text)
    return stream.getvalue()


def parquet_of(rows: int) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"id": ["a"] * rows}), stream)
    return stream.getvalue()


OTHER_FILES = [
    (lzma.compress(TEXT), "xz-compressed data; only plain text and text compressed by gzip, bz2 or zstd is read"),
    (zip_of(TEXT), "a ZIP archive or an Excel workbook; export it as CSV; only plain text"),
    (tar_of(TEXT), "a tar archive; send its files one by one; only plain text"),
    (gzip.compress(tar_of(TEXT)), "a tar archive"),
    (gzip.compress(lzma.compress(TEXT)), "xz-compressed data"),
    (parquet_of(3), "a Parquet file"),
    (parquet_of(0), "a Parquet file"),
    (b"%PDF-1.7\n%\xe2\xe3\n", "a PDF"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1" + bytes(99), "an old Excel workbook"),
    (b"Rar!\x1a\x07\x01\0" + bytes(99), "a RAR archive; only plain text"),
    (b"\x1f\x9d\x90" + bytes(99), "data compressed by compress .* only plain text"),
    (b"Obj\x01\x04\x16avro.schema" + bytes(99), "an Avro file"),
    (b"ARROW1\0\0" + bytes(99), "an Arrow or Feather file"),
    (b"SQLite format 3\0\x10\0\x01\x01" + bytes(99), "an SQLite database"),
    (b"\x85\x02\x0c\x03" + bytes(range(99)), "a PGP message"),
]


@pytest.mark.parametrize("portion", [1, 10_000])
@pytest.mark.parametrize("csv", [Csv(), Csv(header="none", names=("id", "v")), Csv(encoding="cp1252")])
@pytest.mark.parametrize(("data", "what"), OTHER_FILES, ids=[what for _, what in OTHER_FILES])
def test_a_file_of_another_kind_is_named_with_what_is_read_instead(
    data: bytes, what: str, csv: Csv, portion: int
) -> None:
    with pytest.raises(NotCsv, match=f"^This is not CSV: it begins like {what}") as caught:
        loaded(data, Feed("f/", "Table", "id", csv=csv), portion)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", [b"PAR1,id,v\n", b"PAR1\n", b"PK,id\n", b"x" * 257 + b"ustar,id\n", b"7z,id\n", b"Rar!,Obj\n"]
)
def test_text_that_only_begins_like_another_kind_of_file_is_text(text: bytes) -> None:
    assert b"".join(decode(cut(text, 3), Csv())) == text


def test_a_page_where_rows_were_expected_is_refused_though_no_header_is() -> None:
    with pytest.raises(NotCsv, match="looks like an HTML page"):
        loaded_case("html_headerless")


@pytest.mark.parametrize(
    ("data", "csv"),
    [
        (b"", Csv(header="none")),
        (b"", Csv(header=("id", "v"))),
        (b"", Csv(header="none", compression="gzip")),
        (gzip.compress(b"", mtime=0), Csv(header="none", names=("id", "v"))),
        (b"\n\n", Csv(header="none")),
        (b"Total: 0 rows\n", Csv(header="none", footer_lines=1)),
        (b"\xef\xbb\xbfTRL\n0\n", Csv(header=("id", "v"), footer_lines=2)),
        (b"made today\n", Csv(header="none", skip_lines=1)),
    ],
)
def test_a_file_of_no_rows_is_complete_where_no_header_is_expected(data: bytes, csv: Csv) -> None:
    items, row_counts = loaded(data, Feed("f/", "Table", "id", csv=csv, columns={"v": "N"}))
    assert (items, row_counts.rows_read) == ([], 0)
    assert loaded_case("empty_headerless") == []


def test_excels_line_that_names_the_delimiter_is_understood() -> None:
    assert loaded_case("excel_sep_line") == ROWS
    feed = Feed("f/", "Table", "id", csv=Csv(delimiter="\t", encoding="utf-16"))
    assert loaded("sep=\t\r\nid\tv\r\n1\ta\r\n2\tb\r\n".encode("utf-16"), feed)[0] == ROWS
    with pytest.raises(BadHeader, match="set `delimiter`"):
        loaded(b"sep=;\nid;v\n1;a\n", Feed("f/", "Table", "id"))


def test_a_header_list_for_a_file_that_has_a_header_does_not_make_that_a_row() -> None:
    assert loaded_case("trailing_delim_header_list") == ROWS
    feed = Feed("f/", "Table", "id", csv=Csv(header=("id", "v"), ragged="trim"))
    assert loaded(b"id,v,\n1,a,\n2,b,\n", feed)[0] == ROWS
    assert loaded(b"id,v,,\n1,a,,\n2,b,,\n", feed)[0] == ROWS
    assert loaded(b"id,x,\n1,a,\n2,b,\n", feed)[0] == [{"id": "id", "v": "x"}, *ROWS]


@pytest.mark.parametrize(
    ("needed", "header", "hint"),
    [
        ("über", "id,u\u0308ber\n", r"its 'über' looks the same but is written 'u\u0308ber' there, '\xfcber' here"),
        ("order id", "order\u00a0id,v\n", r"is written 'order\xa0id' there, 'order id' here"),
        ("id", "\u200bid,v\n", r"is written '\u200bid' there, 'id' here"),
        ("name", "n\u0430me\n", r"is written 'n\u0430me' there, 'name' here"),
        ("order_id", "Order-ID,v\n", "(did you mean 'Order-ID'?)"),
        ("order_id", "x,v\n", "which the feed needs; it has 'x', 'v'"),
    ],
)
def test_a_missing_column_is_named_with_the_nearest_one_and_look_alikes_apart(
    needed: str, header: str, hint: str
) -> None:
    with pytest.raises(BadHeader) as caught:
        loaded(header.encode(), Feed("f/", "Table", needed))
    assert hint.replace("über", "u\u0308ber", 1) in str(caught.value)


def test_a_decomposed_name_is_shown_beside_the_one_that_looks_the_same() -> None:
    with pytest.raises(FileFault, match=r"looks the same but is written 'u\\u0308ber' there"):
        loaded_case("decomposed_header")
