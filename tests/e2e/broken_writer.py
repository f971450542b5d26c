"""A worker whose writer has a bug, which LOADTEST_BUG names: the result of a scenario must show it."""

import json
import os
from dataclasses import replace
from typing import Any

import boto3

from ingest.contract import WriteOperation
from ingest.dynamodb import writers
from ingest.dynamodb.batches import batches
from ingest.dynamodb.item_writer import Heartbeat, Taken, not_noted
from ingest.dynamodb.single_writer import SingleWriter
from ingest.dynamodb.writer import BatchWriter, BatchWrites
from ingest.items.items import Items
from loadtest.harness import worker

EVERY = 100_000


class DropsARow(BatchWriter):
    """Does not write one row in 100,000, and says it did."""

    seen = 0

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> Any:
        kept = [n for n in range(len(items)) if (self.seen + n + 1) % EVERY]
        type(self).seen += len(items)
        return super().write(items.take(kept), heartbeat)


class WritesTwice(BatchWriter):
    """Puts the first row it is given a second time, with one more letter in a text of it: before it or after it."""

    is_done = False
    first = False

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> Any:
        if self.first:
            self._once_more(items)
        refusals = super().write(items, heartbeat)
        self._once_more(items)
        return refusals

    def _once_more(self, items: Items) -> None:
        if type(self).is_done or not len(items):
            return
        type(self).is_done = True
        body = json.loads(next(iter(batches(items.take([0]), self.loop.table))).body)
        [[put]] = body["RequestItems"].values()
        put["PutRequest"]["Item"]["product"]["S"] += "x"
        boto3.client("dynamodb").batch_write_item(**body)


class WritesTwiceTheOtherWayRound(WritesTwice):
    """Puts the wrong content first: the table is right in the end."""

    first = True


class IgnoresAThrottle(BatchWriter):
    """Takes what DynamoDB left unprocessed for written."""

    def _work(self, items: Items) -> Any:
        return TakesAll(items, self.loop.table, interleave=True, operation=WriteOperation.PUT)


class TakesAll(BatchWrites):
    """Takes each answer for one that leaves nothing."""

    def answered(self, batch: Any, answer: Any) -> Any:
        is_done = answer.status == 200
        return super().answered(batch, replace(answer, body=b'{"UnprocessedItems":{}}') if is_done else answer)


class ForgetsTheVersion(SingleWriter):
    """Writes each row, whatever the table holds."""

    def __init__(self, loop: Any, rules: Any, **more: Any) -> None:
        super().__init__(loop, replace(rules, version=None), **more)


KINDS: tuple[type[BatchWriter | SingleWriter], ...] = (DropsARow, WritesTwice, WritesTwiceTheOtherWayRound)
BUGS = {kind.__name__: kind for kind in (*KINDS, IgnoresAThrottle, ForgetsTheVersion)}


def main() -> None:
    broken = BUGS[os.environ["LOADTEST_BUG"]]
    setattr(writers, "BatchWriter" if issubclass(broken, BatchWriter) else "SingleWriter", broken)
    worker.main()


if __name__ == "__main__":
    main()
