"""The target `sim`: the product's function in real processes at full speed; its rows go to simulated tables.

The queue, ledger, rejects and events are the emulator's, with the deployed template; objects are read from disk.
"""

import random
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from loadtest.checker.found import Expected
from loadtest.harness import testbed
from loadtest.harness.process import Usage
from loadtest.harness.stack_client import StackClient
from loadtest.harness.testbed import Testbed, TestbedSettings
from loadtest.s3_server.server import find
from loadtest.scenarios.catalog import FEEDS, Scenario, tables
from loadtest.scenarios.figures import FunctionLog, Observation, Results, usd
from loadtest.workload.changes import NOT_SUMMED

FUNCTION_S = 900.0
FIRST = "0001"  # sequencer of the only version of an object


@dataclass(frozen=True, slots=True, kw_only=True)
class SimTarget:
    """One emulator for any number of runs; each run has its own workers, tables and objects."""

    name: ClassVar[str] = "sim"
    stack_client: StackClient
    workers: int | None = None  # None: the scenario's number
    module: str = "loadtest.harness.worker"  # tests need broken workers
    variables: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def deployed(self, scenario: Scenario, run: str) -> Iterator["SimDeployment"]:
        """Yield workers that are starting, with empty tables and an empty landing bucket, during a block."""
        settings = TestbedSettings(
            feeds=FEEDS,
            tables=tables(),
            simulation=scenario.table,
            kept=scenario.kept,
            not_summed=NOT_SUMMED,
            skews_s=(0.0,) * (self.workers or scenario.workers),
            function_s=FUNCTION_S,
            lease_s=scenario.lease_s,
            segment_bytes=scenario.segment_bytes,
            variables=self.variables,
            worker=self.module,
        )
        with (
            tempfile.TemporaryDirectory(prefix="loadtest-sim-") as folder,
            testbed.begun(settings, Path(folder), self.stack_client) as here,
        ):
            yield SimDeployment(here, scenario.notices)


@contextmanager
def sim_target(*, workers: int | None = None) -> Iterator[SimTarget]:
    """Yield the target; its emulator stops when the block ends."""
    with testbed.deployed(TestbedSettings(feeds=FEEDS, tables=tables())) as stack_client:
        yield SimTarget(stack_client=stack_client, workers=workers)


class SimDeployment:
    """One run. Use it from one thread."""

    def __init__(self, testbed: Testbed, notices: int) -> None:
        self._testbed, self._stack_client, self._notices = testbed, testbed.stack_client, notices
        self._usage = Usage()
        self._sent = self._ledger_units_before = 0
        self._cpu_seconds_before = 0.0

    def write(self, key: str, portions: Iterable[bytes], *, most_bytes: int) -> None:
        """Write the file to the folder of the bucket's objects; no worker knows of it before the notification."""
        path = self._testbed.objects / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(portions)

    def get_ready(self) -> None:
        """Wait until all workers poll for messages."""
        self._testbed.fleet.wait_until_ready()
        self._stack_client.take_events()
        self._usage.look(self._testbed.fleet.pids)
        self._cpu_seconds_before, self._ledger_units_before = self._usage.cpu_seconds, self._testbed.ledger.costs.total

    def drop(self, files: Sequence[Expected]) -> None:
        """Send notifications of objects that `write` has stored, each as often as the scenario says."""
        bodies: list[str] = []
        for file in files:
            etag = find(self._testbed.objects, f"/{file.key}").etag.strip('"')
            sent = self._stack_client.notification(file.key, sequencer=FIRST, etag=etag, size=file.bytes)
            bodies += [sent] * self._notices
        random.Random(len(bodies)).shuffle(bodies)
        self._stack_client.send(*bodies)
        self._sent += len(bodies)

    def observe(self) -> Observation:
        """Return an observation."""
        self._testbed.fleet.look()
        self._usage.look(self._testbed.fleet.pids)
        queue = self._stack_client.depths()
        return Observation(
            backlog=queue.visible + queue.delayed,
            in_flight=queue.in_flight,
            rows=self._testbed.simulator.statistics.items,
            throttles=sum(self._testbed.simulator.statistics.limited_per_second),
            workers=self._usage.workers,
            cpu_seconds=self._usage.cpu_seconds - self._cpu_seconds_before,
            memory_bytes=self._usage.resident_bytes,
        )

    def ended(self) -> list[dict[str, Any]]:
        """Return the events about files received since the last call."""
        return self._stack_client.take_events()

    def results(self, keys: Sequence[str], events: Sequence[Mapping[str, Any]]) -> Results:
        """Stop the workers and the tables; return the results."""
        logs = sorted(self._testbed.folder.glob("worker-*.log"))
        log = FunctionLog.of((0.0, line) for path in logs for line in path.read_text(errors="replace").splitlines())
        found, replayed = self._testbed.end(keys)
        statistics = self._testbed.simulator.statistics
        units = replayed.write_units + self._testbed.ledger.costs.total - self._ledger_units_before
        received = [line["received"] for line in log.entries if "received" in line]
        cost = usd(
            write_units=units,
            worker_seconds=self._usage.cpu_seconds,
            invocations=len(received),
            queue_requests=self._sent + len(received) + sum(received),
            objects_put=self._testbed.s3.counts["writes"],
            object_reads=self._testbed.s3.counts["requests"],
        )
        return Results(
            found=replace(found, events=events),
            log=log,
            requests=replayed.requests + statistics.throttled_requests,
            throttled=sum(statistics.limited_per_second),
            write_units=units,
            usd=cost,
            peak_memory_bytes=self._usage.peak_bytes,
        )

    def keep_logs(self, folder: Path) -> None:
        """Copy the workers' logs to a folder, which is created."""
        self._testbed.keep_logs(folder)
