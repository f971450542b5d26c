"""The product's function in worker processes, between services that are ours and fail as asked; and what it leaves.

Queue, ledger, rejects and events are those of the emulator with the deployed template. Rows go to a simulated table.
"""

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ingest.contract import Env, Status
from loadtest.checker.found import Expected, Found, is_file, is_segment
from loadtest.checker.judge import CheckResult
from loadtest.harness.dynamodb_proxy import LedgerProxy
from loadtest.harness.read_back import entries_of, rejects_of, with_segments
from loadtest.harness.stack_client import StackClient, prepared
from loadtest.harness.workers import Fleet
from loadtest.s3_server import ObjectServer
from loadtest.simulator import Faults, Settings, Simulation, Simulator, Table
from loadtest.simulator.written_items import Replayed, replay
from loadtest.workload.changes import VERSION

TICK_S = 0.1
LAST_MESSAGE_S, LAST_EVENT_S = 30.0, 1.0
VISIBILITY_S = 30.0  # so long the message of a worker stays hidden that was killed before it could set that itself


@dataclass(frozen=True, kw_only=True)
class TestbedSettings:
    """What stands around the workers, and how they fare; a kind of run adds what is its own."""

    feeds: Path  # the feeds file that is deployed
    tables: Mapping[str, Table]  # the keys of its tables
    simulation: Simulation | None = None  # what each table can take. None: anything
    kept: frozenset[str] = frozenset()  # tables whose items decide what becomes of a row: the latest version stays
    not_summed: frozenset[str] = frozenset()  # attributes that are about the load, and in no checksum
    seed: int = 1
    skews_s: tuple[float, ...] = (0.0,)  # by how much the clock of each worker is off: one for each worker
    function_s: float = 300.0
    lease_s: float = 10.0
    segment_bytes: int = 64 * 1024 * 1024
    checkpoint_s: int = 1
    redeliver: float = 0.0  # the share of messages that come back while their worker lives
    max_receive_count: int = 5  # deliveries before the dead-letter queue
    cut_share: float = 0.0  # the share of answers of S3 that end in their middle
    variables: Mapping[str, str] = field(default_factory=dict)  # more of them for the workers
    worker: str = "loadtest.harness.worker"  # the module that is run as a worker
    patience_s: float = 600.0  # how long all may take to settle, once no more is dropped

    def faults(self) -> tuple[Faults | None, Faults | None]:
        """Return what goes wrong with requests about rows, and with all other requests to DynamoDB."""
        return None, None

    def environment(self) -> dict[str, str]:
        """Return what the workers' variables say beside those of the deployed function, or otherwise."""
        return {
            **self.variables,
            "CHAOS_FUNCTION_S": str(self.function_s),
            "CHAOS_REDELIVER": str(self.redeliver),
            "CHAOS_ROOT": str(self.feeds.parent),
            "PYTHONUNBUFFERED": "1",
            Env.SEGMENT_BYTES: str(self.segment_bytes),
            Env.LEASE_S: str(self.lease_s),
            Env.CHECKPOINT_S: str(self.checkpoint_s),
            Env.STOP_BEFORE_END_S: "15",
            Env.MAX_RECEIVE_COUNT: str(self.max_receive_count),
        }


@dataclass(slots=True)
class Testbed:
    """Workers that wait for messages. Use it from one thread. `ended`: key and eTag of what was reported."""

    settings: TestbedSettings
    folder: Path
    stack_client: StackClient
    ledger: LedgerProxy
    simulator: Simulator
    s3: ObjectServer
    fleet: Fleet
    running: ExitStack
    begun_s: float = field(default_factory=time.monotonic)
    events: list[dict[str, Any]] = field(default_factory=list)
    ended: set[tuple[str, str]] = field(default_factory=set)

    @property
    def objects(self) -> Path:
        """Where objects of the landing bucket may lie as files."""
        return self.folder / "objects" / self.stack_client.bucket

    def look(self) -> None:
        """Look after the workers, and at what was reported; then pause."""
        self.fleet.look()
        self.events += (news := self.stack_client.take_events())
        self.ended |= {(event["key"], str(event.get("etag"))) for event in news}
        time.sleep(TICK_S)

    def watch(self, is_over: Callable[[], bool], *things: "Every", patience_s: float | None = None) -> None:
        """Look until something is so, and do these things meanwhile; then, or out of patience, return."""
        until_s = time.monotonic() + (self.settings.patience_s if patience_s is None else patience_s)
        while time.monotonic() < until_s and not is_over():
            self.look()
            for thing in things:
                thing.look()

    def settle(self) -> None:
        """Wait for a message of the schedule that may just have come, and for the last events."""
        self.watch(lambda: not self.stack_client.depth(), patience_s=LAST_MESSAGE_S)
        self.watch(lambda: False, patience_s=LAST_EVENT_S)

    def end(self, keys: Collection[str] | None = None) -> tuple[Found, Replayed]:
        """End the workers and the table; return what all of it has come to, and the writes that led there.

        `keys`: those of the run's objects, where the stack has had other runs; each of them has one version then.
        """
        client, depth, late = self.stack_client, self.stack_client.depth(), self.simulator.written_items.out_of_order
        self.running.close()
        settings = self.settings
        replayed = replay(self.folder / "spool", settings.tables, not_summed=settings.not_summed)
        ledger = client.ledger()
        entries = (
            [*map(with_segments, filter(is_file, ledger))] if keys is None else entries_of(ledger, client.bucket, keys)
        )
        found = Found(
            tables={
                name: replace(table, overwritten=None) if name in settings.kept else table
                for name, table in replayed.tables.items()
            },
            entries=entries,
            rejects=rejects_of(client.rejects, entries, by_version=keys is None),
            ledger=ledger if keys is None else (),
            queue_depth=depth,
            dead_letters=client.take_dead_letters(),
            events=self.events,
            troubles=[*self.fleet.troubles(), *([f"{late:,} items gave way to older ones"] if late else [])],
        )
        return found, replayed

    def keep_logs(self, folder: Path) -> None:
        """Copy the workers' logs to a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.glob("worker-*.log"):
            shutil.copy(path, folder)


def deployed(settings: TestbedSettings) -> AbstractContextManager[StackClient]:
    """Return the stack for one testbed or for several, one after the other."""
    return prepared(settings.feeds, max_receive_count=settings.max_receive_count, visibility_s=VISIBILITY_S)


@contextmanager
def begun(settings: TestbedSettings, folder: Path, stack_client: StackClient) -> Iterator[Testbed]:
    """Give a testbed whose workers start, for the length of the block; its files are in `folder`."""
    with ExitStack() as running:
        table_faults, ledger_faults = settings.faults()
        ledger = running.enter_context(LedgerProxy(stack_client.stack.endpoint_url, ledger_faults))
        is_read = table_faults or settings.simulation or settings.kept
        simulated = Settings(
            tables=settings.tables if is_read else None,
            simulation=settings.simulation,
            faults=table_faults,
            spool=folder / "spool",
            keeps_items=settings.kept,
            sequence=VERSION if settings.kept else None,
        )
        simulator = running.enter_context(Simulator(simulated, elsewhere=ledger.answer))
        served = ObjectServer(
            folder / "objects",
            upstream=stack_client.stack.endpoint_url,
            cut_share=settings.cut_share,
            seed=settings.seed,
        )
        s3 = running.enter_context(served)
        endpoints = {"AWS_ENDPOINT_URL_DYNAMODB": simulator.url, "AWS_ENDPOINT_URL_S3": s3.url}
        base = {**stack_client.environment(), **settings.environment(), **endpoints}
        workers = [{**base, "CHAOS_SKEW_S": str(skew)} for skew in settings.skews_s]
        fleet = running.enter_context(Fleet(settings.worker, workers, folder, random.Random(settings.seed)))
        yield Testbed(settings, folder, stack_client, ledger, simulator, s3, fleet, running)


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


def fared(testbed: Testbed) -> dict[str, Any]:
    """Return how often workers ended and messages were delivered, and what went wrong with the services."""
    fleet, statistics, log = testbed.fleet, testbed.simulator.statistics, list(testbed.fleet.log())
    cut = testbed.s3.counts["cut"]
    return {
        "kills": fleet.ended["killed"],
        "freezes": fleet.freezes,
        "deployments": fleet.deployments,
        "deliveries": sum(line.get("received", 0) for line in log),
        "hand_overs": sum(line.get("message") == "message handed over" for line in log),
        "faults": {"table": dict(statistics.faults), "ledger": dict(testbed.ledger.faults), "s3_cut": cut},
        "puts": statistics.items,
    }


def figures(files: Sequence[Expected], found: Found, check_result: CheckResult) -> dict[str, Any]:
    """Return what was found of the files."""
    complete = [entry for entry in found.entries if entry["status"] == Status.COMPLETE]
    return {
        "files": len(files),
        "begun_anew": sum(bool(entry["file"].get("retry")) for entry in found.entries),
        "segments": sum(map(is_segment, found.ledger)),
        "rows": sum(int(entry["rows_read"]) for entry in complete),
        "lost": check_result.lost,
        "doubled": check_result.doubled,
        "wrong": check_result.wrong,
        "stuck": check_result.stuck,
        "statuses": Counter(str(entry["status"]) for entry in found.entries),
        "problems": check_result.shown,
    }
