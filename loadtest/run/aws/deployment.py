"""One run on a deployed stack."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.contract import Metric, Output
from loadtest.checker.found import Found
from loadtest.harness.queue import depths, messages_about, s3_notification, send_all
from loadtest.harness.read_back import entries_of, read_rejects, read_table, rejects_of
from loadtest.measure.emf import metrics, requests_reported, totals
from loadtest.measure.log import Invocation, Log
from loadtest.measure.observation import Observation
from loadtest.measure.price import Bill
from loadtest.run.aws import estimate
from loadtest.run.aws.clients import Clients
from loadtest.run.aws.ledger import LedgerReader
from loadtest.run.aws.load import Load
from loadtest.run.aws.stack import Stack
from loadtest.run.aws.uploads import Uploads
from loadtest.run.target import Drop

LEDGER_EVERY_S, LOG_EVERY_S = 1.0, 5.0
LOG_LATE_S, QUIET_WITHIN_S = 60.0, 30.0
READERS = 8
CLOSED = "file closed"


class AwsDeployment:
    """Use it from one thread. `begun_s`: when the run began, by a clock of AWS."""

    def __init__(self, clients: Clients, stack: Stack, run: str, load: Load, begun_s: float) -> None:
        self._stack, self._run, self._load = stack, run, load
        self._s3, self._sqs, self._dynamodb = (clients.get(name) for name in ("s3", "sqs", "dynamodb"))
        self._bucket = stack.outputs[Output.LANDING_BUCKET]
        self._ledger = LedgerReader(self._dynamodb, stack.outputs[Output.LEDGER_TABLE], self._bucket)
        self._uploads = Uploads(self._s3, self._bucket)
        self._begun_s = begun_s
        self._log = Log(clients.get("logs"), stack.outputs[Output.LOG_GROUP], since_ms=round(begun_s * 1000))
        self._feeds = {kind.feed for kind in load.scenario.files}
        self._next_look_s = self._next_log_s = 0.0
        self._again: dict[str, tuple[Drop, str]] = {}  # notified once so far, and to be notified more often; with eTags
        self._ended: dict[str, dict[str, Any]] = {}
        self._reported: set[str] = set()
        self._messages = 0

    def write(self, key: str, portions: Iterable[bytes], *, most_bytes: int) -> None:
        """Upload the file but for the last step."""
        self._uploads.add(key, portions, most_bytes=most_bytes)

    def get_ready(self) -> None:
        """Wait for the uploads; functions start with the first message."""
        self._uploads.wait()

    def drop(self, drops: Sequence[Drop]) -> None:
        """Make objects of the uploads; the bucket sends one notification of each."""
        etags = self._uploads.finish(drop.key for drop in drops)
        self._messages += len(drops)
        self._again |= {drop.key: (drop, etags[drop.key]) for drop in drops if drop.notices > 1}

    def observe(self) -> Observation:
        """Return how things stand; rows and memory are from the log."""
        if time.monotonic() >= self._next_log_s:
            self._log.look()
            self._next_log_s = time.monotonic() + LOG_EVERY_S
        queue = depths(self._sqs, self._stack.outputs[Output.QUEUE_URL])
        return Observation(
            backlog=queue.waiting,
            in_flight=queue.in_flight,
            rows_reported=round(totals(metrics(self._log.lines))[Metric.ROWS_WRITTEN]),
            peak_memory_bytes=max((one.peak_memory_bytes for one in self._log.invocations), default=0) or None,
        )

    def ended(self) -> list[dict[str, Any]]:
        """Return the outcomes that the ledger has reported since the last call.

        A file with several notifications has not ended before all are sent.
        """
        if time.monotonic() < self._next_look_s:
            return []
        self._next_look_s = time.monotonic() + LEDGER_EVERY_S
        self._report_again()
        for key, version, status in self._ledger.ended(self._feeds, self._begun_s):
            if f"/{self._run}/" in f"/{key}":
                self._ended[f"{key}#{version}#{status}"] = {"key": key}
        ready = (name for name, event in self._ended.items() if event["key"] not in self._again)
        news = [name for name in ready if name not in self._reported]
        self._reported |= set(news)
        return [{**self._ended[name], "id": name} for name in news]

    def log(self) -> list[Mapping[str, Any]]:
        """Return what the functions have logged; wait until it is there of each file that has ended."""
        until_s = time.monotonic() + LOG_LATE_S
        wanted = {event["key"] for event in self._ended.values()}
        self._log.look()
        while wanted - {event["key"] for event in self._closed()} and time.monotonic() < until_s:
            time.sleep(1)
            self._log.look()
        return self._log.lines

    def read_back(self, keys: Sequence[str], events: Sequence[Mapping[str, Any]]) -> Found:
        """Read every row, and all that is reported of the files. How they ended is what the log says: it comes last."""
        entries = entries_of(self._ledger.entries(keys), self._bucket, keys)
        dead_letters = messages_about(self._sqs, self._stack.outputs[Output.DEAD_LETTER_URL], self._run)
        return Found(
            tables={name: self._read(table.name) for name, table in self._stack.tables.items()},
            entries=entries,
            rejects=rejects_of(lambda url: read_rejects(self._s3, url), entries),
            queue_depth=self._depth(),
            dead_letters=[body for body, _ in dead_letters],
            events=self._closed(),
            troubles=[f"a function did not end well: {line}" for line in self._log.crashes],
        )

    def invocations(self) -> Sequence[Invocation]:
        """Return what Lambda says of each."""
        return self._log.invocations

    def requests(self, log: Sequence[Mapping[str, Any]]) -> tuple[int | None, float | None]:
        """Return how many requests to the tables there were, and which share was throttled, as the function says."""
        return requests_reported(log)

    def bill(self, log: Sequence[Mapping[str, Any]]) -> Bill | None:
        """Return what was used: as Lambda and the function say; requests to queue and ledger as they are estimated."""
        segments = self._load.segments(self._stack.segment_bytes)
        ledger_units = self._load.files * estimate.LEDGER_UNITS_A_FILE
        ledger_units += (segments - self._load.files) * estimate.LEDGER_UNITS_A_SEGMENT
        return Bill(
            write_units=totals(metrics(log))[Metric.WRITE_UNITS] + ledger_units,
            worker_seconds=sum(one.seconds for one in self._log.invocations),
            invocations=len(self._log.invocations),
            queue_requests=(self._messages + segments) * estimate.QUEUE_REQUESTS_A_MESSAGE,
            objects_put=sum(part.uploads for part in self._load.parts),
            object_reads=self._load.files * 2 + self._load.bytes // estimate.READ_BYTES,
            memory_mb=self._stack.memory_mb,
        )

    def keep_logs(self, folder: Path) -> None:
        """Write what the function logged in the run to a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "function.log").write_text("\n".join([*map(json.dumps, self._log.lines), *self._log.crashes]))

    def clean_up(self) -> None:
        """End the uploads; what is in the stack goes when the deployment ends, however it does."""
        self._uploads.close()

    def _report_again(self) -> None:
        """Send the news of objects again, as S3 may: with the sequencer that S3 gave them, which the ledger has."""
        bodies = list[str]()
        for key, (drop, etag) in list(self._again.items()):
            sequencer = self._ledger.newest(key)
            if sequencer:
                body = s3_notification(self._bucket, key, sequencer=sequencer, etag=etag, size=drop.size)
                bodies += [body] * (drop.notices - 1)
                del self._again[key]
        send_all(self._sqs, self._stack.outputs[Output.QUEUE_URL], bodies)
        self._messages += len(bodies)

    def _closed(self) -> list[dict[str, Any]]:
        """Return the log's lines on files of the run that ended. The event was sent before each such line."""
        start = f"s3://{self._bucket}/"
        closed = [line for line in self._log.lines if line.get("message") == CLOSED]
        ours = [line for line in closed if f"/{self._run}/" in str(line["file"])]
        return [
            {"key": str(line["file"]).removeprefix(start), "id": f"{line['file']}#{line['version']}#{line['status']}"}
            for line in ours
        ]

    def _read(self, table: str) -> Any:
        return read_table(self._dynamodb, table, segments=READERS)

    def _depth(self) -> int:
        """Return how many messages are left. The reconciler's own is there for a moment, now and then."""
        until_s, url = time.monotonic() + QUIET_WITHIN_S, self._stack.outputs[Output.QUEUE_URL]
        while (depth := sum(depths(self._sqs, url))) and time.monotonic() < until_s:
            time.sleep(1)
        return depth
