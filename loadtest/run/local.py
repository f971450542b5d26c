"""The target `local`: the whole product in the emulator, as its template says; tables are read back row by row."""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from infra.local.stack import LocalStack, local_stack
from ingest.contract import Output, table_output
from loadtest.checker.found import Found
from loadtest.harness.process import Usage, members
from loadtest.harness.read_back import entries_of, read_table, rejects_of
from loadtest.harness.stack_client import StackClient
from loadtest.measure.emf import requests_reported
from loadtest.measure.log import Invocation, Log
from loadtest.measure.observation import Observation
from loadtest.measure.price import Bill
from loadtest.run.target import Drop, write_file
from loadtest.scenarios.scenario import FEEDS, Scenario, tables


class LocalTarget:
    """A fresh emulator for each run."""

    name = "local"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass

    @contextmanager
    def deployed(self, scenario: Scenario, seed: int, run: str) -> Iterator["LocalDeployment"]:
        """Give the deployed stack for the length of a block."""
        with tempfile.TemporaryDirectory(prefix="loadtest-local-") as folder, local_stack(FEEDS) as stack:
            stack_client = StackClient(stack)
            stack_client.collect_events()
            try:
                yield LocalDeployment(stack, stack_client, Path(folder))
            finally:
                stack_client.close()


class LocalDeployment:
    """One run. Use it from one thread."""

    def __init__(self, stack: LocalStack, stack_client: StackClient, folder: Path) -> None:
        self._stack, self._stack_client, self._folder, self._usage = stack, stack_client, folder, Usage()
        self._dynamodb, self._logs = stack.client("dynamodb"), stack.client("logs")
        self._log = Log(self._logs, stack.outputs[Output.LOG_GROUP])
        self._names = {name: stack.outputs[table_output(name)] for name in tables()}
        self._sent = 0

    def write(self, key: str, portions: Iterable[bytes], *, most_bytes: int) -> None:
        """Keep the file on disk."""
        write_file(self._folder / key, portions)

    def get_ready(self) -> None:
        """Nothing to wait for: functions start with the first message, as they do on AWS."""
        self._stack_client.take_events()

    def drop(self, drops: Sequence[Drop]) -> None:
        """Put objects; the bucket sends notifications, or we do where more than one of each is wanted."""
        if any(drop.notices > 1 for drop in drops):
            self._stack_client.stop_notifications()
        for drop in drops:
            etag = self._stack_client.drop_file(drop.key, self._folder / drop.key)
            self._sent += 1
            if drop.notices > 1:
                body = self._stack_client.notification(
                    drop.key, sequencer=f"{self._sent:016X}", etag=etag, size=drop.size
                )
                self._stack_client.send(*[body] * drop.notices)

    def observe(self) -> Observation:
        """Return how things stand."""
        self._usage.look(members(self._stack.emulator.pid))
        queue = self._stack_client.depths()
        return Observation(
            backlog=queue.waiting,
            in_flight=queue.in_flight,
            rows=sum(self._count(name) for name in self._names.values()),
            workers=self._usage.workers,
            cpu_seconds=self._usage.cpu_seconds,
            memory_bytes=self._usage.resident_bytes,
            peak_memory_bytes=self._usage.peak_bytes,
        )

    def ended(self) -> list[dict[str, Any]]:
        """Return the events about files that have come since the last call."""
        return self._stack_client.take_events()

    def log(self) -> list[Mapping[str, Any]]:
        """Return what the function has logged."""
        self._log.look()
        return self._log.lines

    def invocations(self) -> Sequence[Invocation]:
        """The workers are looked at themselves."""
        return ()

    def read_back(self, keys: Sequence[str], events: Sequence[Mapping[str, Any]]) -> Found:
        """Read every row, and all that is reported of the files."""
        entries = entries_of(self._stack_client.ledger(), self._stack_client.bucket, keys)
        return Found(
            tables={name: read_table(self._dynamodb, real) for name, real in self._names.items()},
            entries=entries,
            rejects=rejects_of(self._stack_client.rejects, entries),
            queue_depth=self._stack_client.depth(),
            dead_letters=self._stack_client.take_dead_letters(),
            events=events,
        )

    def requests(self, log: Sequence[Mapping[str, Any]]) -> tuple[int | None, float | None]:
        """Return how many requests to the tables there were, and which share was throttled, as the function says."""
        return requests_reported(log)

    def bill(self, log: Sequence[Mapping[str, Any]]) -> Bill | None:
        """Return None: write units are not counted here."""
        return None

    def keep_logs(self, folder: Path) -> None:
        """Copy the log of emulator and function to a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self._stack.emulator.log, folder)
        (folder / "function.log").write_text("\n".join(map(json.dumps, self.log())))

    def clean_up(self) -> None:
        """Nothing outlives the emulator."""
        self._dynamodb.close()
        self._logs.close()

    def _count(self, table: str) -> int:
        return int(self._dynamodb.describe_table(TableName=table)["Table"]["ItemCount"])
