"""Nulls that begin with the escape, letters behind it, and null values of single columns."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import SettingsFault
from ingest.feeds.column import Column
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.feeds.parse import parse_feeds
from ingest.reading.grammar import Grammar
from ingest.reading.parse import Layout, parse_rows
from ingest.reading.reader import open_file
from tests.support.fakes import reading

HERE = Path(__file__).parent
TABS = Csv(delimiter="\t", quote="", escape="\\", header="none", null_values=("\\N",))


def cells(data: bytes, csv: Csv, width: int = 2) -> list[list[str | None]]:
    rows = parse_rows(data, Layout(tuple(map(str, range(width))), csv, Grammar(csv)))
    assert rows.faults == []
    return [list(row.values()) for row in rows.table.to_pylist()]


def rows_of(feed: Feed, data: bytes) -> list[dict[str, str | None]]:
    reader = open_file(reading(data, 1 << 16), feed)
    return [row for block in reader.blocks(reader.start) for row in reader.parse(block).table.to_pylist()]  # type: ignore[arg-type]


@pytest.mark.parametrize(("escapes", "tab"), [("none", "t"), ("mysql", "\t"), ("postgres", "\t")])
def test_what_mysql_writes_is_read_as_it_is_meant(escapes: str, tab: str) -> None:
    feed = parse_feeds((HERE / "mysql_outfile.toml").read_text() + f'escapes = "{escapes}"\n').feeds["t"]
    assert rows_of(feed, (HERE / "mysql_outfile.csv").read_bytes()) == [
        {"id": "1", "city": f"Bonn{tab}West", "note": None, "flag": "N"},
        {"id": "2", "city": "a\nb", "note": "x", "flag": "\\N"},
    ]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("\\N\tN", [None, "N"]),
        ("\\\\N\t\\\\\\N", ["\\N", "\\N"]),
        ("a\\N\t\\Na", ["aN", "Na"]),
        ("\t", ["", ""]),
        ("\\\t\\\\\t\\ü", ["\t\\", "ü"]),
        ("\ufdd0\\N\t\\N", ["\ufdd0N", None]),
    ],
)
def test_a_null_is_a_whole_cell_before_its_escapes_are_taken_away(record: str, expected: list[str | None]) -> None:
    assert cells(record.encode() + b"\n", TABS) == [expected]


@pytest.mark.parametrize(
    ("escapes", "cell", "text"),
    [
        ("mysql", r"a\tb\nc\rd\0e\bf\Zg\\h\qi", "a\tb\nc\rd\0e\bf\x1ag\\hqi"),
        ("postgres", r"a\tb\nc\rd\0e\bf\fg\vh\\i\qj", "a\tb\nc\rd\0e\bf\fg\vh\\iqj"),
        ("none", r"a\tb\\n", "atb\\n"),
        ("mysql", r"\\t\\\t", "\\t\\\t"),
    ],
)
def test_letters_behind_the_escape_mean_what_the_database_means(escapes: str, cell: str, text: str) -> None:
    csv = TABS.changed(escapes=escapes)
    assert cells(f"{cell}\tx\n".encode(), csv) == [[text, "x"]]


def test_in_quotes_escapes_mean_the_same() -> None:
    csv = Csv(escape="\\", escapes="mysql", null_values=("\\N", "n/a, or so"))
    data = b'"a\\"b\\tc","\\N"\n\\N,"n/a, or so"\nn/a\\, or so,"x\ny"\n'
    assert cells(data, csv) == [['a"b\tc', None], [None, None], [None, "x\ny"]]
    strict = csv.changed(quoted_nulls=False)
    assert cells(data, strict) == [['a"b\tc', "\\N"[1:]], [None, "n/a, or so"], [None, "x\ny"]]


def test_white_space_around_a_null_does_not_belong_to_it() -> None:
    csv = TABS.changed(trim=True, delimiter=",")
    assert cells(b" \\N ,\\\\N \n", csv) == [[None, "\\N"]]


def test_ragged_rows_are_padded_with_their_escapes_read() -> None:
    csv = TABS.changed(ragged="pad", escapes="mysql")
    assert cells(b"a\\tb\n\\N\tx\n", csv) == [["a\tb", None], [None, "x"]]


def test_escapes_need_an_escape() -> None:
    toml = '[feeds.t]\nprefix = "t/"\ntable = "Tbl"\npartition_key = "id"\n[feeds.t.csv]\nescapes = "mysql"\n'
    with pytest.raises(SettingsFault, match=r"`feeds.t.csv.escapes` = 'mysql' needs the character"):
        parse_feeds(toml)


@given(st.lists(st.text(alphabet='ab\\"\t,ü\ufdd0', max_size=8), min_size=2, max_size=2), st.sampled_from(['"', ""]))
def test_with_marks_a_block_reads_as_the_parser_reads_it(texts: list[str], quote: str) -> None:
    data = (",".join(text + "b" for text in texts) + "\n").encode()
    by_parser = Csv(escape="\\", quote=quote, null_values=("a",))
    by_marks = by_parser.changed(null_values=("a", "\\N"))
    names = ("one", "two")
    read = [parse_rows(data, Layout(names, csv, Grammar(csv))) for csv in (by_parser, by_marks)]
    assert read[0].table.to_pylist() == read[1].table.to_pylist()
    assert [fault.record for fault in read[0].faults] == [fault.record for fault in read[1].faults]


OWN = Feed(
    "f/",
    "Table",
    "id",
    csv=Csv(null_values=("", "NULL"), escape="\\"),
    columns={"b": Column(null_values=("-", "\\N")), "c": Column(null_values=())},
)


def test_a_column_may_have_null_values_of_its_own_in_place_of_the_others() -> None:
    data = b"id,a,b,c\n1,NULL,NULL,NULL\n2,-,-,-\n3,,,\n4,\\N,\\N,\\N\n"
    assert rows_of(OWN, data) == [
        {"id": "1", "a": None, "b": "NULL", "c": "NULL"},
        {"id": "2", "a": "-", "b": None, "c": "-"},
        {"id": "3", "a": None, "b": "", "c": ""},
        {"id": "4", "a": "N", "b": None, "c": "N"},
    ]


def test_so_it_is_with_quotes_trimming_ragged_rows_and_other_characters() -> None:
    csv = Csv(quote="þ", encoding="cp1252", quoted_nulls=False, trim=True, ragged="pad", null_values=("x",))
    feed = Feed("f/", "Table", "id", csv=csv, columns={"b": Column(null_values=("-", "1þ"))})
    data = "id,a,b\n1, x , y\n2,þxþ\n3,x, - \n4,x,þ-þ\n5,x,1þ\n".encode("cp1252")
    assert rows_of(feed, data) == [
        {"id": "1", "a": None, "b": "y"},
        {"id": "2", "a": "x", "b": None},
        {"id": "3", "a": None, "b": None},
        {"id": "4", "a": None, "b": "-"},
        {"id": "5", "a": None, "b": None},
    ]
