"""How commands tell of files: by the events that the function sends, and by no metrics, which are read from its log."""

from collections.abc import Mapping

from ingest.commands.aws import client
from ingest.commands.stack import DeployedStack
from ingest.core.emf import Value
from ingest.edges.clock import Clock
from ingest.edges.events import EventBus
from ingest.teller import Log, Teller


class NoMetrics:
    """A `MetricSink` for where no metrics are taken from the log. The event that a file ended is sent all the same."""

    def put(self, feed: str, values: Mapping[str, Value]) -> None:
        """Take nothing."""


def teller_of(stack: DeployedStack, clock: Clock, log: Log = lambda message, fields: None) -> Teller:
    """Return a teller for a deployed stack; what it would log goes to `log`."""
    events = EventBus(lambda: client("events", "preparing to send events"), stack=stack.name)
    return Teller(ledger=stack.ledger, metrics=NoMetrics(), events=events, clock=clock, log=log)
