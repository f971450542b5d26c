"""A deployed stack without its function, in moto: what its ledger holds is written by the calls that workers make."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ingest.cli import aws
from ingest.feeds.feed import Feed
from ingest.ledger.claims import LeaseToken, Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.store import TableLedger
from ingest.ledger.work_item import Checkpoint, WorkItem
from ingest.reading.blocks import Position
from ingest.worker.attempt import LoadSettings
from ingest.worker.load import Sizes
from tests.support.clients import client, ledger_table, mock_aws, moto_session
from tests.support.command import FEEDS
from tests.support.fakes import ScriptedClock
from tests.support.memory_ledger import at

EVERY_VARIABLE = ("LEDGER_TABLE", "QUEUE_URL", "DEAD_LETTER_URL", "LANDING_BUCKET", "REJECTS_BUCKET")


class LedgerScenario:
    """A ledger, queues and buckets. A `second` is one from now, and most are negative: before now."""

    def __init__(self, clock: ScriptedClock | None = None) -> None:
        self.clock = clock or ScriptedClock(time.time())
        self.now_s = self.clock.time_s
        self.ledger = TableLedger(table=ledger_table(), clock=self.clock)
        self.queue_url, self.dead_letter_url = (
            str(client("sqs").create_queue(QueueName=name)["QueueUrl"]) for name in ("files", "dead")
        )
        for bucket in ("landing", "rejects"):
            place: Any = {"LocationConstraint": "eu-central-1"}
            client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)

    def at(self, second: float) -> TableLedger:
        """The ledger at another time."""
        return at(self.ledger, self.now_s + second)

    def begin(
        self, work: WorkItem, second: float, *, feed: str = "orders", lease_s: float = 60.0, settings: str = ""
    ) -> LeaseToken:
        """Let a worker claim some work."""
        token = LeaseToken(f"m{second}", 1, self.now_s + second + lease_s, "w")
        self.at(second).leases.claim(work, feed=feed, token=token, settings=settings)
        return token

    def save(self, work: WorkItem, token: LeaseToken, second: float, row_counts: RowCounts) -> None:
        """Let a worker save a checkpoint where its row counts have come to."""
        start = work.segment.start if work.segment else Position(0, 1)
        reached = Position(start.byte + row_counts.bytes_read, start.line + row_counts.rows_read)
        self.at(second).leases.save(work, token, Checkpoint(reached, reached, row_counts))

    def end(
        self, work: WorkItem, token: LeaseToken, second: float, outcome: Outcome, *, feed: str | None = "orders"
    ) -> None:
        """Let a worker end a file, and report it; None for a feed: it could not."""
        ledger = self.at(second)
        ledger.transitions.end_file(work.file, token, outcome)
        if feed is not None:
            ledger.transitions.note_reported(work.file, feed, outcome.status)

    def load(
        self, work: WorkItem, second: float, outcome: Outcome, *, feed: str = "orders", settings: Feed | None = None
    ) -> None:
        """Let a worker claim a file, as long before as the outcome says, and end it."""
        kept = LoadSettings(settings, Sizes(), 10**6).kept() if settings else None
        if kept:
            self.ledger.transitions.keep_settings(kept)
        token = self.begin(work, second - outcome.seconds, feed=feed, settings=kept.settings if kept else "")
        self.end(work, token, second, outcome, feed=feed)

    def bodies(self, url: str) -> list[str]:
        """What a queue holds and shows, left as it is."""
        found = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return sorted(message["Body"] for message in found.get("Messages", []))

    def messages(self) -> list[dict[str, Any]]:
        """What is in the queue."""
        return [json.loads(body) for body in self.bodies(self.queue_url)]

    @property
    def variables(self) -> dict[str, str]:
        """What the function's environment says of it, by the names without INGEST_."""
        values = ("Ledger", self.queue_url, self.dead_letter_url, "landing", "rejects")
        return dict(zip(EVERY_VARIABLE, values, strict=True))


@contextmanager
def deployed(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *,
    clock: ScriptedClock | None = None,
    feeds: str = FEEDS,
    columns: int = 150,
) -> Iterator[LedgerScenario]:
    """Give a stack that the commands find by the environment, with a feeds.toml in the working folder."""
    monkeypatch.setattr(aws, "session", moto_session)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.chdir(folder)
    (folder / "feeds.toml").write_text(feeds, encoding="utf-8")
    with mock_aws():
        scenario = LedgerScenario(clock)
        for name, value in scenario.variables.items():
            monkeypatch.setenv(f"INGEST_{name}", value)
        yield scenario
