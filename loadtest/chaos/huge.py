"""Huge files: complete, exact, gone on with after kills and hand-overs; and what it costs."""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loadtest.chaos.settings import FEEDS, MB
from loadtest.checker.found import Expected, Found
from loadtest.checker.judge import CheckResult, judge
from loadtest.checker.ledger import is_segment
from loadtest.harness import world
from loadtest.harness.world import Every, World, WorldSettings
from loadtest.s3_server.files import find
from loadtest.simulator import Key, Table
from loadtest.simulator.replay import Replayed
from loadtest.workload.recipe import Recipe, recipe_of
from loadtest.workload.stream import Generation

FEED, TABLE, PREFIX = "huge", "HugeRows", "huge/"
TICK_S = 0.25
REPORT_EVERY_S = 15.0
_COLUMNS = {"city": "text:1:2", "note": "text:2:40"} | {f"code_{n}": "uniform:0:4000000000" for n in range(1, 21)}
_DEFECTS = {"bad_number": 0.00002, "quotes": 0.2, "line_breaks": 0.5}
_SAMPLE_BYTES = 4 * MB  # shows how well a file is compressed


@dataclass(frozen=True, slots=True, kw_only=True)
class HugeCase:
    """What is loaded, and how its workers fare. `kill_every_s` 0: none is killed."""

    name: str
    sizes: list[int]
    is_gzip: bool = False
    workers: int = 4
    kill_every_s: float = 0.0
    function_s: float = 300.0
    least_kills: int = 0
    least_hand_overs: int = 0
    seed: int = 1
    patience_s: float = 3600.0

    @property
    def world(self) -> WorldSettings:
        """Return what stands around the workers."""
        return WorldSettings(
            feeds=FEEDS,
            tables={TABLE: Table(Key("id"))},
            skews_s=(0.0,) * self.workers,
            function_s=self.function_s,
            seed=self.seed,
            lease_s=10.0,
            segment_bytes=64 * 1024 * 1024,
            checkpoint_s=5,
            visibility_s=40.0,
            cut_share=0.01,
        )


@dataclass(slots=True)
class Loading:
    """A case under way: its files lie where S3 serves them from."""

    case: HugeCase
    world: World
    files: list[Expected] = field(default_factory=list)

    def write(self, number: int) -> None:
        """Write a file."""
        path = self.world.objects / f"{PREFIX}{number}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        generation = Generation(self._recipe(number))
        with path.open("wb") as out:
            out.writelines(generation)
        etag = find(path.parent, f"/{path.name}").etag.strip('"')
        self.files.append(Expected.of(PREFIX + path.name, TABLE, generation.known_outcome, etag=etag))

    def load(self, report: Callable[[str], None]) -> float:
        """Send the notifications; return how many seconds passed until the last file had ended."""
        here, case, begun_s = self.world, self.case, time.monotonic()
        for number, file in enumerate(self.files):
            sequencer = f"{number:016X}"
            here.stack_client.send(
                here.stack_client.notification(file.key, sequencer=sequencer, etag=file.etag, size=file.size)
            )
        chance = random.Random(case.seed)
        kill = [Every(case.kill_every_s, chance, here.fleet.kill_one)] if case.kill_every_s else []
        progress = Every(REPORT_EVERY_S, None, lambda: report(f"{case.name}: {self._puts():,} puts"))
        while len(here.ended) < len(self.files) and time.monotonic() < begun_s + case.patience_s:
            here.look(TICK_S)
            for thing in (*kill, progress):
                thing.look()
        return time.monotonic() - begun_s

    def document(self, seconds: float) -> dict[str, Any]:
        """End the case; return figures and problems."""
        found, replayed = self.world.leave()
        check_result, rows = judge(self.files, found), sum(file.rows for file in self.files)
        return {
            "case": self.case.name,
            "files": len(self.files),
            "bytes": sum(file.size for file in self.files),
            "rows": rows,
            "seconds": round(seconds, 1),
            "rows_per_s": round(rows / seconds),
            "workers": self.case.workers,
            "function_s": self.case.function_s,
            **self._fared(found, check_result),
            **self._costs(replayed, rows),
            "problems": [*check_result.shown, *self._missed_aims()],
        }

    def _recipe(self, number: int) -> Recipe:
        size, seed = self.case.sizes[number], self.case.seed
        recipe = recipe_of(FEEDS, FEED, size=size, columns=_COLUMNS, defects=_DEFECTS, seed=seed, file=number)
        return _packed(recipe) if self.case.is_gzip else recipe

    def _puts(self) -> int:
        return self.world.simulator.statistics.items

    def _hand_overs(self) -> int:
        return Counter(str(line.get("message")) for line in self.world.fleet.log())["message handed over"]

    def _fared(self, found: Found, check_result: CheckResult) -> dict[str, Any]:
        ended = self.world.fleet.ended
        return {
            "kills": ended["killed"],
            "ended": dict(ended),
            "hand_overs": self._hand_overs(),
            "segments": sum(map(is_segment, found.ledger)),
            "puts_repeated": self._puts() - found.tables[TABLE].items,
            "lost": check_result.lost,
            "wrong": check_result.wrong,
        }

    def _costs(self, replayed: Replayed, rows: int) -> dict[str, Any]:
        costs = self.world.ledger.costs
        return {
            "table_write_units": replayed.write_units,
            "ledger_write_units": dict(costs.units),
            "ledger_writes": dict(costs.writes),
            "ledger_write_units_per_file": round(costs.total / len(self.files), 2),
            "ledger_write_units_per_million_rows": round(costs.total / rows * 1e6, 1),
            "ledger_share_of_write_units": round(costs.total / (costs.total + replayed.write_units), 6),
        }

    def _missed_aims(self) -> Iterator[str]:
        if self.world.fleet.ended["killed"] < self.case.least_kills:
            yield f"only {self.world.fleet.ended['killed']} kills: it shows less than it is to show"
        if self._hand_overs() < self.case.least_hand_overs:
            yield f"only {self._hand_overs()} hand-overs: it shows less than it is to show"


def perform(case: HugeCase, report: Callable[[str], None]) -> dict[str, Any]:
    """Load the files of a case; return figures and problems."""
    with begun(case) as loading:
        report(f"{case.name}: writing {sum(case.sizes) / MB:,.0f} MB")
        for number in range(len(case.sizes)):
            loading.write(number)
        loading.world.fleet.wait_until_ready()
        return loading.document(loading.load(report))


@contextmanager
def begun(case: HugeCase) -> Iterator[Loading]:
    """Give a case whose workers wait for work, for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="huge-") as folder, world.begun(case.world, Path(folder)) as here:
        yield Loading(case, here)


def _packed(recipe: Recipe) -> Recipe:
    """Return the recipe of a file that is about as large when it is compressed."""
    sample = Generation(replace(recipe, text_bytes=_SAMPLE_BYTES, compression="gzip"))
    packed = sum(map(len, sample))
    text_bytes = (recipe.text_bytes or 0) * sample.known_outcome.text_bytes // packed
    return replace(recipe, text_bytes=text_bytes, compression="gzip")
