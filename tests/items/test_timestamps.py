"""Times in the feed's forms become exact ISO 8601 or epoch numbers; other text and times more precise are reported."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import Reason
from ingest.feeds.column import Column
from ingest.items.columns import ConvertedColumn
from ingest.items.convert import convert
from ingest.items.mapping import Target
from ingest.items.timestamps import TimeReader, epoch_seconds


def typed(*cells: str | None, form: str | tuple[str, ...] = "iso", **column: Any) -> ConvertedColumn:
    forms = (form,) if isinstance(form, str) else form
    return convert(pa.array(cells, pa.string()), Target("at", "at", Column(timestamp=forms, **column)))


def read(cell: str, **column: Any) -> str:
    made = typed(cell, **column)
    assert made.bad == []
    return str(made.values[0].as_py())


def complaint(cell: str, **column: Any) -> str:
    made = typed("2026-01-01T00:00:00Z", cell, None, **column)
    (bad,) = made.bad
    assert (bad.row, bad.reason) == (1, Reason.BAD_TIMESTAMP)
    return bad.message


@pytest.mark.parametrize(
    ("cell", "reported"),
    [
        ("2026-11-22T17:01:00Z", "2026-11-22T17:01:00Z"),
        ("2026-11-22T17:01:00+01:00", "2026-11-22T16:01:00Z"),
        ("2026-11-22 17:01", "2026-11-22T17:01:00Z"),
        ("20261122T170100", "2026-11-22T17:01:00Z"),
        ("2026-11-22", "2026-11-22T00:00:00Z"),
        ("2026-11-22T17:01:00.000000000Z", "2026-11-22T17:01:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_iso_times_are_reported_in_utc(cell: str, reported: str) -> None:
    assert read(cell) == reported


@pytest.mark.parametrize(
    ("cell", "reported"),
    [
        ("2026-11-22T24:00:00Z", "2026-11-23T00:00:00Z"),
        ("2026-12-31 24:00", "2027-01-01T00:00:00Z"),
        ("2026-11-22T24:00:00.000+01:00", "2026-11-22T23:00:00Z"),
        ("20261122T240000", "2026-11-23T00:00:00Z"),
        ("2026-W47-7T24", "2026-11-23T00:00:00Z"),
        ("2026-11-22T23:24", "2026-11-22T23:24:00Z"),
    ],
)
def test_the_end_of_a_day_is_the_beginning_of_the_next_on_every_python(cell: str, reported: str) -> None:
    assert read(cell) == reported


@pytest.mark.parametrize(
    "cell", ["2026-11-22T24:00:01", "2026-11-22T24:01", "2026-11-22T00:00+24:00", "9999-12-31T24:00"]
)
def test_a_time_after_the_end_of_its_day_is_none(cell: str) -> None:
    assert complaint(cell).startswith("not a valid time")


def test_a_time_without_an_offset_is_of_the_columns_zone_summer_and_winter() -> None:
    berlin = {"form": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"}
    assert read("22.11.2026 12:00", **berlin) == "2026-11-22T11:00:00Z"
    assert read("1.7.2026 12:00", **berlin) == "2026-07-01T10:00:00Z"


def test_of_two_times_of_an_hour_that_comes_twice_the_first_is_meant() -> None:
    assert read("2026-10-25T02:30", zone="Europe/Berlin") == "2026-10-25T00:30:00Z"


def test_a_time_that_clocks_skip_is_none() -> None:
    assert "clocks skip it" in complaint("2026-03-29T02:30", zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("unit", "kind", "reported"),
    [
        ("s", "S", "2026-11-22T17:01:02Z"),
        ("ms", "S", "2026-11-22T17:01:02.000Z"),
        ("us", "S", "2026-11-22T17:01:02.000000Z"),
        ("s", "N", "1795366862"),
        ("ms", "N", "1795366862000"),
        ("us", "N", "1795366862000000"),
    ],
)
def test_the_unit_says_how_exactly_a_time_is_reported(unit: str, kind: str, reported: str) -> None:
    assert read("2026-11-22T17:01:02Z", unit=unit, type=kind) == reported


@pytest.mark.parametrize(
    ("cell", "unit", "form"),
    [
        ("2026-11-22T17:01:02.5Z", "s", "iso"),
        ("2026-11-22T17:01:02.1234Z", "ms", "iso"),
        ("2026-11-22T17:01:02.1234567Z", "us", "iso"),
        ("2026-11-22T17:01:02,0000001Z", "us", "iso"),
        ("1795366862.0000001", "us", ("epoch_s", "iso")),
        ("2026-11-22T17:01", "day", "iso"),
    ],
)
def test_nothing_is_rounded_away(cell: str, unit: str, form: Any) -> None:
    good = "2026-01-01" if unit == "day" else "2026-01-01T00:00:00Z"
    made = typed(good, cell, unit=unit, form=form)
    assert [(bad.row, "more precise" in bad.message) for bad in made.bad] == [(1, True)]


def test_a_day_alone_is_reported_as_it_stands_whatever_the_zone() -> None:
    assert read("31.12.2026", form="%d.%m.%Y", unit="day", zone="Pacific/Auckland") == "2026-12-31"


def test_epoch_numbers_are_read_exactly() -> None:
    assert read("1795366862.25", form="epoch_s", unit="ms") == "2026-11-22T17:01:02.250Z"
    assert read("1795366862250", form="epoch_ms", unit="ms", type="N") == "1795366862250"
    assert read("-1", form="epoch_s") == "1969-12-31T23:59:59Z"


def test_forms_are_tried_in_their_order() -> None:
    forms = ("%d/%m/%Y", "%m/%d/%Y", "iso")
    made = typed("03/04/2026", "12/31/2026", "2026-05-06", form=forms, unit="day")
    assert made.values.to_pylist() == ["2026-04-03", "2026-12-31", "2026-05-06"]


@pytest.mark.parametrize(
    "cell",
    ["", "x", "2026-02-30", "2026-02-30T00:00:00Z", "2026-11-22T25:00:00Z", "0001-01-01T00:00:00+23:00", "9" * 30],
)
def test_a_text_that_is_not_a_time_is_reported_without_the_cell(cell: str) -> None:
    message = complaint(cell)
    assert message.startswith("not a valid time in the format iso") or "more precise" in message
    assert not cell or cell not in message


def test_a_cell_without_value_stays_without_and_a_default_stands_in() -> None:
    assert typed(None, "2026-01-01").values.to_pylist() == [None, "2026-01-01T00:00:00Z"]
    assert typed(None, default="2026-01-01").values.to_pylist() == ["2026-01-01T00:00:00Z"]


def test_epoch_seconds_for_an_expiry_are_rounded_down_and_bad_cells_reported_once_each() -> None:
    made = epoch_seconds(
        pa.array(["1970-01-01T00:00:01.9Z", None, "x", "1969-12-31T23:59:59.5Z", "x"]), Column(timestamp=("iso",))
    )
    assert made.values.to_pylist() == [1, None, None, -1, None]
    assert [bad.row for bad in made.bad] == [2, 4]


TIMES = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30))


@given(time=TIMES, offset=st.integers(-720, 840), unit=st.sampled_from(["s", "ms", "us"]))
def test_any_time_with_an_offset_is_the_same_instant(time: datetime, offset: int, unit: str) -> None:
    keep = {"s": 1_000_000, "ms": 1000, "us": 1}[unit]
    instant = time.replace(microsecond=time.microsecond // keep * keep, tzinfo=UTC)
    cell = instant.astimezone(ZoneInfo("UTC")).astimezone(tz=_fixed(offset)).isoformat()
    assert datetime.fromisoformat(TimeReader(Column(timestamp=("iso",), unit=unit)).text(cell)) == instant
    counted = TimeReader(Column("N", timestamp=("iso",), unit=unit)).text(cell)
    assert datetime(1970, 1, 1, tzinfo=UTC) + int(counted) * timedelta(microseconds=keep) == instant


def _fixed(minutes: int) -> Any:
    return datetime.strptime(f"{'+-'[minutes < 0]}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}", "%z").tzinfo


@pytest.mark.parametrize("kind", ["S", "N"])
@given(
    cells=st.lists(st.text(alphabet="0123456789-T:Z +.", max_size=22) | TIMES.map(lambda t: t.isoformat()[:19] + "Z"))
)
def test_the_short_way_for_canonical_times_gives_what_the_long_way_gives(kind: str, cells: list[str]) -> None:
    made = typed(*cells, type=kind)
    one_by_one = [typed("x", cell, type=kind) for cell in cells]
    assert made.values.to_pylist() == [one.values[1].as_py() for one in one_by_one]
    assert [bad.row for bad in made.bad] == [row for row, one in enumerate(one_by_one) if len(one.bad) == 2]
