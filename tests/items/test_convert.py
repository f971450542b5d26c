"""Numbers stay exact text within DynamoDB's limits; yes and no become booleans; everything else is reported."""

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

import pyarrow as pa
import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import Reason
from ingest.feeds.column import FALSE_WORDS, TRUE_WORDS, Column
from ingest.items.columns import ConvertedColumn
from ingest.items.convert import convert
from ingest.items.mapping import Target
from ingest.items.numbers import canonical_number

EXACT = Context(prec=10_000, Emax=MAX_EMAX, Emin=MIN_EMIN)


def converted(*cells: str | None, kind: str = "N", null: str = "omit") -> ConvertedColumn:
    return convert(pa.array(cells, pa.string()), Target("c", "c", Column(kind, null=null)))  # type: ignore[arg-type]


def reasons(typed: ConvertedColumn) -> list[tuple[int, str]]:
    return [(bad.row, bad.reason) for bad in typed.bad]


@pytest.mark.parametrize(
    "cell",
    [
        *("1", "+1", "-1", "0", "-0", "+0", ".5", "-.5", "1.", "007", "0.10", "1e5", "1E+5", "-1.5e-5", ".5e1", "1.e1"),
        *("9" * 38, "-" + "9" * 38, "0." + "9" * 38, "1E-130", "9.9E+125", "9." + "9" * 37 + "E125"),
        *("0" * 500 + "1", "1" + "0" * 125, "0." + "0" * 129 + "1", "1" * 38 + "0" * 60, "1." + "0" * 100),
        *("0e99999", "0e99999999999", "-0e-99999999999999999999999", "0." + "0" * 50, "1e0000000000000000000005"),
    ],
)
def test_a_number_keeps_its_value_and_dynamodb_takes_it(cell: str) -> None:
    typed = converted(cell)
    assert typed.bad == []
    text = typed.values[0].as_py()
    assert Decimal(text) == (0 if cell.startswith(("0e", "-0e")) else EXACT.create_decimal(cell))
    assert TypeSerializer().serialize(Decimal(text))["N"]


@pytest.mark.parametrize(
    "cell", ["1", "+1", ".5", "1.", "007", "-0", "1.10", "9" * 38, "0.1234567890123456789012345678"]
)
def test_a_plain_number_is_not_respelled(cell: str) -> None:
    assert converted(cell).values.to_pylist() == [cell]


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "NaN",
            "nan",
            "sNaN",
            "Infinity",
            "-inf",
            "1_000",
            "1,000",
            "1.000,5",
            " 1",
            "1 ",
            "1\n",
            "\n1",
            "\t1",
            "1\0",
        ),
        *("", " ", "+", "-", ".", "e", "e1", "1e", "1e+", "1e1.5", "--1", "+-1", "1-", "0x10", "1f", "1L", "½", "²"),
        *("١", "１", "1\u00a0", "−1", "1e١", "12345678901234567890123456789012345678١", "true", "1..2", "1.2.3"),
    ],
)
def test_a_cell_that_is_not_a_plain_number_is_a_bad_number(cell: str) -> None:
    typed = converted("1", cell)
    assert reasons(typed) == [(1, Reason.BAD_NUMBER)]
    assert typed.bad[0].message.startswith("not a valid number")


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "9" * 39,
            "1" + "0" * 37 + "1",
            "0." + "1" * 39,
            "1." + "0" * 38 + "1",
            "-" + "1" * 39,
            "1." + "1" * 38 + "e5",
        ),
        *("1e126", "-1e126", "10E125", "1E-131", "0.1E-130", "1" + "0" * 126, "0." + "0" * 130 + "1"),
        *("1e999999999", "1e9999999999", "-1e-9999999999", "0.1e99999999999999999999", "1e" + "9" * 500),
        pytest.param("1." + "0" * 1_200_000 + "1", id="1.2 million zeros and a one"),
        pytest.param("7" * 3_000_000, id="3 million digits"),
    ],
)
def test_what_dynamodb_would_round_or_refuse_is_out_of_range(cell: str) -> None:
    typed = converted(cell, "1")
    assert reasons(typed) == [(0, Reason.NUMBER_OUT_OF_RANGE)]
    assert len(typed.bad[0].message) < 100


def test_digits_and_range_are_reported_apart() -> None:
    assert converted("9" * 39).bad[0].message == "number has 39 significant digits; DynamoDB allows at most 38"
    assert converted("1e126").bad[0].message == "number outside DynamoDB's range (1E-130 to 9.9E+125)"


def test_each_bad_cell_is_reported_and_the_others_stay() -> None:
    typed = converted("1", "x", None, "1e200", "2e1", "", "3")
    assert sorted(reasons(typed)) == [(1, Reason.BAD_NUMBER), (3, Reason.NUMBER_OUT_OF_RANGE), (5, Reason.BAD_NUMBER)]
    assert [typed.values[row].as_py() for row in (0, 2, 4, 6)] == ["1", None, "2E+1", "3"]


DIGITS = st.text("0123456789", max_size=60)
NUMBERS = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "+", "-"]),
    DIGITS,
    st.sampled_from(["", "."]),
    DIGITS,
    st.one_of(st.just(""), st.builds("{}{}".format, st.sampled_from("eE"), st.integers(-200, 200))),
)


@given(st.lists(st.one_of(NUMBERS, st.text(alphabet="0123456789.-+eE_ ١n", max_size=8)), min_size=1, max_size=8))
def test_numbers_are_judged_as_exact_decimal_arithmetic_judges_them(cells: list[str]) -> None:
    typed = converted(*cells)
    reported = dict(reasons(typed))
    for row, cell in enumerate(cells):
        assert reported.get(row) == expected_reason(cell), cell
        if row not in reported:
            value = Decimal(typed.values[row].as_py())
            assert value == EXACT.create_decimal(cell)
            assert EXACT.create_decimal(canonical_number(cell)) == value


def expected_reason(cell: str) -> str | None:
    if not cell.isascii() or set(cell) - set("0123456789.+-eE"):
        return Reason.BAD_NUMBER
    try:
        number = EXACT.create_decimal(cell).normalize(EXACT)
    except ArithmeticError:
        return Reason.BAD_NUMBER
    if not number:
        return None
    fits = len(number.as_tuple().digits) <= 38 and -130 <= number.adjusted() <= 125
    return None if fits else Reason.NUMBER_OUT_OF_RANGE


@given(st.lists(NUMBERS, min_size=2, max_size=2))
def test_equal_numbers_and_only_they_share_the_canonical_spelling(cells: list[str]) -> None:
    try:
        first, second = map(EXACT.create_decimal, cells)
    except ArithmeticError:
        return
    assert (canonical_number(cells[0]) == canonical_number(cells[1])) is (first == second)


@pytest.mark.parametrize("spelling", ["1", "1.0", "1e0", "+1", "0.1E1", "01.", "10e-1", "1." + "0" * 200])
def test_one_has_many_spellings(spelling: str) -> None:
    assert canonical_number(spelling) == "1"


def test_yes_and_no_in_any_case_are_booleans() -> None:
    words = [*TRUE_WORDS, *FALSE_WORDS, "TRUE", "False", "Yes", "nO"]
    typed = converted(*words, None, kind="BOOL")
    assert typed.values.to_pylist() == [True] * 5 + [False] * 5 + [True, False, True, False, None]
    assert typed.bad == []


@pytest.mark.parametrize("cell", ["", "2", "-1", "1.0", "wahr", "on", " true", "true ", "yes\n", "ＴＲＵＥ", "null"])
def test_any_other_word_is_a_bad_boolean(cell: str) -> None:
    typed = converted("t", cell, kind="BOOL")
    assert reasons(typed) == [(1, Reason.BAD_BOOLEAN)]
    assert "accepted values: true, t, yes" in typed.bad[0].message


def test_strings_are_anything() -> None:
    cells = ["", " ", "NaN", "\0", "ü" * 1000, None]
    typed = converted(*cells, kind="S")
    assert (typed.values.to_pylist(), typed.bad) == (cells, [])


@pytest.mark.parametrize("kind", ["S", "N", "BOOL"])
def test_a_missing_value_is_a_fault_only_where_the_feed_rejects_it(kind: str) -> None:
    assert converted("1", None, kind=kind).bad == []
    assert converted("1", None, kind=kind, null="null").bad == []
    typed = converted("1", None, None, kind=kind, null="reject")
    assert reasons(typed) == [(1, Reason.MISSING_VALUE), (2, Reason.MISSING_VALUE)]
    assert len(typed.values) == 3


def test_null_as_an_empty_string_is_one() -> None:
    assert converted("a", None, kind="S", null="empty").values.to_pylist() == ["a", ""]


def test_a_column_of_nothing_keeps_its_length() -> None:
    for kind in ("S", "N", "BOOL"):
        assert converted(None, None, kind=kind).values.to_pylist() == [None, None]
        assert len(converted(kind=kind).values) == 0
