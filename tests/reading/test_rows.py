"""A block of records becomes text columns and faults; every record is exactly one of the two, in its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import Reason
from ingest.feeds.dialect import Csv
from ingest.reading.grammar import Grammar
from ingest.reading.parse import Layout, parse_rows
from ingest.reading.rows import Rows


def rows_of(data: bytes, columns: str = "ab", csv: Csv | None = None) -> Rows:
    csv = csv or Csv()
    return parse_rows(data, Layout(tuple(columns), csv, Grammar(csv)))


def cells(rows: Rows) -> list[tuple[str | None, ...]]:
    return [tuple(row.values()) for row in rows.table.to_pylist()]


def places(rows: Rows) -> list[int]:
    return [rows.record_of(row) for row in range(rows.table.num_rows)]


def faults(rows: Rows) -> list[tuple[int, str]]:
    return [(fault.record, fault.reason) for fault in rows.faults]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n\r\n\n", []),
        (b"1,2\n3,4\n", [("1", "2"), ("3", "4")]),
        (b"1,2\r\n3,4", [("1", "2"), ("3", "4")]),
        (b"1,2\r3,4\r", [("1", "2"), ("3", "4")]),
        (b'"1\n1","2,""2"\n', [("1\n1", '2,"2')]),
        (b'x"y, z \n', [('x"y', " z ")]),
        ("ü,😀\n".encode(), [("ü", "😀")]),
        (b"007,1.10\nTrue,2026-01-01\n", [("007", "1.10"), ("True", "2026-01-01")]),
    ],
)
def test_cells_are_text_as_it_stands_in_the_file(data: bytes, expected: list[tuple[str, str]]) -> None:
    rows = rows_of(data)
    assert cells(rows) == expected
    assert rows.record_count == len(expected)
    assert rows.faults == []


@pytest.mark.parametrize("data", [b"1", b'"1"', b"1\n", b"\n1", b"\r\n1\r\n"])
def test_one_lonely_cell_is_a_row(data: bytes) -> None:
    assert cells(rows_of(data, "a")) == [("1",)]


def test_blank_lines_are_skipped_but_an_empty_quoted_cell_is_a_record() -> None:
    rows = rows_of(b'\n1\n\n\n""\n\r\n2\n\n', "a", Csv(quoted_nulls=False))
    assert cells(rows) == [("1",), ("",), ("2",)]
    assert places(rows) == [0, 1, 2]


def test_null_byte_and_spaces_are_text() -> None:
    assert cells(rows_of(b"a\0b, \n")) == [("a\0b", " ")]


@pytest.mark.parametrize(
    ("csv", "expected"),
    [
        (Csv(), [(None, "NA"), (None, "NULL"), ("-", None)]),
        (Csv(null_values=()), [("", "NA"), ("", "NULL"), ("-", "")]),
        (Csv(null_values=("NULL", "-")), [("", "NA"), ("", None), (None, "")]),
        (Csv(quoted_nulls=False), [(None, "NA"), ("", "NULL"), ("-", None)]),
        (Csv(null_values=("NULL", "", "NA"), quoted_nulls=False), [(None, None), ("", "NULL"), ("-", None)]),
    ],
)
def test_only_what_the_feed_calls_null_is_null(csv: Csv, expected: list[tuple[str | None, str | None]]) -> None:
    assert cells(rows_of(b',NA\n"","NULL"\n-,\n', csv=csv)) == expected


RAGGED = b'1,2\n3\n4,5\n\n6,7,8\n9,"\n0"\n"x\ny"\n,,,\nlast'


def test_ragged_records_are_rejected_with_their_place_and_cell_count() -> None:
    rows = rows_of(RAGGED)
    assert cells(rows) == [("1", "2"), ("4", "5"), ("9", "\n0")]
    assert places(rows) == [0, 2, 4]
    assert faults(rows) == [(record, Reason.RAGGED_ROW) for record in (1, 3, 5, 6, 7)]
    assert [fault.message for fault in rows.faults] == [
        f"the record has {count} cell(s), the header has 2" for count in (1, 3, 1, 4, 1)
    ]
    assert rows.record_count == 8


@pytest.mark.parametrize(
    ("data", "csv", "is_advised"),
    [
        (b"1,2,\n3,4,\r\n", Csv(), True),
        (b"1;2;\n3;4;\n", Csv(delimiter=";", header="none"), True),
        (b"1,2,3\n", Csv(), False),
        (b"1,2,,\n", Csv(), False),
    ],
)
def test_a_delimiter_at_the_end_of_a_record_is_named_with_what_leaves_it_out(
    data: bytes, csv: Csv, is_advised: bool
) -> None:
    assert {'ragged = "trim"' in fault.message for fault in rows_of(data, csv=csv).faults} == {is_advised}
    assert rows_of(data, csv=csv.changed(ragged="trim")).faults == []


def test_short_records_are_padded_with_nulls_where_they_stand() -> None:
    rows = rows_of(RAGGED, csv=Csv(ragged="pad", null_values=()))
    assert cells(rows) == [("1", "2"), ("3", None), ("4", "5"), ("9", "\n0"), ("x\ny", None), ("last", None)]
    assert places(rows) == [0, 1, 2, 4, 5, 7]
    assert faults(rows) == [(3, Reason.RAGGED_ROW), (6, Reason.RAGGED_ROW)]


def test_long_records_are_trimmed_where_they_stand() -> None:
    rows = rows_of(RAGGED, csv=Csv(ragged="trim", null_values=()))
    assert cells(rows) == [("1", "2"), ("4", "5"), ("6", "7"), ("9", "\n0"), ("", "")]
    assert places(rows) == [0, 2, 3, 4, 6]
    assert faults(rows) == [(1, Reason.RAGGED_ROW), (5, Reason.RAGGED_ROW), (7, Reason.RAGGED_ROW)]


def test_fixed_cells_are_null_by_the_same_rules() -> None:
    rows = rows_of(b'NULL\n"NULL"\n1,,3\n', csv=Csv(ragged="pad", null_values=("NULL",), quoted_nulls=False))
    assert cells(rows) == [(None, None), ("NULL", None)]


def test_a_record_in_another_encoding_is_rejected_alone() -> None:
    rows = rows_of(b"1,2\n\n3,\xff\n4,5\n\xc3,6\n7,\xc3\xbc\n", csv=Csv(encoding="cp1252"))
    assert cells(rows) == [("1", "2"), ("4", "5"), ("7", "ü")]
    assert places(rows) == [0, 2, 4]
    assert faults(rows) == [(1, Reason.BAD_ENCODING), (3, Reason.BAD_ENCODING)]
    assert rows.faults[0].message == "the record holds bytes that are not valid cp1252 text"


def test_bad_bytes_in_a_quoted_cell_take_all_lines_of_their_record() -> None:
    rows = rows_of(b'1,"\n\xff\n"\n2,3\n')
    assert (cells(rows), places(rows)) == ([("2", "3")], [1])
    assert faults(rows) == [(0, Reason.BAD_ENCODING)]


def test_half_a_character_in_each_of_two_records_is_not_one_character() -> None:
    rows = rows_of(b"1,\xc3\n\xbc,2\n")
    assert faults(rows) == [(0, Reason.BAD_ENCODING), (1, Reason.BAD_ENCODING)]


def test_faults_of_both_kinds_are_reported_in_file_order() -> None:
    rows = rows_of(b"1\n\xff,1\n2,2\n3\n\xff\n4,4")
    assert (cells(rows), places(rows)) == ([("2", "2"), ("4", "4")], [2, 5])
    assert faults(rows) == [
        (0, Reason.RAGGED_ROW),
        (1, Reason.BAD_ENCODING),
        (3, Reason.RAGGED_ROW),
        (4, Reason.BAD_ENCODING),
    ]


def test_a_block_of_nothing_but_bad_encoding_has_no_rows() -> None:
    rows = rows_of(b"\xff,1\n\xfe,2")
    assert (cells(rows), rows.record_count) == ([], 2)


def test_columns_may_be_called_anything() -> None:
    names = ("", "a", "b.c", "ü\n", "0")
    rows = parse_rows(b"1,2,3,4,5\n6\n", Layout(names, Csv(ragged="pad"), Grammar(Csv())))
    assert rows.table.column_names == list(names)
    assert rows.table.to_pylist()[1] == {"": "6", "a": None, "b.c": None, "ü\n": None, "0": None}


CELL = st.text(alphabet='ab"\n\r, ü', max_size=4)


@given(
    records=st.lists(st.tuples(st.lists(CELL, min_size=1, max_size=5), st.booleans()), max_size=15),
    ragged=st.sampled_from(["reject", "pad", "trim"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    final=st.booleans(),
)
def test_every_record_is_a_row_or_a_fault_in_its_place(
    records: list[tuple[list[str], bool]], ragged: str, line_end: str, final: bool
) -> None:
    """Against a model of ten lines. Records marked bad get a byte that is not UTF-8; line ends stand between all."""
    lines, expected, lost = [], [], []
    for number, (values, bad) in enumerate(records):
        line = ",".join('"' + value.replace('"', '""') + '"' for value in values).encode()
        lines.append(b'"\xff' + line[1:] if bad else line)
        short, long = len(values) < 3, len(values) > 3
        if bad or (short and ragged != "pad") or (long and ragged != "trim"):
            lost.append((number, Reason.BAD_ENCODING if bad else Reason.RAGGED_ROW))
        else:
            expected.append((number, (*values, None, None)[:3]))
    data = line_end.encode().join(lines) + (line_end.encode() if final else b"")
    rows = rows_of(data, "abc", Csv(ragged=ragged, null_values=()))  # type: ignore[arg-type]
    assert list(zip(places(rows), cells(rows), strict=True)) == expected
    # A ragged record with line breaks in its cells may look as if it had swallowed rows.
    ragged_or_swallowed = {Reason.SWALLOWED_ROWS: Reason.RAGGED_ROW}
    assert [(number, ragged_or_swallowed.get(reason, reason)) for number, reason in faults(rows)] == lost
    assert rows.record_count == len(records)
