"""Metrics of situations that a short run of the local stack does not reach, emitted by the real reporter."""

import contextlib
import io
import json
from dataclasses import replace

from ingest.contract import Status
from ingest.dynamodb.write_stats import NOTHING_WRITTEN, throttled_request
from ingest.file import FileVersion
from ingest.ledger.claims import Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.metrics.emf import Metrics
from ingest.worker.ports import Services
from ingest.worker.report import Reporter
from loadtest.scenarios.figures import MetricLine, read_emf
from tests.support.fakes import FakeObjects, RecordingEvents, RecordingQueue, ScriptedClock

FILE = FileVersion("landing", "orders/a.csv", etag="e", sequencer="01", size_bytes=10)
REASONS = (
    "TableWriteProvisionedThroughputExceeded",  # a slow machine may not reach what the tables take
    "TableWriteAccountLimitExceeded",
    "TableWriteMaxOnDemandThroughputExceeded",
    "Unheard-of",
)


class Forgetful:
    """A ledger that does not keep what was reported."""

    @property
    def transitions(self) -> "Forgetful":
        return self

    def note_reported(self, *about: object) -> None:
        """Forget it."""


def reported_rarely(stack: str) -> list[MetricLine]:
    """Return the metrics of an unbalanced and an undone file, a hand-over, skipped rows, rare throttling reasons."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        metrics, clock = Metrics(stack=stack), ScriptedClock()
        services = Services(
            ledger=Forgetful(),  # type: ignore[arg-type]
            listing=FakeObjects({}),
            queue=RecordingQueue(),
            rejects_url=lambda file: "",
            metrics=metrics,
            events=RecordingEvents(),
            clock=clock,
            log=print_nothing,
        )
        reporter = Reporter(services)
        reporter.file_ended(FILE, "orders", Outcome(Status.UNBALANCED, RowCounts(rows_read=2), 1.0))
        reporter.file_ended(replace(FILE, undo=True), "orders", Outcome(Status.COMPLETE, RowCounts(rows_read=2), 1.0))
        reporter.handed_over("message", 1)
        reporter.progressed("orders", RowCounts(rows_read=1, rows_older=1), NOTHING_WRITTEN, 1.0)
        for reason in REASONS:
            answer = json.dumps({"ThrottlingReasons": [{"reason": reason}]}).encode()
            reporter.progressed("orders", RowCounts(), throttled_request(answer), 1.0)
    return [line for line in map(read_emf, out.getvalue().splitlines()) if line]


def print_nothing(message: str, fields: dict[str, object]) -> None:
    """Keep log lines out of the output."""
