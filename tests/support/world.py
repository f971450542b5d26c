"""A dispatcher with fakes around it, and the events that wake it."""

import json
from pathlib import Path
from typing import Any

from ingest.dynamodb.item_writer import ItemWriter
from ingest.errors import IngestError
from ingest.feeds.feed import Feed, Feeds, RowLimit
from ingest.file import FileVersion
from ingest.items.mapping import Mapping
from ingest.worker.dispatch import Dispatcher, Message, build_dispatcher
from ingest.worker.lease import Timing
from ingest.worker.load import Sizes
from ingest.worker.ports import WorkerServices
from tests.support.fakes import (
    FakeObjects,
    FakeTable,
    RecordingDeadLetters,
    RecordingEvents,
    RecordingMetrics,
    RecordingQueue,
    RecordingRejects,
    ScriptedClock,
)
from tests.support.memory_ledger import MemoryEntry, MemoryLedger

EVENTS = Path(__file__).parents[1] / "events"
CSV = b"id,n\na,1\nb,2\nb,3\nc,x\n"
BUCKET = "landing-example"
KEY = "orders/a.csv"
EVENT_S = 1_795_342_272.345  # 2026-11-22T10:11:12.345Z


class World:
    """A dispatcher and everything it touches."""

    def __init__(
        self,
        *,
        writer: ItemWriter | None = None,
        limit: RowLimit | None = None,
        deadline_s: float = 900,
        timing: Timing | None = None,
        segment_bytes: int = 64 * 1024 * 1024,
        sizes: Sizes | None = None,
    ) -> None:
        self.table = FakeTable()
        self.objects = FakeObjects({KEY: CSV, "orders/b.csv": b"id,n\nz,26\n"})
        self.queue = RecordingQueue()
        self.rejects: dict[str, RecordingRejects] = {}
        self.dead_letters = RecordingDeadLetters()
        self.metrics = RecordingMetrics()
        self.events = RecordingEvents()
        self.clock = ScriptedClock(time_s=EVENT_S + 7)
        self.ledger = MemoryLedger(self.clock)
        self.logged: list[tuple[str, dict[str, object]]] = []
        self.checked: list[str] = []
        self.table_fault: IngestError | None = None
        self.deadline_s = self.clock.time_s + deadline_s
        self.writer = writer or self.table
        feed = Feed("orders/", "Orders", "id", columns={"n": "N"}, max_rejects=limit or RowLimit())
        self.feeds = Feeds({"orders": feed})
        self.dispatcher = self.build(self.feeds, timing=timing, segment_bytes=segment_bytes, sizes=sizes)

    def build(
        self,
        feeds: Feeds,
        *,
        timing: Timing | None = None,
        segment_bytes: int = 64 * 1024 * 1024,
        sizes: Sizes | None = None,
        max_receive_count: int = 5,
    ) -> Dispatcher:
        """Return a dispatcher with other feeds and settings."""
        timing, stuck_s = timing or Timing(), 3600
        return build_dispatcher(
            feeds,
            self.services,
            timing=timing,
            segment_bytes=segment_bytes,
            bucket=BUCKET,
            stuck_s=stuck_s,
            max_receive_count=max_receive_count,
            sizes=sizes,
        )

    @property
    def services(self) -> WorkerServices:
        return WorkerServices(
            ledger=self.ledger,
            objects=self.objects,
            listing=self.objects,
            queue=self.queue,
            writer_for=lambda feed: self.writer,
            check_table=self._check_table,
            rejects_for=self._rejects_for,
            rejects_url=lambda file: self._rejects_for(file).url,
            dead_letters=self.dead_letters,
            metrics=self.metrics,
            events=self.events,
            clock=self.clock,
            log=lambda message, fields: self.logged.append((message, fields)),
        )

    def _check_table(self, feed: Feed, mapping: Mapping) -> None:
        """Raise the table's fault, if a test has given it one."""
        self.checked.append(feed.table)
        if self.table_fault:
            raise self.table_fault

    def _rejects_for(self, file: FileVersion) -> RecordingRejects:
        return self.rejects.setdefault(file.key, RecordingRejects(f"s3://rejects/{file.key}/"))

    def take(self, body: str, *, message_id: str = "m1", delivery: int = 1, hops: int = 0, stalls: int = 0) -> None:
        self.dispatcher.dispatch(Message(message_id, body, delivery, self.deadline_s, "w", hops, stalls))

    def entry(self, key: str = KEY) -> MemoryEntry:
        """The only ledger entry of an object."""
        (record,) = [record for record in self.ledger.files() if record.work.file.key == key]
        return record


def event(*keys: str, sequencer: str = "0066F2", **fields: Any) -> str:
    """The body of an S3 notification, one record a key."""
    put = (EVENTS / "s3_put.json").read_text(encoding="utf-8")
    records = [json.loads(put)["Records"][0] for _ in keys]
    for key, record in zip(keys, records, strict=True):
        record.update(fields)
        record["s3"]["object"] |= {"key": key, "sequencer": sequencer}
    return json.dumps({"Records": records})
