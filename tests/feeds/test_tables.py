"""The section `tables` of feeds.toml: limits of write units, by hours, as numbers and as shares."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.errors import NoWriteCapacity, SettingsFault
from ingest.feeds.parse import json_schema, parse_feeds
from ingest.feeds.tables import TableLimits, limits_from, limits_text, units_of
from tests.support import command

FEEDS = f"{command.FEEDS}existing = true\n"


def limits(section: str, table: str = "Orders") -> TableLimits:
    return parse_feeds(f"{FEEDS}[tables.{table}]\n{section}").tables[table]


def at(hour: int, minute: int = 0, *, day: int = 3, zone: str = "UTC") -> float:
    return datetime(2026, 12, day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp()


def test_without_the_section_a_table_has_no_limit() -> None:
    assert parse_feeds(FEEDS).tables == {}


def test_a_limit_holds_all_day_but_for_the_hours_that_have_another() -> None:
    found = limits('write_units = 2000\nhours = { "07-19" = 500, "22:30-04:15" = 4000.5 }')
    expected = {(6, 59): 2000, (7, 0): 500, (18, 59): 500, (19, 0): 2000, (22, 29): 2000, (22, 30): 4000.5}
    expected |= {(23, 59): 4000.5, (0, 0): 4000.5, (4, 14): 4000.5, (4, 15): 2000}
    assert {time: found.units_at(at(*time)) for time in expected} == expected


def test_hours_are_those_of_the_zone_also_when_the_clock_changes() -> None:
    found = limits('write_units = 2000\nhours = { "07-19" = 500 }\nzone = "America/New_York"')
    assert found.units_at(at(7, zone="America/New_York")) == 500
    assert found.units_at(at(7)) == 2000
    summer = datetime(2026, 7, 1, 7, 0, tzinfo=ZoneInfo("America/New_York")).timestamp()
    assert (found.units_at(summer - 1), found.units_at(summer)) == (2000, 500)


def test_hours_may_be_the_whole_day() -> None:
    found = limits('write_units = 2000\nhours = { "00-24" = 500 }')
    assert {found.units_at(at(hour, minute)) for hour in range(24) for minute in (0, 59)} == {500}


def test_a_share_is_of_what_the_table_can_take() -> None:
    found = limits('write_units = "60%"\nhours = { "07-19" = "5%", "20-21" = 7 }', "Visits")
    assert [units_of(found.units_at(at(hour)), 1000) for hour in (6, 7, 20)] == [600, 50, 7]
    assert units_of("5%", 10) == 1  # never nothing


def test_a_share_of_a_table_without_a_maximum_is_refused() -> None:
    with pytest.raises(NoWriteCapacity, match="on demand without a maximum: give write units a second"):
        units_of("60%", None)
    assert units_of(40, None) == 40


@pytest.mark.parametrize(
    ("table", "section", "says"),
    [
        (
            "Orders",
            "write_units = 0",
            "`tables.Orders.write_units` = 0 is wrong: accepted is a number, at least 1 or",
        ),
        ("Orders", 'write_units = "120%"', "`tables.Orders.write_units` = '120%' is wrong"),
        ("Orders", "write_unit = 5", "unknown field `tables.Orders.write_unit` (did you mean 'write_units'?)"),
        ("Orders", "zone = 'UTC'", "`tables.Orders.write_units` is missing: Write units a second"),
        ("Order", "write_units = 5", "`tables.Order`: no feed has the table 'Order' (did you mean 'Orders'?)."),
        ("Orders", "write_units = '60%'", "a table that the stack makes is on demand without a maximum"),
        ("Orders", "write_units = 5\nhours = { '7-8' = '60%' }", "a table that the stack makes is on demand"),
        ("Orders", "write_units = 5\nhours = { '7-8' = 0 }", "`tables.Orders.hours.7-8` = 0 is wrong: accepted is a"),
        ("Orders", "write_units = 5\nhours = { '7 to 8' = 9 }", "`tables.Orders.hours` has '7 to 8': accepted are the"),
        ("Orders", "write_units = 5\nhours = { '24:30-3' = 9 }", "`tables.Orders.hours` has '24:30-3': accepted are"),
        ("Orders", "write_units = 5\nhours = { '3-24:30' = 9 }", "`tables.Orders.hours` has '3-24:30': accepted are"),
        ("Orders", "write_units = 5\nhours = 7", "`tables.Orders.hours` = 7 is wrong: it must be a section"),
        (
            "Orders",
            "write_units = 5\nhours = { '7-9' = 9, '22-7:01' = 8 }",
            "`tables.Orders.hours` has '7-9' and '22-7:01', which are both at 07:00.",
        ),
        (
            "Orders",
            "write_units = 5\nzone = 'Berlin'",
            "`tables.Orders.zone` = 'Berlin' is wrong: accepted is a zone",
        ),
    ],
)
def test_a_wrong_limit_is_refused_with_its_place_and_what_is_accepted(table: str, section: str, says: str) -> None:
    with pytest.raises(SettingsFault) as refused:
        limits(section, table)
    assert says in str(refused.value)


def test_limits_that_were_kept_are_read_as_they_were() -> None:
    found = limits('write_units = "60%"\nhours = { "07-19" = 5 }\nzone = "Europe/Berlin"', "Visits")
    assert limits_from(limits_text(found)) == found
    with pytest.raises(SettingsFault, match="kept in the ledger cannot be read"):
        limits_from('{"write_units": 5, "later": 1}')


def test_the_schema_knows_the_section() -> None:
    assert json_schema()["$defs"]["Feeds"]["properties"]["tables"]["additionalProperties"] == {
        "$ref": "#/$defs/TableLimits"
    }
