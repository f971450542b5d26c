"""One chaos run: files are dropped, workers killed and stopped; then quiet, and the result."""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.contract import FINAL_STATUSES, RECONCILE_MESSAGE, Status
from loadtest.chaos.settings import MB, ChaosSettings
from loadtest.chaos.uploads import Dropper
from loadtest.checker.found import Found
from loadtest.checker.judge import CheckResult, judge
from loadtest.checker.ledger import is_file, is_segment
from loadtest.harness import world
from loadtest.harness.world import Every, World

TICK_S = 0.1
FREEZE_LEASES = 1.6  # so long a worker is stopped: its lease has run out when it goes on
REPORT_EVERY_S = 10.0
FINDINGS = (
    "outcomes_reported",
    "files_closed",
    "files_sent_again",
    "segments_sent_again",
    "files_given_up",
    "objects_not_known",
)


@dataclass(slots=True)
class ChaosRun:
    """A run that is under way."""

    settings: ChaosSettings
    world: World
    dropper: Dropper
    reconcile: Every

    def look(self) -> None:
        """Look after workers, what is due, and what was reported; then pause."""
        self.dropper.do_what_is_due()
        self.reconcile.look()
        self.world.look(TICK_S)

    def open_bytes(self) -> int:
        """Return how many bytes of files are dropped and have not ended."""
        return sum(file.size for file in self.dropper.files if (file.key, file.etag) not in self.world.ended)

    def is_quiet(self) -> bool:
        """Return whether all that must end has ended, and nothing is left to do."""
        awaited = {(file.key, file.etag) for file in self.dropper.files if "" not in file.statuses}
        if self.dropper.has_more or not awaited <= self.world.ended or self.world.stack_client.depth():
            return False
        files = filter(is_file, self.world.stack_client.ledger())
        return all(entry["status"] in FINAL_STATUSES and "reported" in entry for entry in files)

    def state(self) -> str:
        """Return how things stand, as one line."""
        here = self.world
        return (
            f"{time.monotonic() - here.begun_s:5.0f} s: {len(self.dropper.files)} files dropped, "
            f"{len(here.ended)} ended, {self.open_bytes() / MB:.0f} MB open, {here.stack_client.depth()} messages, "
            f"{here.fleet.ended['killed']} kills, {here.simulator.statistics.items:,} puts"
        )

    def result(self) -> dict[str, Any]:
        """End the run; return its figures, and the problems that were found."""
        seconds = round(time.monotonic() - self.world.begun_s, 1)
        found, _ = self.world.leave(frozenset(self.dropper.poison))
        return {"seconds": seconds, **self._figures(), **self._checked(found, judge(self.dropper.files, found))}

    def _figures(self) -> dict[str, Any]:
        here, log = self.world, list(self.world.fleet.log())
        said = Counter(str(line.get("message")) for line in log)
        return {
            "kills": here.fleet.ended["killed"],
            "freezes": here.fleet.freezes,
            "ended": dict(here.fleet.ended),
            "dropped": self.dropper.counts,
            "deliveries": sum(line.get("received", 0) for line in log),
            "redelivered_to_live_workers": sum(line.get("redelivered", 0) for line in log),
            "hand_overs": said["message handed over"],
            "came_back": said["message will be retried"],
            "put_back": said["work put back"],
            "reconciled": _summed(line for line in log if line.get("message") == "reconciled"),
            "faults": {
                "table": dict(here.simulator.statistics.faults),
                "ledger": dict(here.ledger.faults),
                "s3_cut": here.s3.counts["cut"],
            },
            "table_requests": here.simulator.statistics.requests,
            "puts": here.simulator.statistics.items,
        }

    def _checked(self, found: Found, check_result: CheckResult) -> dict[str, Any]:
        statuses = Counter(str(entry["status"]) for entry in found.entries)
        complete = [entry for entry in found.entries if entry["status"] == Status.COMPLETE]
        return {
            "files": len(self.dropper.files),
            "segments": sum(map(is_segment, found.ledger)),
            "rows": sum(int(entry["rows_read"]) for entry in complete),
            "lost": check_result.lost,
            "doubled": check_result.doubled,
            "wrong": check_result.wrong,
            "stuck": check_result.stuck,
            "statuses": {**statuses, "": len(self.dropper.files) - statuses.total()},
            "problems": check_result.shown,
        }


def perform(settings: ChaosSettings, report: Callable[[str], None]) -> dict[str, Any]:
    """Run to the end; return its figures and problems. `report` gets a line now and then."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, begun(settings, Path(folder)) as run:
        inject_faults(run, report)
        settle(run, report)
        figures = run.result()
        if figures["problems"]:
            report(run.world.keep_logs())
        return figures


@contextmanager
def begun(settings: ChaosSettings, folder: Path) -> Iterator[ChaosRun]:
    """Give a run whose workers wait for work, for the length of the block."""
    with world.begun(settings.world, folder) as here:
        stack_client = here.stack_client
        reconcile = Every(settings.reconcile_every_s, None, lambda: stack_client.send(RECONCILE_MESSAGE))
        yield ChaosRun(settings, here, Dropper(stack_client, settings, time.monotonic), reconcile)


def inject_faults(run: ChaosRun, report: Callable[[str], None]) -> None:
    """Drop files and make trouble for as long as the settings say."""
    settings, fleet, chance = run.settings, run.world.fleet, random.Random(run.settings.seed + 2)
    kill = Every(settings.kill_every_s, chance, fleet.kill_one)
    freeze = Every(settings.freeze_every_s, chance, lambda: fleet.freeze_one(FREEZE_LEASES * settings.lease_s))
    progress = Every(REPORT_EVERY_S, None, lambda: report(run.state()))
    while time.monotonic() < run.world.begun_s + settings.seconds:
        if run.open_bytes() < settings.open_bytes:
            run.dropper.drop()
        run.look()
        for thing in (kill, freeze, progress):
            thing.look()


def settle(run: ChaosRun, report: Callable[[str], None]) -> None:
    """Let the workers finish what there is, without further trouble; faults of the services go on."""
    run.world.fleet.thaw()
    until_s = time.monotonic() + run.settings.patience_s
    progress = Every(REPORT_EVERY_S, None, lambda: report(run.state()))
    while time.monotonic() < until_s and not run.is_quiet():
        run.look()
        progress.look()


def _summed(logged: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the sums of what the reconciler says it found."""
    total: Counter[str] = Counter()
    for line in logged:
        total.update({name: line[name] for name in FINDINGS if name in line})
    return dict(total)
