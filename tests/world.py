"""An intake with fakes around it, and the events that wake it."""

import json
from pathlib import Path
from typing import Any

from ingest.core.notification import FileVersion
from ingest.feeds import Feed, Feeds, Rejects
from ingest.intake import Intake, Message
from ingest.ports import ItemWriter
from tests.fakes import (
    FakeLedger,
    FakeObjects,
    FakeRecord,
    FakeTable,
    RecordingDeadLetters,
    RecordingMetrics,
    RecordingRejects,
    ScriptedClock,
)

EVENTS = Path(__file__).parent / "events"
CSV = b"id,n\na,1\nb,2\nb,3\nc,x\n"
KEY = "orders/a.csv"
EVENT_S = 1_795_342_272.345  # 2026-11-22T10:11:12.345Z


class World:
    """An intake and everything it touches."""

    def __init__(
        self, *, writer: ItemWriter | None = None, limit: Rejects | None = None, deadline_s: float = 900
    ) -> None:
        self.table = FakeTable()
        self.objects = FakeObjects({KEY: CSV, "orders/b.csv": b"id,n\nz,26\n"})
        self.ledger = FakeLedger()
        self.rejects: dict[str, RecordingRejects] = {}
        self.dead_letters = RecordingDeadLetters()
        self.metrics = RecordingMetrics()
        self.clock = ScriptedClock(time_s=EVENT_S + 7)
        self.logged: list[tuple[str, dict[str, object]]] = []
        self.deadline_s = self.clock.time_s + deadline_s
        self.writer = writer or self.table
        feed = Feed("orders/", "Orders", "id", columns={"n": "N"}, max_rejects=limit or Rejects())
        self.intake = Intake(
            feeds=Feeds({"orders": feed}),
            objects=self.objects,
            ledger=self.ledger,
            writer_for=lambda feed: self.writer,
            rejects_for=self._rejects_for,
            dead_letters=self.dead_letters,
            metrics=self.metrics,
            clock=self.clock,
            log=lambda message, fields: self.logged.append((message, fields)),
        )

    def _rejects_for(self, file: FileVersion) -> RecordingRejects:
        return self.rejects.setdefault(file.key, RecordingRejects(f"s3://rejects/{file.key}/"))

    def take(self, body: str, *, message_id: str = "m1", delivery: int = 1) -> None:
        self.intake.take(Message(message_id, body, delivery, self.deadline_s))

    def record(self, key: str = KEY) -> FakeRecord:
        """The only ledger record of an object."""
        (record,) = [record for (url, _), record in self.ledger.records.items() if url == f"s3://landing-example/{key}"]
        return record


def event(*keys: str, sequencer: str = "0066F2", **fields: Any) -> str:
    """The body of an S3 notification, one record a key."""
    put = (EVENTS / "s3_put.json").read_text(encoding="utf-8")
    records = [json.loads(put)["Records"][0] for _ in keys]
    for key, record in zip(keys, records, strict=True):
        record.update(fields)
        record["s3"]["object"] |= {"key": key, "sequencer": sequencer}
    return json.dumps({"Records": records})
