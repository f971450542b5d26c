"""All scenarios, as data. A scenario is not changed: its results would not be comparable; a new one gets a new name."""

from loadtest.scenarios.scenario import Files, Objective, Scenario
from loadtest.simulator.capacity import Simulation

_BROKEN = {"ragged_row": 0.02, "bad_number": 0.03, "bad_boolean": 0.02, "empty_key": 0.01, "bad_encoding": 0.01}
_UNUSUAL = {"quotes": 0.3, "line_breaks": 0.1, "blank_lines": 0.01, "duplicates": 0.05}
_HOT = Simulation(mode="on_demand", warm_units_per_s=4_000)  # a new table: four partitions of 1,000 units a second
_SMALL = Simulation(mode="provisioned", provisioned_units_per_s=5_000)


def _soon(seconds: float) -> Objective:
    return Objective("event to visible in seconds, p99", "event_to_visible_s.p99", at_most=seconds)


def _fast(rows_per_s: float) -> Objective:
    return Objective("rows written per second", "rows_per_second", at_least=rows_per_s)


def _throttled(share: float) -> Objective:
    return Objective("share of the requests that were throttled", "throttled_share", at_most=share)


def _small(mb: float) -> Objective:
    return Objective("peak memory of a worker in MB", "peak_memory_mb", at_most=mb)


_ALL = (
    Scenario(
        name="smoke",
        says="three small files: does it work at all?",
        files=(Files(feed="orders", count=3, rows=1_000),),
        objectives=(_soon(5),),
    ),
    Scenario(
        name="steady",
        says="a file a second for two minutes",
        files=(Files(feed="orders", count=120, rows=2_000),),
        every_s=1.0,
        multiplies="files",
        objectives=(_soon(3), _small(400)),
    ),
    Scenario(
        name="burst",
        says="1,000 small files at once",
        files=(Files(feed="orders", count=1_000, rows=500),),
        multiplies="files",
        objectives=(_soon(60), _fast(10_000)),
    ),
    Scenario(
        name="one_huge_file",
        says="one file of 10,000,000 rows, split among all workers",
        files=(Files(feed="orders", count=1, rows=10_000_000),),
        objectives=(_fast(60_000), _small(400)),
    ),
    Scenario(
        name="many_large",
        says="eight files of 1,000,000 rows at once",
        files=(Files(feed="orders", count=8, rows=1_000_000),),
        objectives=(_fast(60_000), _small(400)),
    ),
    Scenario(
        name="defects",
        says="20 files in which a row in eleven is bad, with quotes, line breaks, blank lines and duplicate keys",
        files=(Files(feed="orders", count=20, rows=50_000, recipe={"defects": _BROKEN | _UNUSUAL}),),
        objectives=(_fast(20_000), _small(400)),
    ),
    Scenario(
        name="hot_key",
        says="four files, each with one partition key in nine rows of ten, for a new table of four partitions",
        files=(Files(feed="orders", count=4, rows=30_000, recipe={"key_order": "hot"}),),
        table=_HOT,
        objectives=(_throttled(0.3),),
    ),
    Scenario(
        name="throttled",
        says="four files that want much more than their table's 5,000 write units a second",
        files=(Files(feed="orders", count=4, rows=150_000),),
        table=_SMALL,
        objectives=(_fast(4_500), _throttled(0.1)),
    ),
    Scenario(
        name="duplicate_storm",
        says="ten notifications come of each of 200 files, in any order, and a row in five has an earlier one's key",
        files=(Files(feed="orders", count=200, rows=1_000, recipe={"defects": {"duplicates": 0.2}}),),
        notices=10,
        multiplies="files",
        lease_s=6,  # a duplicate that met a busy file comes back when that lease could have run out
        objectives=(_soon(60),),
    ),
    Scenario(
        name="mixed_feeds",
        says="four feeds with keys, dialects and types of their own: four files a second for 50 seconds",
        files=(
            Files(feed="orders", count=50, rows=5_000),
            Files(feed="readings", count=50, rows=5_000),
            Files(feed="customers", count=50, rows=5_000, recipe={"defects": {"quotes": 0.2}}),
            Files(feed="visits", count=50, rows=5_000, recipe={"compression": "gzip"}),
        ),
        every_s=0.25,
        multiplies="files",
        objectives=(_soon(5), _small(400)),
    ),
)
SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
