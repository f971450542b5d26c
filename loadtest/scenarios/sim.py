"""The target `sim`: the product's function in real processes; its rows go to a table that is simulated, at full speed.

Queue, ledger, rejects and events are those of the emulator with the deployed template; objects come from disk.
"""

import random
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ingest.contract import Env
from loadtest.checker.found import Expected, Found
from loadtest.harness.dynamodb_proxy import LedgerProxy
from loadtest.harness.process import Usage
from loadtest.harness.read_back import entries_of, rejects_of
from loadtest.harness.stack_client import StackClient, prepared
from loadtest.harness.workers import Fleet, environments
from loadtest.s3_server import ObjectServer
from loadtest.s3_server.files import find
from loadtest.scenarios.catalog import FEEDS, Scenario, tables
from loadtest.scenarios.log import FunctionLog
from loadtest.scenarios.measure import Observation, usd
from loadtest.scenarios.target import Results
from loadtest.simulator import Settings as SimulatorSettings
from loadtest.simulator import Simulator
from loadtest.simulator.replay import replay

MAX_RECEIVE_COUNT, VISIBILITY_S = 5, 120.0
FUNCTION_S = 900.0
FIRST = "0001"  # sequencer of the only version of an object


@dataclass(frozen=True, slots=True, kw_only=True)
class SimTarget:
    """One emulator for as many runs as are wanted; workers, table and objects are each run's own.

    Attributes:
        workers: how many; None: as the scenario says.
        module: the program of a worker, and `variables` for it: tests need broken ones.
    """

    name: ClassVar[str] = "sim"
    stack_client: StackClient
    workers: int | None = None
    module: str = "loadtest.harness.worker"
    variables: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def deployed(self, scenario: Scenario, run: str) -> Iterator["SimDeployment"]:
        """Give workers that start, an empty table, and an empty landing bucket for the length of a block."""
        with tempfile.TemporaryDirectory(prefix="loadtest-sim-") as folder, ExitStack() as running:
            yield SimDeployment(self, scenario, Path(folder), running)


@contextmanager
def sim_target(*, workers: int | None = None) -> Iterator[SimTarget]:
    """Give the target for the length of a block."""
    with prepared(FEEDS, max_receive_count=MAX_RECEIVE_COUNT, visibility_s=VISIBILITY_S) as stack_client:
        yield SimTarget(stack_client=stack_client, workers=workers)


class SimDeployment:
    """One run. Use it from one thread."""

    def __init__(self, target: SimTarget, scenario: Scenario, folder: Path, running: ExitStack) -> None:
        self._stack_client, self._scenario, self._folder, self._running = target.stack_client, scenario, folder, running
        self._objects, self._usage = folder / "objects", Usage()
        self._ledger = running.enter_context(LedgerProxy(self._stack_client.url, None))
        known = tables() if scenario.table else None
        settings = SimulatorSettings(tables=known, simulation=scenario.table, spool=folder / "spool")
        self._simulator = running.enter_context(Simulator(settings, elsewhere=self._ledger.elsewhere()))
        self._s3 = running.enter_context(ObjectServer(self._objects, upstream=self._stack_client.url))
        self._fleet = running.enter_context(
            self._workers(target, {"DYNAMODB": self._simulator.url, "S3": self._s3.url})
        )
        self._sent = self._ledger_units_before = 0
        self._cpu_seconds_before = 0.0

    def _workers(self, target: SimTarget, endpoints: Mapping[str, str]) -> Fleet:
        """Return workers that use these endpoints, once they are started; they need a moment."""
        base = {
            **self._stack_client.environment(),
            **target.variables,
            **{f"AWS_ENDPOINT_URL_{service}": url for service, url in endpoints.items()},
            Env.SEGMENT_BYTES: str(self._scenario.segment_bytes),
            Env.LEASE_S: str(self._scenario.lease_s),
            Env.CHECKPOINT_S: "1",
        }
        skews_s = (0.0,) * (target.workers or self._scenario.workers)
        workers = environments(base, skews_s=skews_s, root=FEEDS.parent, function_s=FUNCTION_S, redeliver=0.0)
        return Fleet(target.module, workers, self._folder, random.Random(1))

    def write(self, key: str, portions: Iterable[bytes], *, most_bytes: int) -> None:
        """Put the file where the bucket's objects lie; no one knows of it before the notification."""
        path = self._objects / self._stack_client.bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(portions)

    def get_ready(self) -> None:
        """Wait until all workers ask for messages."""
        self._fleet.wait_until_ready()
        self._stack_client.take_events()
        self._usage.look(self._fleet.pids)
        self._cpu_seconds_before, self._ledger_units_before = self._usage.cpu_seconds, self._ledger.costs.total

    def drop(self, files: Sequence[Expected]) -> None:
        """Send notifications of objects, each as often as the scenario says; they lie there already."""
        bodies = [body for file in files for body in [self._notification(file)] * self._scenario.notices]
        random.Random(len(bodies)).shuffle(bodies)
        self._stack_client.send(*bodies)
        self._sent += len(bodies)

    def _notification(self, file: Expected) -> str:
        etag = find(self._objects, f"/{self._stack_client.bucket}/{file.key}").etag.strip('"')
        return self._stack_client.notification(file.key, sequencer=FIRST, etag=etag, size=file.size)

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
            cpu_seconds=self._usage.cpu_seconds - self._cpu_seconds_before,
            memory_bytes=self._usage.resident_bytes,
        )

    def ended(self) -> list[dict[str, Any]]:
        """Return the events about files that have come since the last call."""
        return self._stack_client.take_events()

    def results(self, keys: Sequence[str], events: Sequence[Mapping[str, Any]]) -> Results:
        """End the workers and the table; return what all of it has come to."""
        depth, log = self._stack_client.depth(), FunctionLog.of((0.0, line) for line in self._lines())
        self._running.close()
        replayed, statistics = replay(self._folder / "spool", tables()), self._simulator.statistics
        entries = entries_of(self._stack_client.ledger(), self._stack_client.bucket, keys)
        found = Found(
            tables=replayed.tables,
            entries=entries,
            rejects=rejects_of(self._stack_client.rejects, entries),
            queue_depth=depth,
            dead_letters=self._stack_client.take_dead_letters(),
            events=events,
            troubles=self._troubles(log),
        )
        units = replayed.write_units + self._ledger.costs.total - self._ledger_units_before
        return Results(
            found=found,
            log=log,
            requests=replayed.requests + statistics.throttled_requests,
            throttled=sum(statistics.limited_per_second),
            write_units=units,
            usd=self._usd(units, log),
            peak_memory_bytes=self._usage.peak_bytes,
        )

    def _usd(self, write_units: int, log: FunctionLog) -> float:
        received = [line["received"] for line in log.entries if "received" in line]
        return usd(
            write_units=write_units,
            worker_seconds=self._usage.cpu_seconds,
            invocations=len(received),
            queue_requests=self._sent + len(received) + sum(received),
            objects_put=self._s3.counts["writes"],
            object_reads=self._s3.counts["requests"],
        )

    def keep_logs(self, folder: Path) -> None:
        """Copy the workers' logs to a folder, which is made."""
        shutil.copytree(self._folder, folder, ignore=shutil.ignore_patterns("objects", "spool*"), dirs_exist_ok=True)

    def _lines(self) -> Iterator[str]:
        for path in sorted(self._folder.glob("worker-*.log")):
            yield from path.read_text(errors="replace").splitlines()

    def _troubles(self, log: FunctionLog) -> list[str]:
        ended = [f"{count} workers {how}" for how, count in self._fleet.ended.items()]
        faults = sum(line.get("code") == "internal_fault" for line in log.entries)
        return ended + [f"{faults} messages met a bug: see the workers' logs"] * bool(faults)
