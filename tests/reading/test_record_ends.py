"""What ends records and files, and what joined files leave inside: each ends as its sender meant it, or is named."""

from pathlib import Path
from typing import Any

import pytest

from ingest.errors import BadHeader, FileFault, NotCsv
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.feeds.parse import parse_feeds
from ingest.ledger.row_counts import RowCounts
from ingest.reading.text_reader import without_footer
from ingest.rejects.reject import Reject, RejectFormat, raw_record, read_json_lines
from ingest.worker.load import Load, Sizes
from tests.support.fakes import FakeTable, RecordingRejects, reading

CASES = Path(__file__).parent / "cases"
EBCDIC = ("id,v\x85" + "".join(f"{n},val{n}\x85" for n in range(5000))).encode("cp037")
NAMED = {"header": ("id", "v")}


def loaded(
    data: bytes, feed: Feed, portion: int = 1000, block_bytes: int | None = None
) -> tuple[dict[str, Any], list[Reject], RowCounts]:
    table, rejects = FakeTable(), RecordingRejects()
    load = Load(feed=feed, writer=table, rejects=rejects, sizes=Sizes(block=block_bytes))
    row_counts = load.run(reading(data, portion))
    return {item["id"]: item.get("v") for item in table.items.values()}, rejects.taken, row_counts


def feed_of(**csv: Any) -> Feed:
    return Feed("f/", "Table", "id", csv=Csv(**csv))


def case(name: str, more: str = "") -> Feed:
    return parse_feeds(f"{(CASES / name).read_text()}\n{more}").feeds["t"]


# --- what ends records ---


@pytest.mark.parametrize("portion", [301, 1000, 100_000])
def test_a_mainframes_file_is_refused_with_its_record_end_named_and_read_with_it_set(portion: int) -> None:
    with pytest.raises(NotCsv, match=r"NEL \(U\+0085\).*line_end = \"\\u0085\"") as caught:
        loaded(EBCDIC, case("ebcdic_nel_many.toml"), portion)
    advice = str(caught.value).split("; set ")[1].removesuffix(" in the feed's csv section.")
    values, rejects, row_counts = loaded(EBCDIC, case("ebcdic_nel_many.toml", advice), portion, 512)
    assert (row_counts.rows_written, row_counts.bytes_read, rejects) == (5000, len(EBCDIC), [])
    assert values["4999"] == "val4999"


JOINED = [
    ("id;v\x1e1;a\x1e2;b\x1e", {"delimiter": ";"}, "RS"),
    ("id\x1fv\x1e1\x1fa", {"delimiter": "\x1f"}, "RS"),
    ("id,v~1,a~2,b~", {}, "'~'"),
    ("id,v\u20281,a\u20282,b", {}, "LINE SEPARATOR"),
    ("id,v\f1,a\f2,b\f\n", {}, "FF"),
    ("id,v\x851,a\x852,b\x85\nc\x85", {}, "NEL"),  # and a cell with a line end
    ("id\x0b1\x0b2", {}, "VT"),
    ("\n\n" + "id,v~" + "1,a~" * 1000, {}, "'~'"),
    ("a title\nid,v^1,a^2,b^", {"skip_lines": 1}, "'^'"),
    ('"id","v"\x1e"1","a"\x1e"2","b"\x1e', {}, "RS"),
    ("1,a\x1e2,b\x1e", {"header": "none"}, "RS"),
    ("1,a~2,b~3,c~", NAMED, "'~'"),
    ("a\x1eb\x1ec", {"header": "none", "names": ("id",)}, "RS"),
    ("1~2~3" * 300_000, NAMED, "no line end"),
    ("id~1~2" * 300_000, {}, "no line end"),
    ("id,v~" + "1,a~" * 300_000, {}, "'~'"),
    ("1,a~" * 300_000, {"header": "none"}, "'~'"),
]


@pytest.mark.parametrize(("text", "csv", "name"), JOINED, ids=[f"{n}" for n in range(len(JOINED))])
@pytest.mark.parametrize("portion", [3, 100_000])
def test_a_file_without_line_ends_is_refused_with_what_ends_its_records(
    text: str, csv: dict[str, Any], name: str, portion: int
) -> None:
    with pytest.raises(NotCsv, match=name.replace("^", r"\^")) as caught:
        loaded(text.encode(), feed_of(**csv), max(portion, len(text) // 30))
    assert "line_end" in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("text", "csv", "rows"),
    [
        ("id,v", {}, 0),
        ("id,price~net,a~b", {}, 0),
        ("id,v\n1,a~2,b~3,c~\n", {"ragged": "trim"}, 1),
        ("id,a\x85b\n1,x\n", {}, 1),
        ("id,v~1,a~2,b~", {"line_end": "\n"}, 0),  # whoever sets it knows
        ("1,a", {"header": "none", "names": ("id", "v")}, 1),
        ("1,a~b", NAMED, 1),
        ("1,a\x1eb\n", NAMED, 1),
        ("1,a\u2028b", NAMED, 1),
        ("a\x1eb\x1ec\x1e\n", {"header": "none", "names": ("id",)}, 1),
        ("1,a~2,b~3,c\n2,x\n", {"ragged": "trim", **NAMED}, 2),
    ],
)
def test_a_file_with_line_ends_or_of_one_record_is_not(text: str, csv: dict[str, Any], rows: int) -> None:
    for portion in (1, 1000):
        assert loaded(text.encode(), feed_of(**csv), portion)[2].rows_read == rows


def test_a_header_name_longer_than_any_attributes_is_refused() -> None:
    for names in ((), ("id", "v")):
        with pytest.raises(NotCsv, match="a name of 65,536 bytes"):
            loaded(b"id," + b"x" * 65_536 + b"\n1,a\n", feed_of(names=names))
        loaded(b"id," + b"x" * 65_535 + b"\n", feed_of(names=names))


def test_other_line_ends_are_part_of_cells_and_a_record_with_no_character_is_a_reject() -> None:
    data = "id,v~1,a\r\nb\rc\n~2,\U0010ffff~3,~".encode()
    values, rejects, row_counts = loaded(data, feed_of(line_end="~", null_values=()), 2, 64)
    assert values == {"1": "a\r\nb\rc\n", "3": ""}
    assert [(reject.reason, reject.raw, reject.line) for reject in rejects] == [
        ("bad_encoding", "2,\U0010ffff~".encode(), 3)
    ]
    assert row_counts.bytes_read == len(data)


@pytest.mark.parametrize(
    ("csv", "value"),
    [
        ({"line_end": "\n"}, "x\ry"),
        ({"line_end": "\r"}, "x\ny"),
        ({"line_end": "\0"}, "x\r\ny"),
        ({"line_end": "\u2028", "delimiter": "§", "quote": "þ"}, "x\n\x01y"),
        ({"line_end": "\x01", "delimiter": "§"}, "x\x02\ny"),
        ({"line_end": "\x1e", "comment": "#"}, "x\n#y"),
    ],
)
def test_any_character_may_end_records_beside_any_marks(csv: dict[str, Any], value: str) -> None:
    dialect = Csv(**csv)
    rows = [("id", "v"), ("1", value), ("2", "z")]
    text = "".join(dialect.delimiter.join(row) + dialect.line_end for row in rows)
    for portion in (1, 5, 1000):
        assert loaded(text.encode(), feed_of(**csv), portion)[0] == {"1": value, "2": "z"}


def test_quotes_comments_and_footers_are_read_as_with_other_line_ends() -> None:
    text = '# it\'s "new~id,v~1,"a~b\nc"~#,~2,x"~3,"y"z~~TRL~~'
    values, rejects, _ = loaded(text.encode(), feed_of(line_end="~", comment="#", footer_lines=1), 4, 64)
    assert values == {"1": "a~b\nc", "2": 'x"'}
    assert [(reject.reason, reject.line, reject.raw) for reject in rejects] == [("bad_quote", 7, b'3,"y"z~')]


def test_a_null_key_of_such_a_file_is_shown_as_it_stands_there() -> None:
    for csv in ({"line_end": "~"}, {"line_end": "\x85", "encoding": "cp037"}):
        dialect = Csv(**csv)
        text = "id,v~NULL,a\r~".replace("~", dialect.line_end).encode(dialect.encoding)
        _, (reject,), _ = loaded(text, feed_of(null_values=("NULL",), **csv))
        assert (reject.reason, reject.value) == ("empty_key", "NULL")


@pytest.mark.parametrize(
    ("line_end", "encoding"), [("\x85", "cp037"), ("~", "utf-8"), ("\u2028", "utf-16"), ("", "cp1252")]
)
def test_a_csv_of_rejects_ends_its_records_as_the_file_does(line_end: str, encoding: str) -> None:
    csv = Csv(line_end=line_end, encoding=encoding, footer_lines=1)
    written = RejectFormat("a.csv", b"id,v", csv)
    reject = Reject(2, 5, "ragged_row", "", None, None, b"1")
    text = written.csv_head() + written.csv_record(reject) + written.csv_foot()
    end = line_end or "\n"
    assert text == f"id,v{end}1{end}-{end}".encode(encoding)
    (document,) = read_json_lines(written.json_line(reject))
    assert raw_record(document, encoding, line_end) == f"1{end}".encode(encoding).removeprefix("".encode(encoding))
    assert written.about().get("line-end") == (str(ord(line_end)) if line_end else None)


# --- what ends files ---


def test_a_trailer_above_blank_lines_is_a_footer() -> None:
    data = (CASES / "footer_trailing_blank.csv").read_bytes()
    for portion in (1, 3, 1000):
        assert loaded(data, case("footer_trailing_blank.toml"), portion)[0] == {"1": "a", "2": "b"}


@pytest.mark.parametrize(
    ("end", "lines"),
    [
        ("TRL,2", 1),
        ("TRL,2\n\n\n", 1),
        ("TRL,2\r\n\r\n\r\r\n", 1),
        ("-\nTRL,2\n\n", 2),
        ("-\n\nTRL,2\n", 3),  # a blank line between lines of a footer is one
        ("TRL,2\n\x1a", 1),
        ("TRL,2\x1a", 1),
        ("TRL,2\n\n\x1a\x1a", 1),
        ("TRL,2" + "\n" * 10_000, 1),
    ],
)
def test_what_is_blank_below_a_footer_does_not_count(end: str, lines: int) -> None:
    for portion in (1, 4, 100_000):
        values, rejects, _ = loaded(
            f"id,v\n1,a\n\n2,b\n{end}".encode(), feed_of(footer_lines=lines), max(portion, len(end) // 99)
        )
        assert (values, rejects) == ({"1": "a", "2": "b"}, [])


def test_blank_lines_without_end_are_not_held_for_a_footer() -> None:
    with pytest.raises(NotCsv, match="16,777,216 bytes of blank lines"):
        list(without_footer(iter([b"id\n1\n", *[b"\n" * 1024 * 1024] * 17, b"TRL\n"]), 1))


@pytest.mark.parametrize("block_bytes", [24, 4096])
@pytest.mark.parametrize(
    ("data", "values"),
    [
        (b"id,v\r\n1,a\r\n2,b\r\n\x1a", {"1": "a", "2": "b"}),
        (b"id,v\n1,a\n2,b\x1a", {"1": "a", "2": "b"}),
        (b'id,v\n1,a\n2,"b"\x1a\x1a\x1a', {"1": "a", "2": "b"}),
        (b"id,v\n1,a\n2,\x1ab\n3,c\x1a\n", {"1": "a", "2": "\x1ab", "3": "c\x1a"}),  # it does not end the file there
        (b"id,v\x1a", {}),
        (b"id,v\n\x1a", {}),
        (b"id,v\n\n\n\x1a\x1a", {}),
    ],
)
def test_ctrl_z_at_the_end_of_a_file_is_left_out_and_counted(
    data: bytes, values: dict[str, str], block_bytes: int
) -> None:
    for portion in (1, 3, 1000):
        found, rejects, row_counts = loaded(data, feed_of(), portion, block_bytes)
        assert (found, rejects, row_counts.bytes_read) == (values, [], len(data))


def test_ctrl_z_is_a_mark_where_a_feed_says_so_and_a_file_of_nothing_else_is_empty() -> None:
    assert loaded(b"id\x1av\n1\x1a", feed_of(delimiter="\x1a", null_values=()))[0] == {"1": ""}
    assert loaded(b"id,v\x1a1,a\x1a", feed_of(line_end="\x1a"))[0] == {"1": "a"}
    assert loaded("id,v\x851,a\x85\x1a".encode("cp037"), feed_of(encoding="cp037", line_end="\x85"))[0] == {"1": "a"}
    assert loaded(b"\x1a", feed_of(**NAMED))[2].rows_read == 0
    with pytest.raises(FileFault, match="is empty"):
        loaded(b"\x1a", feed_of())


# --- what joined files leave inside ---

BOM = "\ufeff".encode()


@pytest.mark.parametrize("policy", ["reject", "skip"])
def test_a_header_inside_a_file_is_not_an_item(policy: str) -> None:
    data = (CASES / "header_repeated.csv").read_bytes()
    feed = case("header_repeated.toml", f'[feeds.t.csv]\nrepeated_header = "{policy}"')
    assert feed.csv.repeated_header == policy
    values, rejects, row_counts = loaded(data, feed)
    assert values == {"1": "a", "2": "b"}
    expected = [("repeated_header", 3, b"id,v\n")] if policy == "reject" else []
    assert [(reject.reason, reject.line, reject.raw) for reject in rejects] == expected
    assert row_counts.rows_read == 2 + len(expected)
    assert case("header_repeated.toml").csv.repeated_header == "reject"


@pytest.mark.parametrize(
    ("data", "csv"),
    [
        (b'id,v\n1,a\n"id","v"\r\n2,b\n', {}),
        (b"id,v\r\n1,a\r\n" + BOM + b"id,v\r\n2,b\r\n", {}),
        (BOM + b'"id","v"\n1,a\n' + BOM + b'"id","v"\n2,b\n', {}),
        (b"id,v\nid,v\nid,v\n1,a\n2,b\nid,v", {}),
        (b"id,v\n1,a\nid,v\n2,b\n", NAMED),
        (b"1,a\nid,v\n2,b\n", NAMED),
        (b"1,a\nid,v\n2,b\n", {"header": "none", "names": ("id", "v")}),
        (b"ID,Value\n1,a\nID,Value\n2,b\n", {"names": ("id", "v")}),
        (b"id,\n,v\n1,a\nid,\n,v\n2,b\n", {"header": 2}),
        (b" id , v \n1,a\nid,v\n2,b\n", {"trim": True}),
        (b'id, "v"\n1,a\nid, "v"\n2,b\n', {"blanks_around_quotes": True}),
        (b"id,v\n1,a\n# x\nid,v\n2,b\n", {"comment": "#"}),
        (b"id,v\n1,a\nid,v\n2,b\nTRL,2\n", {"footer_lines": 1}),
        (b"id,v\n1,a\nid,v\n2,b\n", {"null_values": ("", "v")}),
        (b"id;v;\n1;a\nid;v;\n2;b\n", {"delimiter": ";", "header": ("id", "v", "w"), "ragged": "pad"}),
        (b"id;v\n1;a;x\nid;v\n2;b;x\n", {"delimiter": ";", "header": ("id", "v", "w")}),
        (b"id;v;\n1;a\nid;v;\n2;b\n", {"delimiter": ";", "names": ("id", "v")}),
        (b"id,v\x1e1,a\x1eid,v\x1e2,b\x1e", {"line_end": "\x1e"}),
        ("id§v\n1§a\nid§v\n2§b\n".encode(), {"delimiter": "§"}),
        ("\ufeffid,v\n1,a\n\ufeffid,v\n2,b\n".encode("utf-16-le"), {"encoding": "utf-16-le"}),
    ],
)
@pytest.mark.parametrize("policy", ["reject", "skip"])
def test_a_repeated_header_is_recognised_however_the_feed_knows_it(
    data: bytes, csv: dict[str, Any], policy: str
) -> None:
    for portion, block_bytes in ((1, 64), (1000, 4096)):
        values, rejects, _ = loaded(data, feed_of(repeated_header=policy, **csv), portion, block_bytes)
        assert values == {"1": "a", "2": "b"}
        assert {reject.reason for reject in rejects} <= ({"repeated_header"} if policy == "reject" else set())
        assert bool(rejects) == (policy == "reject") or csv.get("header") == 2


@pytest.mark.parametrize(
    ("data", "values"),
    [
        (b"id,v\nid,x\nv,id\nid,\n", {"id": None, "v": "id"}),
        (b'id,v\n1,"id,v"\n2,"\nid,v\n"\n', {"1": "id,v", "2": "\nid,v\n"}),
        (b"id,v\nID,V\n", {"ID": "V"}),
    ],
)
def test_a_row_that_is_only_like_the_header_is_a_row(data: bytes, values: dict[str, str | None]) -> None:
    assert loaded(data, feed_of())[:2] == (values, [])


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\x1e"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_byte_order_mark_before_a_record_does_not_belong_to_its_key(encoding: str, line_end: str) -> None:
    lines = ["id,v", '\ufeff1,"a\nb"', '\ufeff"2,""2",c', "\ufeff", "\ufeff\ufeff3,d", "4,\ufeffe", '5,"', '\ufeff"']
    text = "".join(line + line_end for line in lines)
    own = line_end if line_end == "\x1e" else ""
    for portion, block_bytes in ((1, 90), (7, 4096)):
        feed = feed_of(encoding=encoding, line_end=own)
        values, rejects, row_counts = loaded(text.encode(encoding), feed, portion, block_bytes)
        inner = f"{line_end}\ufeff"
        assert values == {"1": "a\nb", '2,"2': "c", "3": "d", "4": "\ufeffe", "5": inner}
        assert (rejects, row_counts.bytes_read) == ([], len(text.encode(encoding)))


def test_the_quotes_of_a_record_behind_a_byte_order_mark_are_looked_at() -> None:
    data = b"id,v\n1,a\n" + BOM + b'"2"x,b\n' + BOM + b'"3,c\n4,d\n'
    for block_bytes in (24, 4096):
        values, rejects, _ = loaded(data, feed_of(), 5, block_bytes)
        assert values == {"1": "a", "4": "d"}
        assert [(reject.reason, reject.line) for reject in rejects] == [("bad_quote", 3), ("unterminated_quote", 4)]
    values, rejects, _ = loaded(data, feed_of(quoting="lenient"), 5, 4096)
    assert (values, rejects) == ({"1": "a", "2x": "b", '"3': "c", "4": "d"}, [])


def test_a_header_that_is_not_repeated_whole_is_a_bad_header_at_the_top_only() -> None:
    with pytest.raises(BadHeader, match="twice"):
        loaded(b"id,id\n1,a\n", feed_of())


def test_a_headers_comment_character_is_not_what_ends_its_records() -> None:
    data = "id,v§,x§,c\n1,2,3,4\n".encode()
    assert loaded(data, Feed("f/", "Table", "id", csv=Csv(comment="§")))[2].rows_written == 1
    with pytest.raises(NotCsv, match="§"):
        loaded("id,v§a,x§b,c".encode(), feed_of())
