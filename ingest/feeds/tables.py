"""The section `tables` of feeds.toml: what all feeds together may write to a table."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct

from ingest.errors import NoWriteCapacity, SettingsFault
from ingest.feeds.column import check_zone
from ingest.feeds.schema_errors import accepted, did_you_mean, expect_section, read_struct

Percent = Annotated[str, Meta(pattern=r"^([1-9][0-9]?|100)%$", extra={"accepted": 'a share as "60%"'})]
WriteUnits = Annotated[float, Meta(ge=1)] | Percent  # of the whole day, or of some hours
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOURS = re.compile(r"([01]?[0-9]|2[0-3])(:[0-5][0-9])?-([01]?[0-9]|2[0-4])(:[0-5][0-9])?")
_DAY = 24 * 60  # minutes


class TableLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """What is written to a table at most, by all feeds, files, functions and commands together."""

    write_units: Annotated[
        WriteUnits,
        Meta(
            description="Write units a second, those of the table's indexes included. 60%: of what the table can take, "
            "its provisioned units or its on-demand maximum."
        ),
    ]
    hours: Annotated[
        dict[str, WriteUnits],
        Meta(description='Other limits at some hours of each day: { "07-19" = 500, "22:30-04" = "80%" }.'),
    ] = {}
    zone: Annotated[str, Meta(description="Whose hours: an IANA name, as Europe/Berlin.")] = "UTC"

    def units_at(self, epoch_s: float) -> float | str:
        """Return the limit in effect at a time.

        >>> limits = TableLimits(2000, {"07-19": 500, "22:30-04": "80%"})
        >>> [limits.units_at(hour * 3600) for hour in (6.99, 7, 18.99, 19, 23, 3.99)]
        [2000, 500, 500, 2000, '80%', '80%']
        """
        local = (_EPOCH + timedelta(seconds=epoch_s)).astimezone(ZoneInfo(self.zone))
        minute = 60 * local.hour + local.minute
        for hours, units in self.hours.items():
            if any(minute in part for part in _minutes(hours)):
                return units
        return self.write_units

    @property
    def is_relative(self) -> bool:
        """Whether any limit is a share of what the table can take."""
        return any(isinstance(units, str) for units in (self.write_units, *self.hours.values()))


def units_of(units: float | str, capacity: float | None) -> float:
    """Return a limit in write units a second; `capacity` is what the table can take, None if it has no limit itself.

    >>> units_of(2000, None), units_of("60%", 500)
    (2000.0, 300.0)

    Raises:
        NoWriteCapacity: the limit is a share, and the capacity is not known.
    """
    if not isinstance(units, str):
        return float(units)
    if capacity is None:
        raise NoWriteCapacity(
            f"`write_units` = {units!r} is a share of what the table can take, and it is on demand without a maximum: "
            "give write units a second, or the table a maximum."
        )
    return max(1.0, int(units[:-1]) / 100 * capacity)


def limits_text(limits: TableLimits) -> str:
    """Return limits as compact JSON."""
    return msgspec.json.encode(limits).decode()


def limits_from(text: str) -> TableLimits:
    """Return the limits in the JSON of `limits_text`, possibly written by another version of this program.

    Raises:
        SettingsFault: this version cannot read them.
    """
    try:
        return msgspec.json.decode(text, type=TableLimits)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise SettingsFault(f"The limits kept in the ledger cannot be read: {error}.") from error


def read_table_limits(raw: Any, path: str) -> TableLimits:
    """Return the limits in a section of `tables`; `path` is how the section is named in errors.

    Raises:
        SettingsFault: a field is unknown, missing or wrong.
    """
    for hours, units in expect_section(expect_section(raw, path).get("hours", {}), f"{path}.hours").items():
        try:
            msgspec.convert(units, WriteUnits)
        except msgspec.ValidationError:
            raise SettingsFault(
                f"`{path}.hours.{hours}` = {units!r} is wrong: accepted is {accepted(WriteUnits)}."
            ) from None
    return read_struct(raw, TableLimits, path)


def check_table_limits(tables: Mapping[str, TableLimits], existing: Mapping[str, bool], unable: set[str]) -> None:
    """Check the limits of all tables by themselves, and against the tables of the feeds.

    `existing` has, for each table of a feed, whether it exists already, not created by the stack; `unable` are the
    tables of feeds whose writer cannot keep to a limit.

    Raises:
        SettingsFault: no feed has the table, hours are wrong, a share has no capacity to refer to, or no limit is kept.
    """
    for name, limits in tables.items():
        path = f"tables.{name}"
        if name not in existing:
            raise SettingsFault(f"`{path}`: no feed has the table {name!r}{did_you_mean(name, existing)}.")
        if name in unable:
            raise SettingsFault(f"`{path}`: a feed of the table has writer = 'boto3', which keeps to no limit.")
        check_zone(limits.zone, path)
        _check_hours(limits, path)
        if limits.is_relative and not existing[name]:
            raise SettingsFault(
                f"`{path}` has a share of what the table can take, and a table that the stack makes is on demand "
                "without a maximum: give write units a second."
            )


def _check_hours(limits: TableLimits, path: str) -> None:
    taken: dict[int, str] = {}
    for hours in limits.hours:
        minutes = [minute for part in _minutes(hours) for minute in part]
        if not minutes:
            raise SettingsFault(
                f"`{path}.hours` has {hours!r}: accepted are the hours of a day, as '07-19' or '22:30-04'."
            )
        double = next((minute for minute in minutes if minute in taken), None)
        if double is not None:
            raise SettingsFault(
                f"`{path}.hours` has {taken[double]!r} and {hours!r}, which are both at {double // 60:02d}:"
                f"{double % 60:02d}."
            )
        taken |= dict.fromkeys(minutes, hours)


def _minutes(hours: str) -> list[range]:
    """Return the minutes of a day that hours cover; an empty list if they are not valid hours.

    >>> _minutes("07-19"), _minutes("22:30-4"), _minutes("7 to 19")
    ([range(420, 1140)], [range(1350, 1440), range(0, 240)], [])
    """
    found = _HOURS.fullmatch(hours)
    if not found:
        return []
    begin_h, begin_m, end_h, end_m = found.groups()
    begin, end = (60 * int(hour) + int((minute or ":0")[1:]) for hour, minute in ((begin_h, begin_m), (end_h, end_m)))
    if end > _DAY:
        return []
    return [range(begin, end)] if begin < end else [part for part in (range(begin, _DAY), range(end)) if part]
