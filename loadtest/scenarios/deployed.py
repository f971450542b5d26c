"""One run on a deployed stack, in the emulator or on AWS; it uses only the APIs of AWS services."""

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from infra.local.stack import LocalStack, local_stack
from ingest.contract import FINAL_STATUSES, LedgerKeys, Metric, Output, table_output
from ingest.estimate.cost import LEDGER_UNITS_PER_FILE, LEDGER_UNITS_PER_SEGMENT
from ingest.queue.sqs import queue_depth
from loadtest.checker.found import Expected, Found
from loadtest.harness import read_back
from loadtest.harness.process import Usage, members
from loadtest.harness.targets import Uploads
from loadtest.scenarios.catalog import FEEDS, Scenario, tables, usd_of
from loadtest.scenarios.figures import FunctionLog, LogReader, Observation, Results
from loadtest.workload.changes import NOT_SUMMED

LEDGER_EVERY_S, LEDGER_SHARE, LOG_EVERY_S = 1.0, 0.1, 5.0
LOG_LATE_S, QUIET_WITHIN_S = 60.0, 30.0
CLOSED = "file closed"
MIB = 1024 * 1024
Entry = dict[str, Any]


class StackDeployment:
    """A stack used only by this run: everything in it belongs to the run. Use it from one thread."""

    def __init__(self, client: Callable[[str], Any], outputs: Mapping[str, str], scenario: Scenario, run: str) -> None:
        self._outputs, self._scenario, self._run = outputs, scenario, run
        self._clients = self._s3, self._sqs, self._dynamodb, logs = [
            client(name) for name in ("s3", "sqs", "dynamodb", "logs")
        ]
        self._bucket, self._queue_url = outputs[Output.LANDING_BUCKET], outputs[Output.QUEUE_URL]
        self._uploads = Uploads(self._s3, self._bucket)
        self._reader, self.log = LogReader(logs, outputs[Output.LOG_GROUP]), FunctionLog()
        self._next_look_s = self._next_log_s = 0.0
        self._again: dict[str, tuple[Expected, str]] = {}  # files that need more notifications, with their eTags
        self._ended: dict[str, str] = {}  # keys by the ids of their outcomes
        self._messages = 0

    def close(self) -> None:
        """Close uploads and connections."""
        self._uploads.close()
        for client in self._clients:
            client.close()

    def write(self, key: str, portions: Iterable[bytes], *, most_bytes: int) -> None:
        """Upload the file without completing the upload."""
        self._uploads.add(key, portions, most_bytes=most_bytes)

    def get_ready(self) -> None:
        """Wait for the uploads; functions start at the first message."""
        self._uploads.wait()

    def drop(self, files: Sequence[Expected]) -> None:
        """Complete the uploads; the bucket sends one notification of each object."""
        etags = self._uploads.finish(file.key for file in files)
        self._messages += len(files)
        if self._scenario.notices > 1:
            self._again |= {file.key: (file, etags[file.key]) for file in files}

    def observe(self) -> Observation:
        """Return an observation; the row count comes from the log."""
        if time.monotonic() >= self._next_log_s:
            self.log = self._reader.read()
            self._next_log_s = time.monotonic() + LOG_EVERY_S
        queue = queue_depth(self._sqs, self._queue_url)
        rows = round(self.log.total(Metric.ROWS_WRITTEN))
        return Observation(backlog=queue.visible + queue.delayed, in_flight=queue.in_flight, rows_reported=rows)

    def ended(self) -> list[dict[str, Any]]:
        """Return the outcomes that the ledger shows as reported since the last call.

        A file with several notifications ends after all are sent. Reading the ledger takes a tenth of the time at most.
        """
        begun_s = time.monotonic()
        if begun_s < self._next_look_s:
            return []
        entries = self._entries()
        self._notify_again(entries)
        news = [entry for entry in entries if entry.get("status") in FINAL_STATUSES and "reported" in entry]
        outcomes = {f"{e['file']['key']}#{e[LedgerKeys.SORT_KEY]}#{e['status']}": e["file"]["key"] for e in news}
        fresh = {id: key for id, key in outcomes.items() if id not in self._ended and key not in self._again}
        self._ended |= fresh
        now_s = time.monotonic()
        self._next_look_s = now_s + max(LEDGER_EVERY_S, (now_s - begun_s) / LEDGER_SHARE)
        return [{"key": key, "id": id} for id, key in fresh.items()]

    def results(self, keys: Sequence[str], events: Sequence[Mapping[str, Any]]) -> Results:
        """Read every row and all reports on the files. Their outcomes come from the log, which arrives last."""
        self._wait_for_log()
        ledger = self._entries()
        entries = read_back.entries_of(ledger, self._bucket, keys)
        found = Found(
            tables={
                name: read_back.read_table(self._dynamodb, self._outputs[table_output(name)], NOT_SUMMED)
                for name in tables()
            },
            entries=entries,
            rejects=read_back.rejects_of(lambda url: read_back.read_rejects(self._s3, url), entries),
            queue_depth=self._depth(),
            dead_letters=list(read_back.taken(self._sqs, self._outputs[Output.DEAD_LETTER_URL], wait_s=1)),
            events=self._closed(),
            troubles=[f"a function did not end well: {line}" for line in self.log.crashes],
        )
        segments = sum(str(item[LedgerKeys.SORT_KEY]).startswith(LedgerKeys.SEGMENT_PREFIX) for item in ledger)
        of_ledger = self._scenario.count * LEDGER_UNITS_PER_FILE + segments * LEDGER_UNITS_PER_SEGMENT
        units = self.log.total(Metric.WRITE_UNITS) + of_ledger
        return Results(
            found=found,
            log=self.log,
            requests=round(self.log.total(Metric.REQUESTS_SENT)),
            throttled=round(self.log.total(Metric.REQUESTS_THROTTLED)),
            write_units=units,
            usd=usd_of(self._scenario, self.log, write_units=units, messages=self._messages + segments),
            peak_memory_bytes=self.peak_memory_bytes(),
        )

    def peak_memory_bytes(self) -> int | None:
        """Return the highest memory use of any function, as reported by Lambda."""
        return max((one.used_mb * MIB for one in self.log.invocations), default=None)

    def keep_logs(self, folder: Path) -> None:
        """Write the function's log of the run to a folder, which is created."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "function.log").write_text("\n".join([*map(json.dumps, self.log.entries), *self.log.crashes]))

    def _entries(self) -> list[Entry]:
        return read_back.read_items(self._dynamodb, self._outputs[Output.LEDGER_TABLE])

    def _notify_again(self, entries: Sequence[Entry]) -> None:
        """Repeat notifications of objects, as S3 may, with the same sequencer, which the ledger's HEAD entry holds."""
        heads = {e[LedgerKeys.PARTITION_KEY]: e for e in entries if e[LedgerKeys.SORT_KEY] == LedgerKeys.HEAD}
        bodies = list[str]()
        for key, (file, etag) in list(self._again.items()):
            if head := heads.get(f"{self._bucket}/{key}"):
                sequencer = str(head["sequencer"])
                body = read_back.s3_notification(self._bucket, key, sequencer=sequencer, etag=etag, size=file.bytes)
                bodies += [body] * (self._scenario.notices - 1)
                del self._again[key]
        read_back.send_all(self._sqs, self._queue_url, bodies)
        self._messages += len(bodies)

    def _wait_for_log(self) -> None:
        """Wait until the log has a line for each file that has ended."""
        until_s, wanted = time.monotonic() + LOG_LATE_S, set(self._ended.values())
        self.log = self._reader.read()
        while wanted - {event["key"] for event in self._closed()} and time.monotonic() < until_s:
            time.sleep(1)
            self.log = self._reader.read()

    def _closed(self) -> list[dict[str, Any]]:
        """Return the log's lines on ended files of the run. The function logs each line after it has sent the event."""
        lines = [line for line in self.log.entries if line.get("message") == CLOSED and self._run in line["file"]]
        start = f"s3://{self._bucket}/"
        ids = [(str(line["file"]), f"{line['file']}#{line['version']}#{line['status']}") for line in lines]
        return [{"key": file.removeprefix(start), "id": id} for file, id in ids]

    def _depth(self) -> int:
        """Return the number of messages left, after waiting: the reconciler's own message may be there for a moment."""
        until_s = time.monotonic() + QUIET_WITHIN_S
        while (depth := queue_depth(self._sqs, self._queue_url).all) and time.monotonic() < until_s:
            time.sleep(1)
        return depth


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """A target that starts a new emulator for each run."""

    name: ClassVar[str] = "local"

    @contextmanager
    def deployed(self, scenario: Scenario, run: str) -> Iterator["LocalDeployment"]:
        """Yield a deployed stack; the emulator stops when the block ends."""
        with local_stack(FEEDS) as stack, closing(LocalDeployment(stack, scenario, run)) as deployment:
            yield deployment


class LocalDeployment(StackDeployment):
    """A run in the emulator, whose functions are local processes that can be measured."""

    def __init__(self, stack: LocalStack, scenario: Scenario, run: str) -> None:
        super().__init__(stack.client, stack.outputs, scenario, run)
        self._emulator, self._usage = stack.emulator, Usage()

    def observe(self) -> Observation:
        """Return an observation; CPU and memory are those of the functions' processes."""
        self._usage.look(members(self._emulator.pid))
        usage = {"workers": self._usage.workers, "memory_bytes": self._usage.resident_bytes}
        return replace(super().observe(), cpu_seconds=self._usage.cpu_seconds, **usage)

    def peak_memory_bytes(self) -> int | None:
        """Return the highest memory use of any process."""
        return self._usage.peak_bytes

    def keep_logs(self, folder: Path) -> None:
        """Also copy the emulator's log."""
        super().keep_logs(folder)
        shutil.copy(self._emulator.log, folder)
