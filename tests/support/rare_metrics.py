"""Metrics of situations that a short run of the local stack does not come to, told by the real teller all the same."""

import contextlib
import io
import json

from ingest.contract import Status
from ingest.dynamodb.write_stats import throttled_request
from ingest.file import FileVersion
from ingest.ledger.claims import Closing
from ingest.ledger.row_counts import Books
from ingest.metrics.emf import Metrics, Told, read_emf
from ingest.worker.report import Teller
from tests.support.fakes import RecordingEvents, ScriptedClock

FILE = FileVersion("landing", "orders/a.csv", etag="e", sequencer="01", size_bytes=10)
REASONS = ("TableWriteAccountLimitExceeded", "TableWriteMaxOnDemandThroughputExceeded", "Unheard-of")


class Forgetful:
    """A ledger that need not know that something was told."""

    def told(self, *about: object, now_s: float) -> None:
        """Forget it."""


def told_rarely(stack: str) -> list[Told]:
    """Return what is told of an unbalanced file, a hand-over, and throttles by reasons the simulated tables lack."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        metrics, clock = Metrics(stack=stack), ScriptedClock()
        teller = Teller(ledger=Forgetful(), metrics=metrics, events=RecordingEvents(), clock=clock, log=print_nothing)  # type: ignore[arg-type]
        teller.file_ended(FILE, "orders", Closing(Status.UNBALANCED, Books(rows_read=2), 1.0))
        teller.handed_over("message", 1)
        for reason in REASONS:
            answer = json.dumps({"ThrottlingReasons": [{"reason": reason}]}).encode()
            teller.progressed("orders", Books(), throttled_request(answer), 1.0)
    return [told for told in map(read_emf, out.getvalue().splitlines()) if told]


def print_nothing(message: str, fields: dict[str, object]) -> None:
    """Keep the log out of what is told."""
