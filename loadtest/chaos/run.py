"""One chaos run: the stack, the proxies, the workers; files and faults; then quiet, and the result."""

import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.contract import FINAL_STATUSES, RECONCILE_MESSAGE, Env, LedgerKeys
from loadtest.chaos.checks import ChaosFound, ChaosResult, Judge
from loadtest.chaos.settings import FEEDS, MB, TABLE, TABLES, ChaosSettings
from loadtest.chaos.uploads import Dropper
from loadtest.harness.dynamodb_proxy import LedgerProxy
from loadtest.harness.s3_proxy import Proxy, S3Proxy
from loadtest.harness.stack_client import StackClient, prepared
from loadtest.harness.workers import Fleet, environments
from loadtest.simulator import Settings, Simulator

LAST_MESSAGE_S = 30.0
TICK_S = 0.1
FREEZE_LEASES = 1.6  # so long a worker is stopped: its lease has run out when it goes on
REPORT_EVERY_S = 10.0
_BUG = "internal_fault"
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
    """A run that is under way, and what it has come to."""

    settings: ChaosSettings
    stack_client: StackClient
    simulator: Simulator
    ledger: LedgerProxy
    s3: Proxy
    fleet: Fleet
    dropper: Dropper
    events: list[dict[str, Any]]
    begun_s: float
    reconcile: "Every"
    ended: set[tuple[str, str]] = field(default_factory=set)  # key and eTag of what was reported

    def look(self) -> None:
        """Look after workers, what is due, and what was reported; then pause."""
        self.fleet.look()
        self.dropper.do_what_is_due()
        self.reconcile.look()
        self.events += (news := self.stack_client.take_events())
        self.ended |= {(event["key"], str(event.get("etag"))) for event in news}
        time.sleep(TICK_S)

    def open_bytes(self) -> int:
        """Return how many bytes of files are dropped and have not ended."""
        return sum(version.size for version in self.dropper.versions if (version.key, version.etag) not in self.ended)

    def is_quiet(self) -> bool:
        """Return whether all that must end has ended, and nothing is left to do."""
        awaited = {(version.key, version.etag) for version in self.dropper.versions if "" not in version.may_end}
        if self.dropper.has_more or not awaited <= self.ended or self.stack_client.depth():
            return False
        files = [
            entry
            for entry in self.stack_client.ledger()
            if str(entry[LedgerKeys.SORT_KEY]).startswith(LedgerKeys.FILE_PREFIX)
        ]
        return all(entry["status"] in FINAL_STATUSES and "reported" in entry for entry in files)

    def state(self) -> str:
        """Return how things stand, as one line."""
        return (
            f"{time.monotonic() - self.begun_s:5.0f} s: {len(self.dropper.versions)} files dropped, "
            f"{len(self.ended)} ended, {self.open_bytes() / MB:.0f} MB open, {self.stack_client.depth()} messages, "
            f"{self.fleet.ended['killed']} kills, {self.simulator.statistics.items:,} puts"
        )

    def _depth_left(self) -> int:
        """Return how many messages stay in the queue: one of the stack's schedule may just have come, and be taken."""
        until_s = time.monotonic() + LAST_MESSAGE_S
        while (depth := self.stack_client.depth()) and time.monotonic() < until_s:
            time.sleep(TICK_S)
        return depth

    def check_result(self) -> ChaosResult:
        """Return the result."""
        found = ChaosFound(
            ledger=self.stack_client.ledger(),
            table={(key[0], key[1]): digest for key, digest in self.simulator.written_items.digests(TABLE).items()},
            rejects=self.stack_client.rejects,
            dead_letters=self.stack_client.take_dead_letters(),
            queue_depth=self._depth_left(),
            events=self.events,
        )
        check_result = Judge(self.stack_client.bucket, self.dropper.versions, self.dropper.poison, found).judge()
        check_result.problems += [f"{count} workers {how}" for how, count in self.fleet.ended.items() if "crash" in how]
        check_result.problems += sorted({f"a bug: {line}" for line in self.fleet.log() if line.get("code") == _BUG})
        return check_result

    def document(self, check_result: ChaosResult) -> dict[str, Any]:
        """Return the figures as JSON takes them."""
        log = list(self.fleet.log())
        said = Counter(str(line.get("message")) for line in log)
        return {
            "seconds": round(time.monotonic() - self.begun_s, 1),
            "kills": self.fleet.ended["killed"],
            "freezes": self.fleet.freezes,
            "ended": dict(self.fleet.ended),
            "dropped": self.dropper.counts,
            "deliveries": sum(line.get("received", 0) for line in log),
            "redelivered_to_live_workers": sum(line.get("redelivered", 0) for line in log),
            "hand_overs": said["message handed over"],
            "came_back": said["message will be retried"],
            "put_back": said["work put back"],
            "reconciled": _summed(line for line in log if line.get("message") == "reconciled"),
            "faults": {
                "table": dict(self.simulator.statistics.faults),
                "ledger": dict(self.ledger.faults),
                "s3_cut": self.s3.cut,
            },
            "table_requests": self.simulator.statistics.requests,
            "puts": self.simulator.statistics.items,
            **check_result.document(),
        }


def perform(settings: ChaosSettings, report: Callable[[str], None]) -> tuple[ChaosResult, dict[str, Any]]:
    """Run to the end; return the result, and all figures with it. `report` gets a line now and then."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, begun(settings, Path(folder)) as run:
        inject_faults(run, report)
        settle(run, report)
        check_result = run.check_result()
        document = run.document(check_result)
        if check_result.problems:
            report(_kept_logs(Path(folder)))
        return check_result, document


def inject_faults(run: ChaosRun, report: Callable[[str], None]) -> None:
    """Drop files and make trouble for as long as the settings say."""
    settings, chance = run.settings, random.Random(run.settings.seed + 2)
    kill = Every(settings.kill_every_s, chance, run.fleet.kill_one)
    freeze = Every(settings.freeze_every_s, chance, lambda: run.fleet.freeze_one(FREEZE_LEASES * settings.lease_s))
    progress = Every(REPORT_EVERY_S, None, lambda: report(run.state()))
    while time.monotonic() < run.begun_s + settings.seconds:
        if run.open_bytes() < settings.open_bytes:
            run.dropper.drop()
        run.look()
        for thing in (kill, freeze, progress):
            thing.look()


def settle(run: ChaosRun, report: Callable[[str], None]) -> None:
    """Let the workers finish what there is, without further trouble; faults of the services go on."""
    run.fleet.thaw()
    until_s = time.monotonic() + run.settings.patience_s
    progress = Every(REPORT_EVERY_S, None, lambda: report(run.state()))
    while time.monotonic() < until_s and not run.is_quiet():
        run.look()
        progress.look()
    time.sleep(1.0)  # a worker that has sent its last event deletes the message
    run.look()


class Every:
    """Does a thing again and again: at fixed times, or, with `chance`, at random moments of that mean distance."""

    def __init__(self, seconds: float, chance: random.Random | None, action: Callable[[], None]) -> None:
        self._seconds, self._chance, self._action = seconds, chance, action
        self._next_s = time.monotonic() + self._pause_s()

    def look(self) -> None:
        """Do it if it is time."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + self._pause_s()
            self._action()

    def _pause_s(self) -> float:
        return self._chance.expovariate(1 / self._seconds) if self._chance else self._seconds


def _kept_logs(folder: Path) -> str:
    """Copy the workers' logs to where they stay; return where that is, as a line to be printed."""
    kept = Path(tempfile.mkdtemp(prefix="chaos-logs-"))
    for path in folder.glob("*.log"):
        shutil.copy(path, kept)
    return f"The logs of the workers are in {kept}."


@contextmanager
def begun(settings: ChaosSettings, folder: Path, more: Mapping[str, str] | None = None) -> Iterator[ChaosRun]:
    """Give a run whose workers wait for work, for the length of the block; `more` are variables for them."""
    with ExitStack() as stack:
        stack_client = stack.enter_context(
            prepared(
                FEEDS,
                max_receive_count=settings.max_receive_count,
                visibility_s=settings.function_s + settings.lease_s,
            )
        )
        ledger = stack.enter_context(LedgerProxy(stack_client.url, settings.ledger_faults))
        simulator_settings = Settings(tables=TABLES, keep="digests", faults=settings.table_faults)
        simulator = stack.enter_context(Simulator(simulator_settings, elsewhere=ledger.elsewhere()))
        proxy = Proxy(stack_client.url, cut_share=settings.cut_share, seed=settings.seed)
        s3 = stack.enter_context(S3Proxy(proxy))
        base = {
            **stack_client.environment(),
            **(more or {}),
            "AWS_ENDPOINT_URL_DYNAMODB": simulator.url,
            "AWS_ENDPOINT_URL_S3": s3.url,
            Env.SEGMENT_BYTES: str(settings.segment_bytes),
            Env.LEASE_S: str(settings.lease_s),
            Env.STUCK_S: str(settings.stuck_s),
            Env.CHECKPOINT_S: "1",
            Env.STOP_BEFORE_END_S: "15",
        }
        workers = environments(
            base,
            skews_s=settings.skews_s,
            root=FEEDS.parent,
            function_s=settings.function_s,
            redeliver=settings.redeliver,
        )
        chance = random.Random(settings.seed)
        fleet = stack.enter_context(Fleet(settings.worker, workers, folder, chance))
        dropper = Dropper(stack_client, settings, time.monotonic)
        reconcile = Every(settings.reconcile_every_s, None, lambda: stack_client.send(RECONCILE_MESSAGE))
        yield ChaosRun(
            settings, stack_client, simulator, ledger, proxy, fleet, dropper, [], time.monotonic(), reconcile
        )


def _summed(logged: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Return the sums of what the reconciler says it found."""
    total: Counter[str] = Counter()
    for line in logged:
        total.update({name: line[name] for name in FINDINGS if name in line})
    return dict(total)
