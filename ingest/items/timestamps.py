"""Convert points in time from text in a feed's formats to exact ISO 8601 in UTC or epoch numbers. Reads no clock."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Reason
from ingest.feeds.column import Column
from ingest.items.columns import AnyArray, BadValueError, CellError, ConvertedColumn, fill_null, one_by_one, rows_where
from ingest.items.mapping import Target

CANONICAL_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNITS = {"s": timedelta(seconds=1), "ms": timedelta(milliseconds=1), "us": _MICROSECOND}
_TIMESPECS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds"}
_UNIT_NAMES = {"day": "a day", "s": "a second", "ms": "a millisecond", "us": "a microsecond"}
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-?W[0-9]{2}(?:-?[0-9])?"
_END_OF_DAY = re.compile(rf"((?:{_DATE})[^0-9])24((?::?00(?::?00(?:[.,]0+)?)?)?(?:Z|[+-].*)?)")
_TOO_PRECISE = re.compile(r"[.,][0-9]{6}0*[1-9]")  # finer than a microsecond
_NUMBER = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]+))?")


@dataclass(frozen=True, slots=True)
class TimeReader:
    """Reads the cells of one column.

    A time without an offset is in the column's zone. If clocks go back and a time occurs twice, it means the first
    occurrence; a time that clocks skip does not exist.
    """

    declared: Column

    def text(self, cell: str) -> str:
        """Return a time in the attribute's form: ISO 8601 in UTC, the date alone (unit day), or an epoch number (N).

        >>> TimeReader(Column(timestamp=("%d.%m.%Y %H:%M",), zone="Europe/Berlin")).text("22.11.2026 17:01")
        '2026-11-22T16:01:00Z'

        Raises:
            BadValueError: it is in none of the formats, does not exist, or is more precise than the column's unit.
        """
        time, unit = self.time(cell), self.declared.unit
        if unit == "day":
            _check_whole((time - time.replace(hour=0, minute=0, second=0, microsecond=0)) == timedelta(0), unit)
            return time.date().isoformat()
        count, rest = divmod(_since_epoch(time), _UNITS[unit])
        _check_whole(not rest, unit)
        if self.declared.type == "N":
            return str(count)
        return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=_TIMESPECS[unit]) + "Z"

    def epoch_s(self, cell: str) -> int:
        """Return the whole epoch seconds of a time, rounded down.

        Raises:
            BadValueError: as `time`.
        """
        return _since_epoch(self.time(cell)) // _UNITS["s"]

    def time(self, cell: str) -> datetime:
        """Return a time in its own zone.

        Raises:
            BadValueError: it is in none of the formats, or does not exist.
        """
        for form in self.declared.timestamp:
            try:
                return _in_zone(_READERS.get(form, _by_pattern(form))(cell), self.declared.zone)
            except (ValueError, OverflowError) as error:
                if isinstance(error, BadValueError):
                    raise
        raise BadValueError(f"not a valid time in the format {' or '.join(self.declared.timestamp)}")


def _check_whole(is_whole: bool, unit: str) -> None:
    if not is_whole:
        raise BadValueError(f"time is more precise than {_UNIT_NAMES[unit]}, the column's unit")


def _since_epoch(time: datetime) -> timedelta:
    return time - _EPOCH


def _in_zone(time: datetime, zone: str) -> datetime:
    there = time if time.tzinfo else time.replace(tzinfo=_zone(zone))
    if there.astimezone(UTC).astimezone(there.tzinfo).replace(tzinfo=None) != time.replace(tzinfo=None):
        raise BadValueError(f"time does not exist in {zone}: clocks skip it")
    return there


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _from_iso(cell: str) -> datetime:
    if _TOO_PRECISE.search(cell):
        raise BadValueError("time is more precise than a microsecond")
    end_of_day = _END_OF_DAY.fullmatch(cell)  # 00:00 of the next day; only newer Python versions parse it
    if end_of_day:
        return datetime.fromisoformat(f"{end_of_day[1]}00{end_of_day[2]}") + timedelta(days=1)
    return datetime.fromisoformat(cell)


def _from_epoch(cell: str, unit: timedelta) -> datetime:
    match = _NUMBER.fullmatch(cell)
    if not match:
        raise ValueError(cell)
    sign, whole, fraction = match.groups(default="")
    count, rest = divmod(int(whole + fraction) * (unit // _MICROSECOND), 10 ** len(fraction))
    if rest:
        raise BadValueError("time is more precise than a microsecond")
    return _EPOCH + timedelta(microseconds=-count if sign else count)


@cache
def _by_pattern(pattern: str) -> Callable[[str], datetime]:
    return lambda cell: datetime.strptime(cell, pattern)


_READERS: dict[str, Callable[[str], datetime]] = {
    "iso": _from_iso,
    "epoch_s": lambda cell: _from_epoch(cell, _UNITS["s"]),
    "epoch_ms": lambda cell: _from_epoch(cell, _UNITS["ms"]),
}


def times(cells: AnyArray, target: Target) -> ConvertedColumn:
    """Return a column of times in the feed's form, with the cells that are not times.

    Times that are already in the form to send are only checked, by Arrow, which is a hundred times faster.
    """
    canonical = _canonical(cells, target.declared)
    if canonical is not None:
        return ConvertedColumn(cells if target.type == "S" else canonical.cast(pa.int64()).cast(pa.string()), [])
    read = TimeReader(target.declared).text
    return _each_once(cells, read, pa.string())


def _canonical(cells: AnyArray, declared: Column) -> AnyArray | None:
    """Return the cells as timestamps if all of them are already in the form to send; else None."""
    if (declared.unit, declared.timestamp[0]) != ("s", "iso"):
        return None
    if not pc.all(pc.match_substring_regex(cells, CANONICAL_TIME)).as_py():
        return None
    try:
        return pc.cast(cells, pa.timestamp("s", "UTC"))
    except pa.ArrowInvalid:  # a day or an hour that does not exist
        return None


def epoch_seconds(cells: AnyArray, declared: Column) -> ConvertedColumn:
    """Return a column of times as whole epoch seconds (int64), with the cells that are not times."""
    if declared.default is not None:
        cells = fill_null(cells, declared.default)
    return _each_once(cells, TimeReader(declared).epoch_s, pa.int64())


def _each_once(cells: AnyArray, read: Callable[[str], Any], kind: pa.DataType) -> ConvertedColumn:
    coded = cells.dictionary_encode()
    distinct = one_by_one(coded.dictionary, read, Reason.BAD_TIMESTAMP, kind)
    message = {bad.row: bad.message for bad in distinct.bad}
    wrong = pc.is_in(coded.indices, value_set=pa.array(message, coded.indices.type))
    bad = [
        CellError(row, Reason.BAD_TIMESTAMP, message[coded.indices[row].as_py()])
        for row in rows_where(pc.and_(wrong, pc.is_valid(cells)))
    ]
    return ConvertedColumn(distinct.values.take(coded.indices), bad)
