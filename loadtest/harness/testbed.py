"""The product's function in worker processes, with services of ours that inject faults; and the results of a run.

The queue, ledger, rejects and events are the emulator's, with the deployed template. Rows go to a simulated table.
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
VISIBILITY_S = 30.0  # how long a message stays hidden if its worker is killed before it sets the timeout itself


@dataclass(frozen=True, kw_only=True)
class TestbedSettings:
    """The workers' services and the faults injected; each kind of run adds its own settings."""

    feeds: Path  # the feeds file that is deployed
    tables: Mapping[str, Table]  # the keys of its tables
    simulation: Simulation | None = None  # the capacity of each table. None: unlimited
    kept: frozenset[str] = frozenset()  # tables whose items are kept, for conditional writes: the latest stays
    not_summed: frozenset[str] = frozenset()  # attributes that depend on the load: excluded from checksums
    seed: int = 1
    skews_s: tuple[float, ...] = (0.0,)  # clock skew of each worker; one value for each worker
    function_s: float = 300.0
    lease_s: float = 10.0
    segment_bytes: int = 64 * 1024 * 1024
    checkpoint_s: int = 1
    redeliver: float = 0.0  # the share of messages redelivered while a worker is handling them
    max_receive_count: int = 5  # deliveries before the dead-letter queue
    cut_share: float = 0.0  # the share of S3 responses that are truncated
    variables: Mapping[str, str] = field(default_factory=dict)  # additional environment variables of the workers
    worker: str = "loadtest.harness.worker"  # the module that is run as a worker
    patience_s: float = 600.0  # limit for settling, after the last file is dropped

    def faults(self) -> tuple[Faults | None, Faults | None]:
        """Return the faults of requests about rows, and those of all other requests to DynamoDB."""
        return None, None

    def environment(self) -> dict[str, str]:
        """Return variables that the workers have in addition to the deployed function's, or with other values."""
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
    """Workers that poll for messages. Use it from one thread. `ended`: key and eTag of the files reported."""

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
        """The folder for objects of the landing bucket that are served as files."""
        return self.folder / "objects" / self.stack_client.bucket

    def look(self) -> None:
        """Restart ended workers, collect events, then pause."""
        self.fleet.look()
        self.events += (news := self.stack_client.take_events())
        self.ended |= {(event["key"], str(event.get("etag"))) for event in news}
        time.sleep(TICK_S)

    def watch(self, is_over: Callable[[], bool], *things: "Every", patience_s: float | None = None) -> None:
        """Call `look` and each of `things` repeatedly, until `is_over` or the time limit."""
        until_s = time.monotonic() + (self.settings.patience_s if patience_s is None else patience_s)
        while time.monotonic() < until_s and not is_over():
            self.look()
            for thing in things:
                thing.look()

    def settle(self) -> None:
        """Wait until a scheduled message that may have just arrived is handled, and for the last events."""
        self.watch(lambda: not self.stack_client.depth(), patience_s=LAST_MESSAGE_S)
        self.watch(lambda: False, patience_s=LAST_EVENT_S)

    def end(self, keys: Collection[str] | None = None) -> tuple[Found, Replayed]:
        """Stop the workers and the table; return what was found, and the replayed writes.

        `keys`: the run's objects, if the stack has had other runs; each of them then has one version only.
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
        """Copy the workers' logs to a folder, which is created."""
        folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.glob("worker-*.log"):
            shutil.copy(path, folder)


def deployed(settings: TestbedSettings) -> AbstractContextManager[StackClient]:
    """Return a context with the stack, for one or several testbeds in turn."""
    return prepared(settings.feeds, max_receive_count=settings.max_receive_count, visibility_s=VISIBILITY_S)


@contextmanager
def begun(settings: TestbedSettings, folder: Path, stack_client: StackClient) -> Iterator[Testbed]:
    """Yield a testbed whose workers are starting; it ends with the block. Its files are in `folder`."""
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
    """Repeats an action at a fixed interval or, with `chance`, at random intervals of that mean."""

    def __init__(self, seconds: float, chance: random.Random | None, action: Callable[[], None]) -> None:
        self._seconds, self._chance, self._action = seconds, chance, action
        self._next_s = time.monotonic() + self._pause_s()

    def look(self) -> None:
        """Run the action if it is due."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + self._pause_s()
            self._action()

    def _pause_s(self) -> float:
        return self._chance.expovariate(1 / self._seconds) if self._chance else self._seconds


def fared(testbed: Testbed) -> dict[str, Any]:
    """Return counts of kills, freezes, deployments, deliveries and hand-overs, of injected faults, and of puts."""
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
    """Return figures and problems of the files."""
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
