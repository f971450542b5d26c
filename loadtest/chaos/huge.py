"""Huge files: complete, exact, gone on with after kills and hand-overs; and what it costs."""

import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loadtest.chaos.figures import fared, figures
from loadtest.chaos.settings import FEEDS, MB
from loadtest.checker.found import Expected
from loadtest.checker.judge import judge
from loadtest.harness import testbed
from loadtest.harness.testbed import Every, Testbed, TestbedSettings
from loadtest.s3_server.files import find
from loadtest.simulator import Key, Table
from loadtest.simulator.replay import Replayed
from loadtest.workload.recipe import Recipe, recipe_of
from loadtest.workload.stream import Generation

FEED, TABLE, PREFIX = "huge", "HugeRows", "huge/"
REPORT_EVERY_S = 15.0
_COLUMNS = {"city": "text:1:2", "note": "text:2:40"} | {f"code_{n}": "uniform:0:4000000000" for n in range(1, 21)}
_DEFECTS = {"bad_number": 0.00002, "quotes": 0.2, "line_breaks": 0.5}
_SAMPLE_BYTES = 4 * MB  # shows how well a file is compressed
Report = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class HugeCase(TestbedSettings):
    """What is loaded, and how its workers fare. `kill_every_s` 0: none is killed."""

    name: str
    sizes: Sequence[int]
    is_gzip: bool = False
    kill_every_s: float = 0.0
    least_kills: int = 0
    least_hand_overs: int = 0
    feeds: Path = FEEDS
    tables: Mapping[str, Table] = field(default_factory=lambda: {TABLE: Table(Key("id"))})
    checkpoint_s: int = 5
    cut_share: float = 0.01
    patience_s: float = 3600.0


def perform(case: HugeCase, report: Report) -> dict[str, Any]:
    """Load the files of a case; return figures and problems."""
    with (
        tempfile.TemporaryDirectory(prefix="huge-") as folder,
        testbed.deployed(case) as stack_client,
        testbed.begun(case, Path(folder), stack_client) as here,
    ):
        report(f"{case.name}: writing {sum(case.sizes) / MB:,.0f} MB")
        files = [write(here.objects, case, number) for number in range(len(case.sizes))]
        here.fleet.wait_until_ready()
        seconds = _load(here, case, files, report)
        here.watch(lambda: not stack_client.depth())  # messages of killed workers come back
        here.settle()
        found, replayed = here.end()
        result = {
            "case": case.name,
            "bytes": sum(file.size for file in files),
            "seconds": round(seconds, 1),
            "rows_per_s": round(sum(file.rows for file in files) / seconds),
            "workers": len(case.skews_s),
            "function_s": case.function_s,
            "puts_repeated": here.simulator.statistics.items - found.tables[TABLE].items,
            **_costs(here, replayed, files),
            **fared(here),
            **figures(files, found, judge(files, found)),
        }
        return result | {"problems": result["problems"] + _missed_aims(case, result)}


def write(objects: Path, case: HugeCase, number: int) -> Expected:
    """Write a file to where S3 serves it from; return what must become of it."""
    path = objects / f"{PREFIX}{number}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    size, seed = case.sizes[number], case.seed
    recipe = recipe_of(FEEDS, FEED, size=size, columns=_COLUMNS, defects=_DEFECTS, seed=seed, file=number)
    generation = Generation(_packed(recipe) if case.is_gzip else recipe)
    with path.open("wb") as out:
        out.writelines(generation)
    etag = find(path.parent, f"/{path.name}").etag.strip('"')
    return Expected.of(PREFIX + path.name, TABLE, generation.known_outcome, etag=etag)


def _packed(recipe: Recipe) -> Recipe:
    """Return the recipe of a file that is about as large when it is compressed."""
    sample = Generation(replace(recipe, text_bytes=_SAMPLE_BYTES, compression="gzip"))
    packed = sum(map(len, sample))
    text_bytes = (recipe.text_bytes or 0) * sample.known_outcome.text_bytes // packed
    return replace(recipe, text_bytes=text_bytes, compression="gzip")


def _load(here: Testbed, case: HugeCase, files: Sequence[Expected], report: Report) -> float:
    """Send notifications of the files; return how many seconds passed until the last had ended."""
    begun_s, client = time.monotonic(), here.stack_client
    for number, file in enumerate(files):
        client.send(client.notification(file.key, sequencer=f"{number:016X}", etag=file.etag, size=file.size))
    statistics, chance = here.simulator.statistics, random.Random(case.seed)
    things = [Every(REPORT_EVERY_S, None, lambda: report(f"{case.name}: {statistics.items:,} puts"))]
    if case.kill_every_s:
        things.append(Every(case.kill_every_s, chance, here.fleet.kill_one))
    here.watch(lambda: len(here.ended) >= len(files), *things)
    return time.monotonic() - begun_s


def _costs(here: Testbed, replayed: Replayed, files: Sequence[Expected]) -> dict[str, Any]:
    costs, rows = here.ledger.costs, sum(file.rows for file in files)
    return {
        "table_write_units": replayed.write_units,
        "ledger_write_units": dict(costs.units),
        "ledger_writes": dict(costs.writes),
        "ledger_write_units_per_file": round(costs.total / len(files), 2),
        "ledger_write_units_per_million_rows": round(costs.total / rows * 1e6, 1),
        "ledger_share_of_write_units": round(costs.total / (costs.total + replayed.write_units), 6),
    }


def _missed_aims(case: HugeCase, result: Mapping[str, Any]) -> list[str]:
    aims = {"kills": case.least_kills, "hand_overs": case.least_hand_overs}
    few = {name: result[name] for name, least in aims.items() if result[name] < least}
    return [f"only {count} {name}: it shows less than it is to show" for name, count in few.items()]
