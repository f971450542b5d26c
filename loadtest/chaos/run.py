"""`python -m loadtest chaos`: drop files while workers are killed and frozen, wait until all is quiet, and judge."""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ingest.contract import RECONCILE_MESSAGE
from loadtest.chaos.uploads import MB, ChaosSettings, Dropper
from loadtest.checker.found import is_file, unfinished
from loadtest.checker.judge import judge
from loadtest.harness import testbed
from loadtest.harness.results import origin, write_document
from loadtest.harness.testbed import Every, Testbed, fared, figures

FREEZE_LEASES = 1.6  # a worker is frozen for this many leases: its lease has expired when it continues
REPORT_EVERY_S = 10.0
_GIVEN = ("seed", "kill_every_s", "deploy_every_s", "throttled", "max_receive_count", "patience_s")
_FARED = ("kills", "deployments", "begun_anew", "deliveries", "hand_overs")
_FOUND = ("files", "segments", "rows", "lost", "doubled", "wrong", "stuck")
Report = Callable[[str], None]


@dataclass(slots=True)
class ChaosRun:
    """A run in progress."""

    settings: ChaosSettings
    testbed: Testbed
    dropper: Dropper
    reconcile: Every

    def inject_faults(self, report: Report) -> None:
        """Drop files, and kill, freeze and deploy workers, for the time in the settings."""
        settings, fleet, chance = self.settings, self.testbed.fleet, random.Random(self.settings.seed + 2)
        kill = Every(settings.kill_every_s, chance, fleet.kill_one)
        freeze = Every(settings.freeze_every_s, chance, lambda: fleet.freeze_one(FREEZE_LEASES * settings.lease_s))
        things = [kill, freeze, Every(0.0, None, self._drop)]
        if settings.deploy_every_s:
            things.append(Every(settings.deploy_every_s, chance, self.deploy))
        self._watch(lambda: False, report, *things, patience_s=settings.seconds)

    def deploy(self) -> None:
        """Restart half of the workers with other settings, while the others continue with theirs."""
        fleet = self.testbed.fleet
        fleet.deploy(self.settings.deployment(fleet.deployments, self.testbed.folder))

    def settle(self, report: Report) -> None:
        """Wait for the workers to finish, without further kills or freezes; faults of the services continue."""
        self.testbed.fleet.thaw()
        self._watch(self._is_quiet, report)

    def result(self) -> dict[str, Any]:
        """End the run; return its figures, and the problems that were found."""
        seconds = round(time.monotonic() - self.testbed.begun_s, 1)
        self.testbed.settle()
        found = replace(self.testbed.end()[0], poison=frozenset(self.dropper.poison))
        check_result = judge(self.dropper.files, found)
        return {
            "seconds": seconds,
            "dropped": self.dropper.counts,
            **fared(self.testbed),
            **figures(self.dropper.files, found, check_result),
        }

    def _watch(self, is_over: Callable[[], bool], report: Report, *things: Every, **more: Any) -> None:
        progress = Every(REPORT_EVERY_S, None, lambda: report(self._state()))
        due = Every(0.0, None, self.dropper.do_what_is_due)
        self.testbed.watch(is_over, due, self.reconcile, progress, *things, **more)

    def _drop(self) -> None:
        if self._open_bytes() < self.settings.open_bytes:
            self.dropper.drop()

    def _open_bytes(self) -> int:
        """Return the total size of dropped files that have not ended."""
        return sum(file.bytes for file in self.dropper.files if (file.key, file.etag) not in self.testbed.ended)

    def _is_quiet(self) -> bool:
        """Return whether all files that must end are reported, and no message, work or reconciler's lease is left."""
        awaited = {(file.key, file.etag) for file in self.dropper.files if "" not in file.statuses}
        if self.dropper.has_more or not awaited <= self.testbed.ended or self.testbed.stack_client.depth():
            return False
        ledger = self.testbed.stack_client.ledger()
        return all("reported" in entry for entry in filter(is_file, ledger)) and not any(unfinished(ledger))

    def _state(self) -> str:
        """Return the progress as one line."""
        here = self.testbed
        return (
            f"{time.monotonic() - here.begun_s:5.0f} s: {len(self.dropper.files)} files dropped, "
            f"{len(here.ended)} ended, {self._open_bytes() / MB:.0f} MB open, {here.stack_client.depth()} messages, "
            f"{here.fleet.ended['killed']} kills, {here.simulator.statistics.items:,} puts"
        )


def perform(settings: ChaosSettings, report: Report) -> dict[str, Any]:
    """Run to the end; return its figures and problems. `report` gets a progress line from time to time."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, begun(settings, Path(folder)) as begun_run:
        begun_run.inject_faults(report)
        begun_run.settle(report)
        found = begun_run.result()
        if found["problems"]:
            kept = Path(tempfile.mkdtemp(prefix="chaos-logs-"))
            begun_run.testbed.keep_logs(kept)
            report(f"The logs of the workers are in {kept}.")
        return found


@contextmanager
def begun(settings: ChaosSettings, folder: Path) -> Iterator[ChaosRun]:
    """Yield a run whose workers wait for messages; it ends with the block."""
    with testbed.deployed(settings) as stack_client, testbed.begun(settings, folder, stack_client) as here:
        reconcile = Every(settings.reconcile_every_s, None, lambda: stack_client.send(RECONCILE_MESSAGE))
        yield ChaosRun(settings, here, Dropper(stack_client, settings, time.monotonic), reconcile)


OPTIONS = {
    "minutes": (3.0, "how long files are dropped and workers killed"),
    "kill-every-s": (5.0, "mean time between two kills"),
    "deploy-every-s": (30.0, "between deployments; 0: none"),
    "throttled": (0.3, "share of writes that is throttled"),
    "max-receive-count": (15, "deliveries before the dead-letter queue"),
    "patience-s": (600.0, "how long all may take to settle then"),
}


def run(arguments: argparse.Namespace) -> int:
    """Perform the run; return 1 if anything is wrong."""
    given = {name: value for name, value in vars(arguments).items() if name in _GIVEN}
    settings = ChaosSettings(seconds=60 * arguments.minutes, **given)
    found = perform(settings, lambda line: print(line, flush=True))
    for name in (*_FARED, *_FOUND):
        print(f"{name:>12}: {found[name]:,}")
    for problem in found["problems"]:
        print(f"WRONG: {problem}")
    write_document(arguments.out, origin(seed=arguments.seed) | found)
    print("result: " + ("WRONG" if found["problems"] else "all rows accounted for"))
    return 1 if found["problems"] else 0
