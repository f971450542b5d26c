"""The target `sim`: the product's function in real processes; its rows go to a table that is simulated, at full speed.

Queue, ledger, rejects and events are those of the emulator with the deployed template; objects come from disk.
"""

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ingest.contract import Env
from loadtest.checker.found import Found
from loadtest.harness.dynamodb_proxy import LedgerProxy
from loadtest.harness.process import Usage
from loadtest.harness.read_back import entries_of, rejects_of
from loadtest.harness.stack_client import StackClient, prepared
from loadtest.harness.workers import Fleet, environments
from loadtest.measure.log import Invocation
from loadtest.measure.observation import Observation
from loadtest.measure.price import Bill
from loadtest.run.target import Drop, write_file
from loadtest.s3_server import ObjectServer
from loadtest.s3_server.files import find
from loadtest.scenarios.scenario import FEEDS, Scenario, tables
from loadtest.simulator import Settings as SimulatorSettings
from loadtest.simulator import Simulator
from loadtest.simulator.replay import Replayed, replay

MAX_RECEIVE_COUNT, VISIBILITY_S = 5, 120.0
FUNCTION_S = 900.0
WORKER = "loadtest.harness.worker"


class SimTarget:
    """One emulator for as many runs as are wanted; workers, table and objects are each run's own."""

    name = "sim"

    def __init__(self, *, workers: int | None = None) -> None:
        """`workers`: other than the scenario says."""
        self._workers, self._module, self._more = workers, WORKER, dict[str, str]()
        self._stack = ExitStack()
        self._stack_client: StackClient | None = None

    def __enter__(self) -> Self:
        stack_client = prepared(FEEDS, max_receive_count=MAX_RECEIVE_COUNT, visibility_s=VISIBILITY_S)
        self._stack_client = self._stack.enter_context(stack_client)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def with_workers(self, module: str, more: Mapping[str, str]) -> Self:
        """Return the same target with another program as worker, and variables for it: tests need broken ones."""
        other = copy(self)
        other._module, other._more = module, dict(more)
        return other

    @contextmanager
    def deployed(self, scenario: Scenario, seed: int, run: str) -> Iterator["SimDeployment"]:
        """Give workers that start, an empty table, and an empty landing bucket for the length of a block."""
        with tempfile.TemporaryDirectory(prefix="loadtest-sim-") as folder, ExitStack() as running:
            assert self._stack_client, "only within a `with` block"
            deployment = SimDeployment(self._stack_client, Path(folder), scenario, running)
            count = self._workers or scenario.workers
            base = {**self._stack_client.environment(), **self._more, **deployment.endpoints(), **_timing(scenario)}
            workers = environments(
                base, skews_s=(0.0,) * count, root=FEEDS.parent, function_s=FUNCTION_S, redeliver=0.0
            )
            deployment.start(Fleet(self._module, workers, Path(folder), random.Random(seed)))
            yield deployment


class SimDeployment:
    """One run. Use it from one thread."""

    def __init__(self, stack_client: StackClient, folder: Path, scenario: Scenario, running: ExitStack) -> None:
        self._stack_client, self._folder, self._running, self._usage = stack_client, folder, running, Usage()
        self._objects = folder / "objects"
        self._ledger = running.enter_context(LedgerProxy(stack_client.url, None))
        self._simulator = running.enter_context(
            Simulator(self._simulator_settings(scenario), elsewhere=self._ledger.elsewhere())
        )
        self._s3 = running.enter_context(ObjectServer(self._objects, upstream=stack_client.url))
        self._replayed = Replayed()
        self._sent = 0
        self._at_start = (0.0, 0)

    def endpoints(self) -> dict[str, str]:
        """Return the variables that point workers to what is simulated."""
        return {"AWS_ENDPOINT_URL_DYNAMODB": self._simulator.url, "AWS_ENDPOINT_URL_S3": self._s3.url}

    def start(self, fleet: Fleet) -> None:
        """Start the workers; they need a moment."""
        self._fleet = self._running.enter_context(fleet)

    def write(self, key: str, portions: Iterable[bytes], *, most_bytes: int) -> None:
        """Put the file where the bucket's objects lie; no one knows of it before the notification."""
        write_file(self._objects / self._stack_client.bucket / key, portions)

    def get_ready(self) -> None:
        """Wait until all workers ask for messages."""
        self._fleet.wait_until_ready()
        self._stack_client.take_events()
        self._usage.look(self._fleet.pids)
        self._at_start = self._usage.cpu_seconds, self._ledger.costs.total

    def drop(self, drops: Sequence[Drop]) -> None:
        """Send notifications of objects, each as often as it says; they lie there already."""
        bodies = [body for drop in drops for body in [self._news(drop)] * drop.notices]
        random.Random(len(bodies)).shuffle(bodies)
        self._stack_client.send(*bodies)

    def _news(self, drop: Drop) -> str:
        found = find(self._objects, f"/{self._stack_client.bucket}/{drop.key}")
        self._sent += 1
        return self._stack_client.notification(
            drop.key, sequencer=f"{self._sent:016X}", etag=found.etag.strip('"'), size=found.size
        )

    def observe(self) -> Observation:
        """Return how things stand."""
        self._fleet.look()
        self._usage.look(self._fleet.pids)
        queue = self._stack_client.depths()
        return Observation(
            backlog=queue.waiting,
            in_flight=queue.in_flight,
            rows=self._simulator.statistics.items,
            throttles=sum(self._simulator.statistics.limited_per_second),
            workers=self._usage.workers,
            cpu_seconds=self._usage.cpu_seconds - self._at_start[0],
            memory_bytes=self._usage.resident_bytes,
            peak_memory_bytes=self._usage.peak_bytes,
        )

    def ended(self) -> list[dict[str, Any]]:
        """Return the events about files that have come since the last call."""
        return self._stack_client.take_events()

    def log(self) -> list[Mapping[str, Any]]:
        """Return what the workers have logged."""
        return list(self._fleet.log())

    def invocations(self) -> Sequence[Invocation]:
        """The workers are looked at themselves."""
        return ()

    def read_back(self, keys: Sequence[str], events: Sequence[Mapping[str, Any]]) -> Found:
        """End the workers and the table; return what all of it has come to."""
        depth, troubles = self._stack_client.depth(), self._troubles()
        self._running.close()
        self._replayed = replay(self._folder / "spool", tables())
        entries = entries_of(self._stack_client.ledger(), self._stack_client.bucket, keys)
        return Found(
            tables=self._replayed.tables,
            entries=entries,
            rejects=rejects_of(self._stack_client.rejects, entries),
            queue_depth=depth,
            dead_letters=self._stack_client.take_dead_letters(),
            events=events,
            troubles=troubles,
        )

    def requests(self, log: Sequence[Mapping[str, Any]]) -> tuple[int, float]:
        """Return how many requests to the table there were, and which share found no capacity for all they asked."""
        statistics = self._simulator.statistics
        asked = self._replayed.requests + statistics.throttled_requests
        return asked, sum(statistics.limited_per_second) / asked if asked else 0.0

    def bill(self, log: Sequence[Mapping[str, Any]]) -> Bill:
        """Return what was used."""
        received = [line["received"] for line in log if "received" in line]
        return Bill(
            write_units=self._replayed.write_units + self._ledger.costs.total - self._at_start[1],
            worker_seconds=self._usage.cpu_seconds - self._at_start[0],
            invocations=len(received),
            queue_requests=self._sent + len(received) + sum(received),
            objects_put=self._s3.counts["writes"],
            object_reads=self._s3.counts["requests"],
        )

    def keep_logs(self, folder: Path) -> None:
        """Copy the workers' logs to a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.glob("worker-*.log"):
            shutil.copy(path, folder)

    def clean_up(self) -> None:
        """Nothing outlives the deployment but entries of the emulator's ledger, which goes with the target."""

    def _simulator_settings(self, scenario: Scenario) -> SimulatorSettings:
        known = tables() if scenario.table else None
        return SimulatorSettings(tables=known, simulation=scenario.table, spool=self._folder / "spool")

    def _troubles(self) -> list[str]:
        ended = [f"{count} workers {how}" for how, count in self._fleet.ended.items()]
        codes = Counter(str(line["code"]) for line in self._fleet.log() if line.get("code") == "internal_fault")
        return ended + [f"{count} messages met a bug ({code}): see the workers' logs" for code, count in codes.items()]


def _timing(scenario: Scenario) -> dict[str, str]:
    return {Env.SEGMENT_BYTES: str(scenario.segment_bytes), Env.LEASE_S: str(scenario.lease_s), Env.CHECKPOINT_S: "1"}
