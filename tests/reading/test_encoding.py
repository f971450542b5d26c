"""Any character may be a mark, any encoding may be a file's: places count the file's own bytes, cells lose nothing."""

import csv as python_csv
import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import NotCsv
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.reading.encoding import Charset
from ingest.worker.load import Load, Sizes
from tests.support.fakes import FakeTable, RecordingRejects, reading

CONCORDANCE = Csv(delimiter="\x14", quote="þ", encoding="cp1252")


def loaded(data: bytes, csv: Csv, *, portion: int = 5, block_bytes: int = 64) -> tuple[list[object], RecordingRejects]:
    table, rejects = FakeTable(), RecordingRejects()
    csv = msgspec.structs.replace(csv, missing_columns="allow")
    feed = Feed("f/", "Table", "id", csv=csv, columns={"n": "N"})
    Load(feed=feed, writer=table, rejects=rejects, sizes=Sizes(block=block_bytes)).run(reading(data, portion))
    return list(table.items.values()), rejects


@pytest.mark.parametrize("portion", [1, 3, 1000])
def test_a_quote_that_is_not_ascii_encloses_cells(portion: int) -> None:
    data = "þidþ\x14þtextþ\nþ1þ\x14þa\x14b\nþþcþþþ\nþ2þ\x14plain\n".encode("cp1252")
    items, _ = loaded(data, CONCORDANCE, portion=portion)
    assert items == [{"id": "1", "text": "a\x14b\nþcþ"}, {"id": "2", "text": "plain"}]


def test_a_control_character_that_stands_in_for_a_mark_may_still_be_in_the_cells() -> None:
    items, _ = loaded('id§a\n1§x\x01y\n"2§"§\x02\n'.encode(), Csv(delimiter="§"))
    assert items == [{"id": "1", "a": "x\x01y"}, {"id": "2§", "a": "\x02"}]


def test_names_nulls_and_comments_are_in_the_files_own_characters() -> None:
    csv = Csv(delimiter="§", comment="§§", null_values=("", "-\x01"))
    items, _ = loaded('id§"a§"§"b\x01"\n§§ note\n1§-\x01§x\n'.encode(), csv)
    assert items == [{"id": "1", "b\x01": "x"}]


CELLS = st.text(alphabet='ab§þ€\x01\x02\x03 \n\r,"\\ü', max_size=5)


@given(
    rows=st.lists(st.tuples(CELLS, CELLS), max_size=8),
    marks=st.permutations(["§", "þ", "€", "ü", ","]),
    encoding=st.sampled_from(["utf-8", "utf-16", "cp1252"]),
    portion=st.integers(1, 30),
)
def test_any_characters_may_be_delimiter_and_quote(
    rows: list[tuple[str, str]], marks: list[str], encoding: str, portion: int
) -> None:
    rows = [tuple("".join(c for c in cell if encoding != "cp1252" or c != "\x81") for cell in row) for row in rows]
    text = io.StringIO()
    writer = python_csv.writer(
        text, delimiter=marks[0], quotechar=marks[1], quoting=python_csv.QUOTE_ALL, lineterminator="\n"
    )
    writer.writerows([("id", "a", "b"), *((str(n), *row) for n, row in enumerate(rows))])
    csv = Csv(delimiter=marks[0], quote=marks[1], encoding=encoding, null_values=())
    items, _ = loaded(text.getvalue().encode(encoding), csv, portion=portion, block_bytes=4096)
    assert items == [{"id": str(n), "a": a, "b": b} for n, (a, b) in enumerate(rows)]


@pytest.mark.parametrize("delimiter", [",", "§"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp932"]
)
def test_the_offset_of_a_reject_is_its_place_in_the_files_own_bytes(encoding: str, delimiter: str) -> None:
    lines = ["id,n,täxt\r\n", "1,1,größe\r\n", "2,x,köln\r\n", "\r\n", "3,3,€uro\r\n", "4,y,ß", "\r\n5,z,ä"]
    if encoding in ("latin-1", "cp932"):
        lines = [line.translate({0x20AC: "E"} | dict.fromkeys(map(ord, "äöß"), "×")) for line in lines]
    text = "".join(lines).replace(",", delimiter)
    data = text.encode(encoding)
    _, rejects = loaded(data, Csv(delimiter=delimiter, encoding=encoding))
    begin = "".encode(encoding)
    for reject, line in zip(rejects.taken, (3, 6, 7), strict=True):
        raw = "".join(text.splitlines(keepends=True)[line - 1 : line])
        assert (reject.raw, reject.line) == (raw.encode(), line)
        assert data[reject.byte_offset :].startswith(raw.encode(encoding).removeprefix(begin))


def test_skipped_lines_too_are_counted_in_the_files_own_bytes() -> None:
    data = ("id,n\n" + "ü" * 5000 + "\n7,x\n").encode("utf-16")
    for portion in (1001, 10**6):
        csv = Csv(encoding="utf-16", max_record_bytes=1024)
        _, rejects = loaded(data, csv, portion=portion, block_bytes=2048)
        too_long, bad = rejects.taken
        assert (too_long.reason, too_long.byte_offset) == ("record_too_long", 12)
        assert (bad.line, data[bad.byte_offset :]) == (3, "7,x\n".encode("utf-16-le"))


def test_invalid_bytes_are_counted_as_they_are_in_the_file() -> None:
    data = b"id,n\n1,\x81\n\x9d,2\n3,x\n"
    _, rejects = loaded(data, Csv(encoding="cp1252"))
    assert [reject.byte_offset for reject in rejects.taken] == [5, 9, 13]
    assert [reject.reason for reject in rejects.taken] == ["bad_encoding", "bad_encoding", "bad_number"]


def test_plain_utf8_is_handed_on_as_it_is() -> None:
    portions = iter([b"a", b"\xff"])
    assert Charset(Csv()).to_text(portions) is portions


@pytest.mark.parametrize("names", [("Jülich", "Bonn"), ("Jülich",)])
def test_a_file_in_another_encoding_is_reported_in_one_sentence_and_no_storm_of_rejects(names: tuple[str, ...]) -> None:
    umlauts = ("id,name\n" + "".join(f"{n},{name}\n" for n in range(50) for name in names)).encode("cp1252")
    with pytest.raises(NotCsv, match=r"not valid utf-8 text: the first \d+ records"):
        loaded(umlauts, Csv(), block_bytes=4096)


def test_some_unreadable_rows_among_readable_ones_are_rejects() -> None:
    data = "id,name\n0,Köln\n".encode() + b"".join(b"%d,J\xfclich\n" % n for n in range(1, 51))
    items, rejects = loaded(data, Csv(), block_bytes=4096)
    assert (len(items), len(rejects.taken)) == (1, 50)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_the_mark_of_utf8_in_a_feed_of_another_encoding_is_reported(encoding: str) -> None:
    with pytest.raises(NotCsv, match="UTF-8 text, by its byte order mark"):
        loaded("\ufeffid,name\n1,Köln\n".encode(), Csv(encoding=encoding))
