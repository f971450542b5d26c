"""Files that were misread: what sniff proposes for each kind, and what check then finds under it."""

import random
import re
from pathlib import Path
from typing import Any

import pytest

from ingest.cli import main as cli
from ingest.sniff import candidate_keys
from ingest.sniff.sample import find_line_end
from tests.support.sniffed import Sniffed, sniffed, written

CASES = Path(__file__).parent / "cases"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def case(capsys: pytest.CaptureFixture[str], name: str) -> Sniffed:
    return Sniffed(capsys, (CASES / name).read_bytes())


def names(found: Sniffed) -> list[str]:
    return sorted({name for item in found.items for name in item})


# --- the header ---


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ((CASES / "sniff_header_No.csv").read_text(), "first"),
        ("No\nA12\nB13\nC14\n", "first"),
        ("true,name\n1,x\n2,y\n", "first"),
        ("id,yes,no\nx1,12,3\nx2,11,4\n", "first"),
        ("No,active\n1,yes\n2,no\n", "first"),
        ("yes,no\nyes,yes\nno,no\n", "none"),
        ("1,true\n2,false\n3,true\n", "none"),
        ("Yes,No,Answer\nq1,Ann,Maybe\nq2,Bob,Never\n", "first"),
        ("yes,1,a\nno,2,b\nyes,3,c\n", "none"),
        # made otherwise than the values
        ("col1,col2\nAB12,7\nCD13,8\n", "first"),
        ("item1,item2\nAB12,CD34\nEF56,GH78\n", "first"),
        ("column1,x\nZ9-88,a b\nQ7-01,c d\n", "first"),
        ("q1,q2,q3\na1,b2,c3\nd4,e5,f6\n", "first"),
        ("AB12,CD34\nEF56,GH78\nIJ90,KL12\n", "none"),
        ("Ann1 B,x\nRobert22 C,y\nCy3 D,z\n", "none"),
        # repeated
        ((CASES / "sniff_header_repeated.csv").read_text(), "first"),
        ("id,name\n1,Ann\n2,Bob\nid,name\n3,Cy\n", "first"),
        ("code,city\nA-1,Ulm\nA-2,Bonn\ncode,city\nA-3,Rom\ncode,city\nA-4,Oslo\n", "first"),
        ("O-1,Ann\nO-2,Bob\nO-1,Ann\nO-3,Cy\nO-4,Di\n", "none"),
    ],
)
def test_a_header_is_seen_among_values(capsys: pytest.CaptureFixture[str], text: str, header: str) -> None:
    found = sniffed(capsys, text)
    assert (found.feed.csv.header, found.reasons.get("ragged_row")) == (header, None)
    lines = text.splitlines()
    assert found.rows == len(lines) - (lines.count(lines[0]) if header == "first" else 0)


@pytest.mark.parametrize(
    ("text", "repeated"),
    [
        ((CASES / "sniff_header_repeated.csv").read_text(), 1),
        ("code,city\nA-1,Ulm\ncode,city\nA-2,Bonn\ncode,city\nA-3,Rom\n", 2),
        ("name,city\nAnn,Ulm\nBob,Rom\n", 0),
    ],
)
def test_rows_that_repeat_the_header_are_skipped_and_give_no_column_its_type(
    capsys: pytest.CaptureFixture[str], text: str, repeated: int
) -> None:
    found = sniffed(capsys, text)
    remark = f"# Rows that repeat the header, as where files were joined: {repeated}."
    assert (remark in found.toml) == bool(repeated) == (found.feed.csv.repeated_header == "skip")
    assert (found.rows, found.reasons) == (text.count("\n") - repeated - 1, {})
    numbers = sniffed(capsys, "id,n\nx0,1.5\nid,n\nx1,2.5\nid,n\nx2,3\n")
    assert numbers.types == {"n": "N"}


# --- what ends records ---


@pytest.mark.parametrize(
    ("data", "line_end"),
    [
        ("id,v\x85" + "".join(f"{n},val{n}\x85" for n in range(5000)), "\x85"),
        ("id;v;w\x1e1;a;\x1e2;b;c", "\x1e"),
        ("id|v~1|a~2|b~", "~"),
        ("id\tv\u2028" + "1\tx y\u2028" * 60_000, "\u2028"),
        ("id\f1\f2\f", "\f"),
        ("id,v\x1e0,z\x1e1,a\r\nb\x1e2,c\x1e3,d\x1e", "\x1e"),
        ("id,v\x851,a\r\nb\x852,c\x85", ""),  # the first line is one like any other
        ("id,a~b\n1,x\n", ""),
        ("id,price~net", ""),
    ],
    ids=[
        "NEL",
        "RS",
        "tilde",
        "U+2028 in a long file",
        "FF",
        "line ends in cells",
        "too few records",
        "a name",
        "a header alone",
    ],
)
def test_another_line_end_is_found_where_the_first_line_does_not_end(
    capsys: pytest.CaptureFixture[str], data: str, line_end: str
) -> None:
    if line_end:
        found = sniffed(capsys, data)
        assert (found.feed.csv.line_end, found.reasons) == (line_end, {})
        assert found.rows == len(data.rstrip(line_end + "\r\n").split(line_end)) - 1
        assert "# No line end is found where the first line should end, but" in found.toml
    else:
        assert find_line_end(data.encode()) == ""


def test_a_file_of_a_mainframe_is_read_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{n},Smith and Sons,{n * 7}\x85" for n in range(300))
    found = Sniffed(capsys, f"id,name,amount\x85{rows}".encode("cp037"))
    assert (found.feed.csv.encoding, found.feed.csv.line_end) == ("cp037", "\x85")
    assert (found.rows, found.reasons, found.types) == (300, {}, {"id": "N", "amount": "N"})


# --- what stands above it ---


@pytest.mark.parametrize(
    ("text", "skip_lines", "columns"),
    [
        ((CASES / "sniff_title_with_comma.csv").read_text(), 1, ["city", "day", "product"]),
        ("Orders, all of them\nname,city,kind\nAnn,Rome,a\nBob,Oslo,b\nCy,Bern,c\n", 1, ["city", "kind", "name"]),
        ("Made by Ann, for Bob\nid,n,x\nk-1,5,1.5\nk-2,6,2.5\n", 1, ["id", "n", "x"]),
        ((CASES / "sniff_report_preamble.tsv").read_text(), 3, ["Day", "Price", "Qty", "Sku", "Title"]),
        ("Vendor;Acme\n\nid;sku;n;x\na;b1;1;2\nb;b2;2;3\nc;b3;3;4\n", 2, ["id", "n", "sku", "x"]),
        ("a,b\n" * 6 + "id,sku,n,x\n" + "".join(f"k-{n},s{n},{n},1\n" for n in range(4)), 6, ["id", "n", "sku", "x"]),
    ],
)
def test_titles_and_preambles_with_delimiters_are_skipped(
    capsys: pytest.CaptureFixture[str], text: str, skip_lines: int, columns: list[str]
) -> None:
    found = sniffed(capsys, text)
    assert (found.feed.csv.skip_lines, found.feed.csv.header, found.feed.csv.names) == (skip_lines, "first", ())
    assert (names(found), found.reasons) == (columns, {})


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("name,n\n1,Ann,5\n2,Bob,6\n3,Cy,7\n", ("column_1", "name", "n")),
        ('"name","n"\n"17","Ann",5\n"40","Bob",6\n"41","Cy",7\n', ("column_1", "name", "n")),
        ('"mpg","cyl"\n"Mazda RX4",21,6\n"Datsun 710",22.8,4\n"Valiant",18.1,6\n', ("column_1", "mpg", "cyl")),
        ("Sales,2024\n5,a,b\n1,c,d\n3,e,f\n", ()),
        ("Sales,2024\n5,a,b\n5,c,d\n6,e,f\n", ()),
    ],
)
def test_row_numbers_without_a_name_look_like_row_numbers(
    capsys: pytest.CaptureFixture[str], text: str, columns: tuple[str, ...]
) -> None:
    found = sniffed(capsys, text)
    assert (found.feed.csv.names, found.reasons) == (columns, {})
    assert found.feed.csv.skip_lines == (0 if columns else 1)


# --- headers and rows of other widths ---


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ((CASES / "sniff_header_trailing_comma.csv").read_text(), ("id", "name", "city", "column_4")),
        ("day;shop;n;;\n2026-01-01;Ulm;1\n2026-01-02;Rom;2\n", ("day", "shop", "n", "column_4", "column_5")),
        ("name,city,note\nAnn,Ulm\nBob,Rom\nCy,Bonn\n", ()),
    ],
)
def test_a_header_longer_than_all_rows_keeps_its_names(
    capsys: pytest.CaptureFixture[str], text: str, columns: tuple[str, ...]
) -> None:
    found = sniffed(capsys, text)
    assert (found.feed.csv.names, found.feed.csv.ragged, found.feed.csv.skip_lines) == (columns, "pad", 0)
    assert (found.rows, found.reasons) == (text.count("\n") - 1, {})
    assert "# The header has" in found.toml


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ((CASES / "sniff_trailing_tab_from_row2.tsv").read_text(), "first"),
        ("id;n\n1;2\n3;4\n" + "5;6;\n" * 6, "first"),
        ("id,name,city\n" + "1,Ann,Ulm,\n" * 5, "first"),
        ("1;2\n3;4\n" + "5;6;\n" * 6, "none"),
    ],
)
def test_rows_that_end_with_a_delimiter_take_neither_header_nor_rows_away(
    capsys: pytest.CaptureFixture[str], text: str, header: str
) -> None:
    found = sniffed(capsys, text)
    assert (found.feed.csv.header, found.feed.csv.ragged, found.feed.csv.skip_lines) == (header, "trim", 0)
    assert (found.rows, found.reasons) == (text.count("\n") - (header == "first"), {})
    assert "# Most rows end with a delimiter" in found.toml


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ((CASES / "excel_empty_rows.csv").read_text(), 1),
        ("id;n\nk;5\n;\nl;6\n;\n", 2),
        ("id,n,x\nk,5,1\n,\n,,\n", 1),
        ("id,n\nk,5\n", None),
        ("id\nk\n\nl\n", None),
    ],
)
def test_rows_without_any_value_are_skipped(capsys: pytest.CaptureFixture[str], text: str, rows: int | None) -> None:
    found = sniffed(capsys, text)
    assert (found.feed.csv.empty_rows == "skip") == (rows is not None)
    assert ("# Some rows are nothing but delimiters." in found.toml) == (rows is not None)
    assert (found.reasons, found.rows) == ({}, rows or found.rows)


# --- delimiters and quotes ---


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("Dear all, hi\nthis is text\nit has, here, a few\nmore\n", "No delimiter fits it.*',', would give"),
        ("name\nDoe; John\nRoe\nPoe\nLow; A; B\nMax\n", "No delimiter fits it.*';', would give .* of the lines"),
        ("12 Main Street\n15 Oak Avenue\n", "None of the usual delimiters occurs"),
    ],
)
def test_where_no_delimiter_fits_the_next_best_is_named(
    capsys: pytest.CaptureFixture[str], text: str, note: str
) -> None:
    found = sniffed(capsys, text)
    assert re.search(f"^# {note}", found.toml, re.MULTILINE)
    assert all(len(item) == 1 for item in found.items)
    assert found.reasons == {}


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("x y z\n1 2 3\n4 5 6\n", 3),
        ("id name\n1 Ann\n2 Bob\n", 2),
        ('127.0.0.1 - ann [22/Nov/2026:13:55:36] "GET / HTTP/1.1" 200 2326\n' * 3, 7),
        ("Ann Smith\nBob Jones\nCy Young\n", 1),
        ("at\n2026-01-01 10:11:12\n2026-01-02 10:11:12\n", 1),
        ("2026-01-01 10:11:12\n2026-01-02 10:11:12\n", 1),
    ],
)
def test_a_space_may_be_the_delimiter_but_not_of_prose(
    capsys: pytest.CaptureFixture[str], text: str, width: int
) -> None:
    found = sniffed(capsys, text)
    assert (found.feed.csv.delimiter == " ") == (width > 1)
    assert {len(item) for item in found.items} == {width}
    assert found.reasons == {}


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ((CASES / "sniff_space_before_quote.csv").read_text(), {"name": {"S": "Smith, Ann"}, "qty": {"N": "3"}}),
        ('id;t;n\n1;  "a; b";2\n2;  "c; ""d""";3\n', {"t": {"S": "a; b"}, "n": {"N": "2"}}),
        ('id,t,note,x\n1,Ann, "b, c",y\n2,Bob, "d, e",z\n3,Cy, "f",w\n', {"note": {"S": "b, c"}, "x": {"S": "y"}}),
    ],
)
def test_blanks_before_quotes_do_not_shift_columns(
    capsys: pytest.CaptureFixture[str], text: str, item: dict[str, Any]
) -> None:
    found = sniffed(capsys, text)
    assert found.feed.csv.blanks
    assert found.reasons == {}
    assert found.items[0] == {"id": {"N": "1"}} | ({"t": {"S": "Ann"}} if "x" in item else {}) | item


PLAIN_ROWS = "".join(f"{n}|plain {n}\n" for n in range(3000))


@pytest.mark.parametrize(
    ("line", "quote", "escape"),
    [
        ("{n}|'a | b {n}'\n", "'", ""),
        ('{n}|"{n} inch\n', "", ""),
        ('{n}|"a \\"b\\" {n}"\n', '"', "\\"),
        ('{n}|"a ""b"" | {n}"\n', '"', ""),
    ],
)
def test_quoting_is_judged_on_all_of_the_sample(
    capsys: pytest.CaptureFixture[str], line: str, quote: str, escape: str
) -> None:
    found = sniffed(capsys, "id|t\n" + PLAIN_ROWS + "".join(line.format(n=n) for n in range(3000, 3101)))
    assert (found.feed.csv.quote, found.feed.csv.escape) == (quote, escape)
    assert (found.rows, found.reasons) == (3101, {})


def test_an_escaped_quote_shows_the_escape_though_other_rows_end_with_a_backslash(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = case(capsys, "backslash_quote.csv")
    assert found.feed.csv.escape == "\\"
    assert found.items[0]["v"] == {"S": 'a "b" c'}


@pytest.mark.parametrize(
    ("text", "escape", "item"),
    [
        ("id,text,n\n1,a\\,b,3\n2,c\\,d,4\n3,e,5\n", "\\", {"text": {"S": "a,b"}, "n": {"N": "3"}}),
        ("id;text\n1;a\\;b\n2;c\\;d\n3;e\\;f\n", "\\", {"text": {"S": "a;b"}}),
        ('id\ttext\n1\t"say \\"hi\\" Ann"\n2\t"x \\"y\\" z"\n', "\\", {"text": {"S": 'say "hi" Ann'}}),
        ("id,path,n\n1,C:\\dir\\,3\n2,D:\\x\\,4\n", "", {"path": {"S": "C:\\dir\\"}, "n": {"N": "3"}}),
        ('id,path\n1,"C:\\dir\\"\n2,"D:\\x\\"\n', "", {"path": {"S": "C:\\dir\\"}}),
    ],
)
def test_an_escape_is_proposed_where_it_makes_the_rows_agree(
    capsys: pytest.CaptureFixture[str], text: str, escape: str, item: dict[str, Any]
) -> None:
    found = sniffed(capsys, text)
    assert (found.feed.csv.escape, found.reasons) == (escape, {})
    assert found.items[0] == {"id": {"N": "1"}} | item


@pytest.mark.parametrize(
    ("text", "escapes", "item"),
    [
        ("1\tAnn\\tB\t\\N\n2\t\\N\t5\n3\tx\\\ny\t7\n", "mysql", {"column_2": {"S": "Ann\tB"}}),
        ('1,"Ann \\"B\\", x",\\N\n2,\\N,5\n3,"x",7\n', "mysql", {"column_2": {"S": 'Ann "B", x'}}),
        ("1\tC:\\\\new\\tx\t\\N\n2\t\\N\t5\n", "postgres", {"column_2": {"S": "C:\\new\tx"}}),
        ("1,C:\\temp,\\N\n2,C:\\new,5\n", "none", {"column_2": {"S": "C:\\temp"}}),  # may be a path
        ("1,C:\\t\\,\\N\n2,D:\\b\\,5\n", "none", {"column_2": {"S": "C:\\t\\"}}),  # escapes would join two cells
        ("1\tC:\\data\t\\N\n2\tC:\\new\t5\n", "none", {"column_2": {"S": "C:\\data"}}),  # no database wrote it so
    ],
)
def test_a_dump_of_a_database_is_read_as_that_database_means_it(
    capsys: pytest.CaptureFixture[str], text: str, escapes: str, item: dict[str, Any]
) -> None:
    found = sniffed(capsys, text)
    assert (found.feed.csv.escapes, found.feed.csv.null_values) == (escapes, ("", "\\N"))
    assert (found.types["column_3"], found.reasons) == ("N", {})
    assert found.items[0] == {"column_1": {"N": "1"}} | item


@pytest.mark.parametrize(
    ("data", "delimiter"),
    [
        ((CASES / "excel_sep_line.csv").read_bytes(), ";"),
        (b"sep=|\r\nid|t\r\n1|a;b;c\r\n2|d;e;f\r\n", "|"),
        ("sep=\t\r\nReport\r\nid\tt\r\n1\ta\r\n2\tb\r\n".encode("utf-16"), "\t"),
    ],
)
def test_excels_line_names_the_delimiter_and_is_not_the_header(
    capsys: pytest.CaptureFixture[str], data: bytes, delimiter: str
) -> None:
    found = Sniffed(capsys, data)
    assert (found.feed.csv.delimiter, found.rows, found.reasons) == (delimiter, 2, {})
    assert found.items[0]["id"] == {"N": "1"}


def test_a_line_break_inside_a_cell_stays_there(capsys: pytest.CaptureFixture[str]) -> None:
    found = case(capsys, "sniff_cr_in_cell.csv")
    assert (found.rows, found.items[0]["b"]) == (2, {"S": "x\ry"})
    cli.run(["preview", "any.csv", "--feed", found.feed_name, "--feeds", "proposed.toml"])
    assert capsys.readouterr().out == 'a,b\n1,"x\ry"\n2,z\n'


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ((CASES / "sniff_jsonl.csv").read_bytes(), "JSON Lines"),
        (b'[{"id": 1},\n {"id": 2}]\n', "JSON"),
        ("<?xml version='1.0'?><a/>".encode("utf-16"), "XML"),
    ],
)
def test_text_of_another_kind_is_named(capsys: pytest.CaptureFixture[str], data: bytes, what: str) -> None:
    Path("any.csv").write_bytes(data)
    assert cli.run(["sniff", "any.csv"]) == 3
    assert f"it looks like {what}" in capsys.readouterr().err


# --- encodings ---


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("shift_jis", "番号,名前,住所\n1,山田太郎,東京都千代田区\n2,佐藤花子,大阪市北区\n"),
        ("shift_jis", "id,品名\n1,りんご\n2,ノート\n"),
        ("euc_jp", "番号,名前,カナ\n1,田中太郎,タナカ\n2,鈴木花子,スズキ\n"),
        ("euc_jp", "商品,価格\nりんご,100\nノートとペン,200\n"),
        ("gb18030", "编号,姓名,城市\n1,张伟,北京市朝阳区\n2,王芳,上海市\n"),
        ("gb18030", "产品,价格\n电脑,100\n手机,200\n"),
        ("big5", "編號,姓名,城市\n1,陳志明,台北市信義區\n2,林美玲,高雄市\n"),
        ("big5", "產品,價格\n電腦,100\n手機,200\n"),
        ("euc_kr", "번호,이름,도시\n1,김철수,서울특별시\n2,이영희,부산광역시\n"),
        ("euc_kr", "제품,가격\n컴퓨터,100\n전화기,200\n"),
        ("cp1252", "id,name\n1,Müller\n2,Ärzte\n3,Öl\n"),
        ("cp1252", "ÄPFEL,ÖL\nÜBER,GRÖSSE\nÉÈ,ÅÄ\n"),
        ("cp1252", "a,b\nit’s,“quoted”\nthat’s,“more”\n"),
        ("cp1252", "Prénom,créée\nçà,éé\nnoël,où\n"),
    ],
)
@pytest.mark.parametrize("copies", [1, 40])
def test_east_asian_encodings_are_named_and_western_ones_not_taken_for_them(
    capsys: pytest.CaptureFixture[str], encoding: str, text: str, copies: int
) -> None:
    header, rows = text.split("\n", 1)
    found = sniffed(capsys, f"{header}\n{rows * copies}", encoding=encoding)
    assert (found.feed.csv.encoding, found.reasons) == (encoding, {})
    assert "# A guess" in found.toml
    assert set(names(found)) == set(header.split(","))


# --- words for no value ---


@pytest.mark.parametrize(
    ("rows", "word"),
    [(10, "NA"), (150_000, "NA"), (15_000, "-"), (4000, "NULL")],
)
def test_a_word_for_no_value_is_found_wherever_it_is_in_the_sample(
    capsys: pytest.CaptureFixture[str], rows: int, word: str
) -> None:
    found = sniffed(capsys, "id,v\n" + "".join(f"x{n},{n}\n" for n in range(rows)) + f"x{rows},{word}\n")
    assert (found.types, found.reasons, found.feed.csv.null_values) == ({"v": "N"}, {}, ("", word))


@pytest.mark.parametrize(
    ("odd", "rejected"),
    [("12E4", False), ("+7", False), ("7.", False), ("1,5", True), ("?", True)],
)
def test_only_what_is_rejected_is_said_to_be(capsys: pytest.CaptureFixture[str], odd: str, rejected: bool) -> None:
    found = sniffed(capsys, "id;v\n" + "".join(f"x{n};{n}.5\n" for n in range(199)) + f"x199;{odd}\n")
    assert found.reasons == ({"bad_number": 1} if rejected and found.types else {})
    words = sniffed(capsys, "id;v\n" + "".join(f"x{n};{'yes' if n % 2 else 'no'}\n" for n in range(199)) + "x199;T\n")
    assert (words.types, words.reasons) == ({"v": "BOOL"}, {})


# --- keys ---


def test_three_columns_are_a_key_where_two_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[f"S{n % 5}", f"T{n // 5 % 4}", f"2026-01-{n // 20 + 1:02}", f"{n % 7}.5"] for n in range(400)]
    found = sniffed(capsys, written([["store", "till", "day", "amount"], *rows]))
    assert (found.feed.partition_key, found.feed.sort_key) == ("store", "{till}#{day}")
    assert (found.found["rows_superseded"], found.is_open) == (0, False)


def test_the_joint_of_a_template_is_a_character_that_the_values_lack(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[f"S{n % 5}", f"T#{n // 5 % 4}", f"D{n // 20}"] for n in range(400)]
    found = sniffed(capsys, written([["store", "till", "day"], *rows]))
    assert (found.feed.sort_key, found.found["rows_superseded"]) == ("{till}|{day}", 0)


@pytest.mark.parametrize(
    ("header", "row", "key"),
    [
        ("qty,sku", "{n},A{n}", ("sku", None)),
        ("price,seq,shop", "{n},{a},S{b}", ("shop", "seq")),
        ("amount,at,sensor_id", "{n},2026-01-01T00:{b:02}:{a:02},X{b}", ("sensor_id", "at")),
        ("rank,clock,name", "{b},10:{a:02}:{b:02},N{n}", ("name", None)),
        ("x,y", "{n},{b}{a}", ("y", None)),
    ],
)
def test_identifiers_come_before_measurements_and_times(
    capsys: pytest.CaptureFixture[str], header: str, row: str, key: tuple[str, str | None]
) -> None:
    rows = [row.format(n=n * 7919 % 1000, a=n % 10, b=n // 10) for n in range(10, 300)]
    found = sniffed(capsys, "\n".join([header, *rows, ""]))
    assert (found.feed.partition_key, found.feed.sort_key) == key
    assert "measurement" not in found.toml


def test_a_key_with_a_measurement_in_it_is_said_to_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    found = sniffed(capsys, "clock,temp\n" + "".join(f"10:{n // 60:02}:{n % 60:02},{n % 13}\n" for n in range(500)))
    assert found.feed.partition_key == "clock"
    assert "# It has a measurement or a time of day in it, which may repeat in other rows." in found.toml


def test_candidates_of_an_open_key_can_be_copied_and_say_how_many_rows_they_lose(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pick = random.Random(7)
    rows = [f"C{pick.randrange(40)},{pick.choice('abc')},{pick.choice('xyz')}" for _ in range(200)]
    found = sniffed(capsys, "\n".join(["customer,kind,way", *rows, ""]))
    assert found.is_open
    assert found.candidates[0].startswith('partition_key = "customer", sort_key = "')
    lost = 200 - len(set(rows))
    assert f"(rows that repeat a key, of which the last wins: {lost})" in found.toml
    assert found.found["rows_superseded"] == lost


@pytest.mark.parametrize("late", ["x5,1\n", "x1500,2\n"])
def test_a_key_that_repeats_behind_many_rows_is_not_said_to_be_unique(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    """Candidates are looked for in the first rows, of which there are fewer here."""
    monkeypatch.setattr(candidate_keys, "_FIRST_ROWS", 1000)
    found = sniffed(capsys, "id,v\n" + "".join(f"x{n},{n % 3}\n" for n in range(1500)) + late)
    is_unique = not late.startswith("x5,")
    assert ("# Unique in the 1,501 rows that can be read." in found.toml) == is_unique
    assert found.found["rows_superseded"] == (not is_unique)


def test_a_row_that_is_rejected_repeats_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"k{n},{n}.5,{'yes' if n % 2 else 'no'}\n" for n in range(200))
    found = sniffed(capsys, f"id,v,is_b\n{rows}k5,?,yes\nk6,1,maybe\n")
    assert (found.reasons, found.found["rows_superseded"]) == ({"bad_number": 1, "bad_boolean": 1}, 0)
    assert "# Unique in the 200 rows that can be read." in found.toml


def test_numbers_spelled_otherwise_are_one_key(capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{n},000.0;a\n{n}000.0;b\n".replace(".0", "") for n in range(1, 30))
    found = sniffed(capsys, "id;t;x\n" + rows.replace(";a", ";a;1,000.5").replace(";b", ";b;1,000,000.5"))
    assert found.found["rows_superseded"] == 0 or "Unique in the" not in found.toml
