"""How long loading takes: limited by the table's capacity, by one partition's, or by the workers."""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.feeds.tables import TableLimits, units_of

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
NEW_TABLE = 4_000  # write units a second that a new on-demand table accepts at first
QUOTA = 40_000  # of each table, and of each of its indexes, on demand; AWS raises it on request
DOUBLES_EVERY_S = 1_800.0  # it accepts twice its earlier peak, and more only after this time
PARTITION = 1_000  # of one partition key, whatever the table's capacity

# Measured on one core with `python -m loadtest bench write` (docs/performance.md): 771,887, 491,833 and 106,781 rows
# a second of 51, 110 and 924 bytes. A straight line through these is within 6 % of each.
ROW_S = 0.87e-6
BYTE_S = 9.65e-9


@dataclass(frozen=True, slots=True)
class Fleet:
    """The functions that load; the defaults are those of `infra.settings`."""

    functions: int = 10
    segment_bytes: int = 64 * 1024 * 1024
    memory_mb: int = 1_769
    run_s: float = 900 - 45  # a function works this long before it hands over

    def segments(self, size_bytes: int, *, is_splittable: bool) -> int:
        """Return the number of segments of a file."""
        return -(-size_bytes // self.segment_bytes) if is_splittable and size_bytes > self.segment_bytes else 1


@dataclass(frozen=True, slots=True)
class Demand:
    """Write units of the table or an index: all, those of its hottest key, and those of each block's hottest key."""

    units: float
    hottest_key_units: float
    hottest_together_units: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """Write capacity of the table and of each index: `most` write units a second, reached over time if they are new."""

    most: int
    is_new: bool = False

    def seconds(self, units: float) -> float:
        """Return how many seconds these write units take.

        >>> Capacity(40_000, is_new=True).seconds(4_000 * 1_800 + 8_000 * 600)
        2400.0
        """
        rate, seconds = float(min(NEW_TABLE, self.most)) if self.is_new else float(self.most), 0.0
        while rate < self.most and units > rate * DOUBLES_EVERY_S:
            units -= rate * DOUBLES_EVERY_S
            seconds += DOUBLES_EVERY_S
            rate = min(2 * rate, float(self.most))
        return seconds + units / rate


@dataclass(frozen=True, slots=True)
class Duration:
    """How long it takes, and what limits it: `capacity`, `hot_key`, `workers`, `expanding`, or the write `budget`."""

    seconds: float
    limit: str


def duration(demands: Sequence[Demand], capacity: Capacity, *, work_s: float, workers: int) -> Duration:
    """Return how long loading takes; `work_s` is the time one core would need for all of it.

    Adjacent rows of one key are interleaved within at most 40,000 rows, so they are limited by one partition; each
    worker reads another part of the file, and so another key.
    """
    hot_s = max(max(d.hottest_key_units, d.hottest_together_units / workers) / PARTITION for d in demands)
    found = {
        "capacity": max(capacity.seconds(d.units) for d in demands),
        "hot_key": hot_s,
        "workers": work_s / workers,
    }
    limit = max(found, key=lambda name: found[name])
    return Duration(found[limit], limit)


def work_seconds(rows: float, text_bytes: float) -> float:
    """Return how many seconds one core takes to read and write these rows.

    >>> round(1e6 / work_seconds(1e6, 110e6))
    517732
    """
    return rows * ROW_S + text_bytes * BYTE_S


# Bytes of text a second that one core decompresses, measured on rows of 60 bytes: a function that resumes a
# compressed file at a checkpoint must decompress it up to there first.
EXPANDED_BYTES_S = {"bz2": 19e6, "gzip": 424e6, "zstd": 1_136e6}


def resumed_seconds(seconds: float, text_bytes: float, expanded_bytes_s: float, run_s: float) -> float | None:
    """Return how long a compressed file takes if each function first decompresses it up to the previous checkpoint.

    `seconds` is the duration without that. None: it never ends, because decompression takes all of a function's time.

    >>> resumed_seconds(800.0, 1e9, 19e6, 855.0), resumed_seconds(40_000.0, 100e9, 19e6, 855.0)
    (800.0, None)
    """
    done = whole_s = 0.0  # done: the share of the file
    while True:
        expanding_s = done * text_bytes / expanded_bytes_s
        left_s = (1 - done) * seconds
        if expanding_s + left_s <= run_s:
            return whole_s + expanding_s + left_s
        gained = (run_s - expanding_s) / seconds
        if gained <= LEAST_GAIN * run_s / seconds:
            return None
        done, whole_s = done + gained, whole_s + run_s


LEAST_GAIN = 0.05  # the least share of a function's time left for progress: with less, the load takes far too long


BUDGET_USED = 0.985  # the part of a write budget that is used; the rest is for bursts of requests (docs/decisions/0022)
MINUTE_S, DAY_S = 60.0, 86_400.0


def budget_seconds(limits: TableLimits, capacity: float | None, units: float, begin_s: float) -> float:
    """Return how many seconds write units take within a table's write budget, from `begin_s` (epoch) on.

    `capacity` is the table's write units a second, needed if the budget is a share of them.

    >>> round(budget_seconds(TableLimits(200, {"07-19": 50}), None, 200 * 3600 + 50 * 3600, 6 * 3600) / 3600, 2)
    2.08
    """
    seconds, left = 0.0, units / BUDGET_USED
    day = sum(
        units_of(limits.units_at(begin_s + minute * MINUTE_S), capacity) * MINUTE_S
        for minute in range(round(DAY_S / MINUTE_S))
    )
    days = int(left / day)
    seconds, left = days * DAY_S, left - days * day
    while True:
        per_s = units_of(limits.units_at(begin_s + seconds), capacity)
        step_s = MINUTE_S - (begin_s + seconds) % MINUTE_S
        if left <= per_s * step_s:
            return seconds + left / per_s
        seconds, left = seconds + step_s, left - per_s * step_s


@dataclass(frozen=True, slots=True)
class Scenario:
    """How long loading takes at one capacity."""

    what: str
    capacity: Capacity
    duration: Duration


def capacities(given: int | None, *, is_new: bool) -> tuple[tuple[str, Capacity], ...]:
    """Return the capacities to estimate for, each with its name."""
    if given is not None:
        return (("as given, a new table", Capacity(given, is_new=True)) if is_new else ("as given", Capacity(given)),)
    new = ("a new table on demand", Capacity(QUOTA, is_new=True))
    at_first = ("a new table's initial capacity", Capacity(NEW_TABLE))
    return (new,) if is_new else (new, at_first, ("the default quota", Capacity(QUOTA)))
