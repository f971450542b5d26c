"""A worker of the chaos harness with two bugs in it: the harness must find both."""

from dataclasses import replace
from typing import Any

from ingest.dynamodb import writers
from ingest.dynamodb.item_writer import Heartbeat, Taken, not_noted
from ingest.dynamodb.writer import BatchWriter
from ingest.items.items import Items
from ingest.ledger import store
from loadtest.harness import worker


class DropsARow(BatchWriter):
    """Never writes the first item of a block."""

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> Any:
        return super().write(items.take(list(range(1, len(items)))), heartbeat)


class CountsTwice(store.TableTransitions):
    """Counts all of a file again when it ends: the row counts still reconcile."""

    def end_file(self, file: Any, token: Any, outcome: Any) -> None:
        twice = replace(outcome, row_counts=outcome.row_counts.plus(outcome.row_counts))
        super().end_file(file, token, twice)


def main() -> None:
    writers.BatchWriter = DropsARow  # type: ignore[misc]
    store.TableTransitions = CountsTwice  # type: ignore[misc]
    worker.main()


if __name__ == "__main__":
    main()
