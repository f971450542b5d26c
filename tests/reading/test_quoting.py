"""What becomes of quotes that go wrong: which records are rejected, which are kept, and what is said of them."""

from typing import Any

import pytest

from ingest.contract import Reason
from ingest.errors import BadHeader
from ingest.feeds.dialect import Csv
from ingest.reading.blocks import Block
from ingest.reading.grammar import Grammar
from ingest.reading.parse import Layout, parse_rows
from tests.reading.test_traps import Outcome, read, values
from tests.support.fakes import opened


def whole(data: bytes, **csv: Any) -> Outcome:
    """Load a file in blocks that hold all of it, and in portions of any size."""
    return read(data, blocks=range(1 + len(data), 4 + len(data)), **csv)


# --- text behind a closing quote ---


@pytest.mark.parametrize(
    ("record", "behind"),
    [
        (b'1,"a "b" c",x\n', "b"),
        (b'1,"C:\\temp"\\,x\n', "\\"),
        (b'1,"5" pipe,x\n', " "),
        (b'1,"M\xc3\xbcller"\xc3\xa4,x\n', "ä"),
        (b'1,""x"",y\n', "x"),
    ],
)
def test_text_behind_a_closing_quote_costs_its_record_and_no_other(record: bytes, behind: str) -> None:
    outcome = whole(b"id,v,w\n0,a,b\n" + record + b"2,c,d\n")
    assert values(outcome) == [("0", "a", "b"), ("2", "c", "d")]
    (reject,) = outcome.rejects
    assert (reject.line, reject.byte_offset, reject.reason, reject.raw) == (3, 13, Reason.BAD_QUOTE, record)
    assert (reject.column, reject.message) == (
        "v",
        f"a quote closes before the end of the cell: behind it stands {behind!r}, not a delimiter or a line end; "
        'double quotes inside a cell, or set quoting = "lenient"',
    )


def test_backslashes_before_quotes_are_rejects_until_the_feed_says_that_they_escape() -> None:
    data = b'id,v,w\n1,"a \\"b\\" c",x\n2,"d,\\"e",y\n3,"C:\\temp\\",z\n4,f,g\n'
    outcome = whole(data)
    assert values(outcome) == [("3", "C:\\temp\\", "z"), ("4", "f", "g")]
    assert all(r'set escape = "\\"' in reject.message for reject in outcome.rejects)
    assert [(reject.line, reject.reason) for reject in outcome.rejects] == [
        (2, Reason.BAD_QUOTE),
        (3, Reason.BAD_QUOTE),
    ]
    assert values(whole(data.replace(b"temp\\", b"temp"), escape="\\"))[:2] == [
        ("1", 'a "b" c', "x"),
        ("2", 'd,"e', "y"),
    ]


def test_a_record_with_such_a_cell_ends_where_it_ends_with_lenient_quoting() -> None:
    """Later cells of the record may be sound, and go over several lines."""
    outcome = whole(b'id,v,w\n1,"a"b,"c\nd"\n2,e,f\n')
    assert values(outcome) == [("2", "e", "f")]
    assert outcome.lost == [(2, Reason.BAD_QUOTE, b'1,"a"b,"c\nd"\n')]


# --- a stray quote ---


def stray_quote(*, last: bytes) -> bytes:
    """Return a file of 1,000 rows: the tenth opens a quote that goes over all rows up to the 900th."""
    rows = {10: b'10,"Box Jump 24,n10\n', 900: last}
    return b"id,title,v\n" + b"".join(rows.get(n, b"%d,plain %d,n%d\n" % (n, n, n)) for n in range(1, 1001))


def test_a_stray_quote_that_closes_before_text_costs_the_line_it_opened_on() -> None:
    """The quote of row 900 closes it before "ok"; read anew from row 11 on, row 900 is as sound as all others."""
    outcome = whole(stray_quote(last=b'900,"ok 900",n900\n'))
    assert outcome.lost == [(11, Reason.BAD_QUOTE, b'10,"Box Jump 24,n10\n')]
    assert outcome.row_counts.rows_written == 999
    assert {"id": "900", "title": "ok 900", "v": "n900"} in outcome.items
    assert "a quote opens in this line and is closed on a later one" in outcome.rejects[0].message


def test_a_stray_quote_costs_a_line_also_where_another_cell_of_it_was_wrong_before() -> None:
    """If only the first fault of a record counted, its end would depend on where one begins to read."""
    outcome = whole(b'id,a,b\n1,"x"y,"z\n2,c,d\n3,e,"f"\n')
    assert outcome.lost == [(2, Reason.BAD_QUOTE, b'1,"x"y,"z\n')]
    assert values(outcome) == [("2", "c", "d"), ("3", "e", "f")]


def test_a_stray_quote_behind_a_sound_cell_of_several_lines_costs_these_lines_too() -> None:
    """They are one record; the line the stray quote opened on is its last."""
    outcome = whole(b'id,a,b\n1,"x\ny","z\n2,c,d\n3,e,"f"\n')
    assert outcome.lost == [(2, Reason.BAD_QUOTE, b'1,"x\ny","z\n')]
    assert values(outcome) == [("2", "c", "d"), ("3", "e", "f")]


def test_a_quote_that_is_never_closed_costs_the_line_it_opened_on_as_a_stray_one_does() -> None:
    outcome = whole(b'id,a,b\n1,"x\ny","z\n2,c,d\n3,e,f')
    assert outcome.lost == [(2, Reason.UNTERMINATED_QUOTE, b'1,"x\ny","z\n')]
    assert values(outcome) == [("2", "c", "d"), ("3", "e", "f")]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_a_stray_quote_costs_one_line_whatever_ends_lines(line_end: bytes) -> None:
    data = line_end.join([b"id,v", b"0,a", b'1,"b', b"2,c", b'3,"d"', b"4,e", b""])
    outcome = whole(data)
    assert outcome.lost == [(3, Reason.BAD_QUOTE, b'1,"b' + line_end)]
    assert values(outcome) == [("0", "a"), ("2", "c"), ("3", "d"), ("4", "e")]


def test_a_comment_is_not_a_cell_and_may_hold_the_text_that_shows_a_quote_to_be_stray() -> None:
    """Without the comment between them, line 2 and line 4 would make one sound record."""
    outcome = whole(b'id,v\n1,"a\n#"x\n2,"\n3,b\n', comment="#")
    assert outcome.lost == [
        (2, Reason.BAD_QUOTE, b'1,"a\n'),
        (4, Reason.UNTERMINATED_QUOTE, b'2,"\n'),
    ]
    assert values(outcome) == [("3", "b")]


def test_a_file_of_stray_quotes_is_read_in_time_by_its_length() -> None:
    """Possessive patterns, and nothing is read anew twice: a million of bytes squared would not come back."""
    for line in (b'a",b,"c\n', b'"a\n', b'"a"b,"\n', b'""x,"\n"\n'):
        data = line * (1_000_000 // len(line))
        reader = opened(b"x,y\n" + data, Csv(header=("a", "b")))
        assert sum(chunk.byte_count for chunk in reader.blocks(reader.start)) == len(data) + 4


# --- rows in a cell ---


def test_a_stray_quote_that_closes_where_a_cell_may_end_is_known_by_the_rows_in_the_cell() -> None:
    outcome = whole(stray_quote(last=b'900,5",n900\n'))
    (reject,) = outcome.rejects
    assert (reject.line, reject.reason, reject.column) == (11, Reason.SWALLOWED_ROWS, "title")
    assert reject.raw.startswith(b'10,"Box') and reject.raw.endswith(b'900,5",n900\n')
    assert "a quoted cell holds 889 lines that have as many cells as the header" in reject.message
    assert outcome.row_counts.rows_written == 109


def test_so_is_one_whose_record_has_another_number_of_cells_than_the_header() -> None:
    data = b'id,a,b\n1,"x,y\n2,c,d\n3,e,f\n4,g"\n5,h,i\n'
    assert [reject.reason for reject in whole(data).rejects] == [Reason.SWALLOWED_ROWS]
    assert [reject.reason for reject in whole(data, ragged="pad").rejects] == [Reason.SWALLOWED_ROWS]


def test_a_block_may_hold_nothing_but_a_record_that_swallowed_rows() -> None:
    outcome = whole(b'id,a\n1,"x\n2,c\n3,d\n4"\n')
    assert (outcome.items, [reject.reason for reject in outcome.rejects]) == ([], [Reason.SWALLOWED_ROWS])


@pytest.mark.parametrize(
    "cell",
    [
        b"x\n2,c,d\ny",  # one line inside
        b"x\n2,c,d\n3,e\ny",  # half of the lines
        b"dear all\nthis, that, and\nmore, of, it, here\nbye",
        b"2,c,d\n3,e,f",  # none inside: both are parts of the cell's own lines
    ],
)
def test_a_cell_of_several_lines_is_a_cell_where_they_do_not_look_like_rows(cell: bytes) -> None:
    assert values(whole(b'id,a,b\n1,"%s",z\n' % cell)) == [("1", cell.decode(), "z")]


def test_in_a_file_of_one_column_each_line_would_look_like_a_row_and_none_does() -> None:
    assert values(whole(b'id\n"1\n2\n3\n4"\n')) == [("1\n2\n3\n4",)]


# --- lenient ---


def test_lenient_quoting_takes_what_strict_rejects() -> None:
    data = b'id,a,b\n1,"x"y,"z\n2,c,d\n3,e,f\n4,""g"h\n'
    assert values(whole(data, quoting="lenient")) == [("1", "xy", 'z\n2,c,d\n3,e,f\n4,"gh')]
    assert [reject.reason for reject in whole(data).rejects] == [Reason.BAD_QUOTE] * 2


@pytest.mark.parametrize("dialect", [{}, {"escape": "\\"}, {"comment": "#"}, {"trim": True}, {"quote": "þ"}])
def test_with_lenient_quoting_a_quote_that_is_never_closed_is_an_ordinary_character(dialect: dict[str, Any]) -> None:
    quote = dialect.get("quote", '"')
    text = 'id,a,b\n0,"p\nq",r\n1,"x"",""y\n2,c,d\n3,e,f'.replace('"', quote)
    outcome = whole(text.encode(), quoting="lenient", **dialect)
    expected = [("0", "p\nq", "r"), ("1", '"x""', "y"), ("2", "c", "d"), ("3", "e", "f")]
    assert values(outcome) == [tuple(cell.replace('"', quote) for cell in row) for row in expected]
    assert outcome.rejects == []


def test_with_lenient_quoting_a_row_that_opens_a_quote_may_still_be_a_reject_for_other_reasons() -> None:
    outcome = whole(b'id,n\n1,2\n3,"4\n5,6\n', quoting="lenient", numbers=("n",))
    assert [(*lost, reject.value) for lost, reject in zip(outcome.lost, outcome.rejects, strict=True)] == [
        (3, Reason.BAD_NUMBER, b'3,"4\n', '"4')
    ]


# --- blanks around quotes ---


@pytest.mark.parametrize("setting", ["trim", "blanks_around_quotes"])
@pytest.mark.parametrize("quoting", ["strict", "lenient"])
def test_a_quote_behind_blanks_opens_a_cell_if_the_feed_says_so(setting: str, quoting: str) -> None:
    data = b'id, name, qty\n1, "Smith, Ann", 3\n2,\t"Jones,\n""Bob""" ,4\n "3" , x "y", 5\n'
    outcome = whole(data, quoting=quoting, names=("id", "name", "qty"), **{setting: True})
    trimmed = setting == "trim"
    assert values(outcome) == [
        ("1", "Smith, Ann", "3" if trimmed else " 3"),
        ("2", 'Jones,\n"Bob"', "4"),
        ("3", 'x "y"' if trimmed else ' x "y"', "5" if trimmed else " 5"),
    ]


def test_without_that_setting_such_a_quote_is_a_letter_and_the_row_ragged() -> None:
    outcome = whole(b'id, name, qty\n1, "Smith, Ann", 3\n', names=("id", "name", "qty"))
    assert [reject.reason for reject in outcome.rejects] == [Reason.RAGGED_ROW]


def test_a_stray_quote_behind_a_blank_costs_its_line() -> None:
    outcome = whole(b'id,v\n1, "a\n2,b\n3, "c"\n4, "d" e\n', trim=True)
    assert outcome.lost == [(2, Reason.BAD_QUOTE, b'1, "a\n'), (5, Reason.BAD_QUOTE, b'4, "d" e\n')]
    assert values(outcome) == [("2", "b"), ("3", "c")]


def test_blanks_inside_quotes_stay_and_a_delimiter_is_not_a_blank() -> None:
    assert values(whole(b'id\tv\n1\t"a\t ""b"" "\n', delimiter="\t", blanks_around_quotes=True)) == [("1", 'a\t "b" ')]


# --- headers ---


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b'id,"na"me,x', "behind it stands 'm'"),
        (b'id,"name,x', "a quote opens in this line"),
        (b'"id",name,"x', "a quote opens in this line"),
    ],
)
def test_a_header_whose_quote_goes_wrong_fails_the_file(header: bytes, message: str) -> None:
    with pytest.raises(BadHeader, match="The header cannot be read") as caught:
        opened(header + b'\n1,"Ann",2\n', Csv())
    assert message in str(caught.value)


def test_so_does_one_that_is_never_closed_and_one_that_has_swallowed_rows() -> None:
    with pytest.raises(BadHeader, match="never closed"):
        opened(b'id,"name\n1,a\n', Csv())
    with pytest.raises(BadHeader, match="has a name with rows of the file in it"):
        opened(b'id,"name,x\n1,a,b\n2,c,d\n3,5",e\n4,f,g\n', Csv())


def test_a_file_without_header_counts_the_columns_of_the_first_record_that_is_sound() -> None:
    outcome = opened(b'1,"Box 24,n1\n2,"a"b,n2\n3,"c\nd",n3\n', Csv(header="none"))
    assert outcome.columns == ("column_1", "column_2", "column_3")
    with pytest.raises(BadHeader, match="No record of the file"):
        opened(b'1,"a\n', Csv(header="none"))
    assert opened(b'1,"a\n', Csv(header=("id", "v"))).columns == ("id", "v")


# --- blocks ---


def test_a_line_given_up_in_a_block_is_known_without_the_block_that_follows() -> None:
    """The text that shows its quote to be stray may stand there; the planner has seen it."""
    csv = Csv(header=("a", "b"))
    layout = Layout(("a", "b"), csv, Grammar(csv))
    rows = parse_rows(b'1,2\n3,"4\n5,6\n', layout)
    assert [(fault.record, fault.reason) for fault in rows.faults] == [(1, Reason.BAD_QUOTE)]
    assert rows.table.to_pylist() == [{"a": "1", "b": "2"}, {"a": "5", "b": "6"}]


def test_a_record_longer_than_allowed_is_not_closed_for_lenient_quoting_either() -> None:
    csv = Csv(header=("a", "b"), quoting="lenient", max_record_bytes=1024)
    reader = opened(b'1,"x\n' + b"2,yyyy\n" * 200 + b'3,"\n', csv, block_bytes=1024)
    first, *others = reader.blocks(reader.start)
    assert isinstance(first, Block) and first.has_open_quote
    assert reader.parse(first).table.to_pylist() == [{"a": "1", "b": '"x'}]
    assert sum(reader.parse(chunk).table.num_rows for chunk in others if isinstance(chunk, Block)) == 201
