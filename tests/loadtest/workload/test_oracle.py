"""The product finds of generated files what the generator foretold: the judge's own trial."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.contract import Reason
from tests.loadtest.workload.found import find, recipe

EVERYTHING = {
    Reason.RAGGED_ROW: 0.03,
    Reason.BAD_NUMBER: 0.03,
    Reason.NUMBER_OUT_OF_RANGE: 0.03,
    Reason.BAD_BOOLEAN: 0.03,
    Reason.BAD_TIMESTAMP: 0.03,
    Reason.BAD_BINARY: 0.03,
    Reason.BAD_SET: 0.03,
    Reason.BAD_JSON: 0.03,
    Reason.BAD_ENCODING: 0.03,
    Reason.MISSING_VALUE: 0.03,
    Reason.EMPTY_KEY: 0.03,
    Reason.KEY_TOO_LONG: 0.03,
}
UNUSUAL = {"quotes": 0.2, "line_breaks": 0.2, "blank_lines": 0.1, "duplicates": 0.3}
GERMAN = {"Umsatz": "uniform:-5:20000:2?0.2", "Ort": "choice:Köln|n/a|Tür; links|5=2", "Text": "text:1:3?0.3"}
MIXED = {
    "quantity": "uniform:-7:12",
    "price": "uniform:-3:9000000:2",
    "city": "zipf:1.1:30000",
    "rank": "zipf:2:10:city ",
    "at": "timestamp:2026-02-01:2026-02-03?0.5",
    "note": "text:1:9?0.2",
}


def test_a_clean_file_of_every_type_is_found_as_foretold() -> None:
    find(recipe("everything", rows=300)).assert_as_foretold()


@pytest.mark.parametrize("quoting", ["needed", "all"])
def test_rows_bad_for_every_reason_are_rejected_for_just_that_reason(quoting: str) -> None:
    found = find(recipe("everything", rows=1200, defects=EVERYTHING | UNUSUAL, quoting=quoting))
    assert set(found.known_outcome.rejected) == set(EVERYTHING)
    assert found.known_outcome.superseded[0] > 100
    found.assert_as_foretold()


def test_cells_and_records_that_are_too_long_are_rejected() -> None:
    long = {Reason.ITEM_TOO_LARGE: 0.01, Reason.RECORD_TOO_LONG: 0.01, Reason.KEY_TOO_LONG: 0.05, "blank_lines": 0.5}
    found = find(recipe("plain", rows=600, defects=long, columns={"note": "text"}, seed=5))
    assert len(found.known_outcome.rejected) == 3
    found.assert_as_foretold()


@pytest.mark.parametrize(
    ("feed", "fields"),
    [
        ("german", {"columns": GERMAN}),
        ("german", {"columns": GERMAN, "quoting": "all", "line_end": "crlf"}),
        (
            "german",
            {"columns": GERMAN, "defects": UNUSUAL | {"bad_number": 0.1, "bad_encoding": 0.2, "ragged_row": 0.1}},
        ),
        ("commas", {"columns": {"price": "uniform:0:1:4", "weight": "uniform:-1000:999999:3"}}),
        ("mainframe", {"defects": {"duplicates": 0.5, "blank_lines": 0.3, "bad_number": 0.2}}),
        ("mainframe", {"compression": "gzip", "key_order": "hot"}),
        ("nameless", {"defects": {"duplicates": 0.5, "ragged_row": 0.2}}),
        ("plain", {"byte_order_mark": True, "quoting": "all"}),
        ("plain", {"columns": MIXED}),
        ("plain", {"columns": MIXED, "quoting": "all", "key_order": "sorted"}),
        ("plain", {"rows": 0}),
        ("plain", {"compression": "bz2"}),
        ("plain", {"compression": "zstd", "size": "100KB"}),
    ],
)
def test_files_of_many_dialects_are_found_as_foretold(feed: str, fields: dict[str, Any]) -> None:
    find(recipe(feed, **({} if "size" in fields else {"rows": 700}) | fields)).assert_as_foretold()


def test_a_file_of_several_blocks_is_found_as_foretold() -> None:
    find(recipe("plain", rows=20_000, columns=MIXED, defects=UNUSUAL | {"bad_number": 0.02})).assert_as_foretold()


@st.composite
def recipes(draw: st.DrawFn) -> dict[str, Any]:
    share = st.floats(0, 0.06)
    defects = {kind: draw(share) for kind in draw(st.sets(st.sampled_from([*EVERYTHING, *UNUSUAL])))}
    length = {"rows": draw(st.integers(0, 150))} if draw(st.booleans()) else {"size": draw(st.integers(1000, 30_000))}
    return length | {
        "defects": defects | ({"duplicates": draw(st.floats(0, 0.96))} if draw(st.booleans()) else {}),
        "seed": draw(st.sampled_from([1, 7, 2**64])),
        "file": draw(st.integers(0, 99_999)),
        "quoting": draw(st.sampled_from(["needed", "all"])),
        "line_end": draw(st.sampled_from(["lf", "crlf"])),
        "byte_order_mark": draw(st.booleans()),
        "key_order": draw(st.sampled_from(["random", "sorted"])),
        "compression": draw(st.sampled_from(["none", "gzip"])),
    }


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(recipes())
def test_whatever_the_recipe_the_file_is_found_as_foretold(fields: dict[str, Any]) -> None:
    find(recipe("everything", **fields)).assert_as_foretold()
