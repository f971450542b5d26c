"""The fast writer: batches of unconditional puts and deletes, encoded column by column, many requests in flight."""

from collections.abc import Iterator

from ingest.contract import WriteOperation
from ingest.dynamodb.batches import Batch, batches, unprocessed
from ingest.dynamodb.http.response import Answer
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, check_refusal, not_noted
from ingest.dynamodb.pending import Answered
from ingest.dynamodb.request_loop import RequestLoop, error_of
from ingest.dynamodb.write_stats import WriteStats
from ingest.items.items import Items, Refusal

_TOOK_ALL = b'{"UnprocessedItems":{}}'


class BatchWriter:
    """Puts and deletes items by BatchWriteItem, with the contract of boto3's `batch_writer` but without its faults.

    `loop` sends and retries the requests; one that DynamoDB finds invalid is halved until the bad item is alone.
    `operation` is for items without one of their own. With `interleave`, the items of one partition key in one call are
    spaced evenly. Memory: the encoded requests of at most 40,000 items, and the bodies of the requests in flight and
    waiting.
    """

    def __init__(
        self, loop: RequestLoop[Batch], *, interleave: bool = True, operation: str = WriteOperation.PUT
    ) -> None:
        self.loop = loop
        self._interleave = interleave
        self._operation = operation

    @property
    def stats(self) -> WriteStats:
        """What was counted since the writer was made."""
        return self.loop.stats

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Put or delete all items; return those DynamoDB refuses. All others are durable then. Keys must be distinct.

        `taken` is called with the rows of each batch that is done.

        Raises:
            TableKeysDiffer: the table has other keys than the items.
            ServiceFault: not all are written.
            IngestError: raised by `heartbeat`, which is called before each request and at least once a second; not all
                are written.
        """
        return self.loop.run(self._work(items), heartbeat, taken)

    def _work(self, items: Items) -> "BatchWrites":
        return BatchWrites(items, self.loop.table, interleave=self._interleave, operation=self._operation)

    def close(self) -> None:
        """Close the connections."""
        self.loop.close()


class BatchWrites:
    """The BatchWriteItem requests for some items, and how their responses are interpreted."""

    def __init__(self, items: Items, table: str, *, interleave: bool, operation: str) -> None:
        self._items = items
        self._table = table
        self._interleave = interleave
        self._operation = operation

    def fresh(self) -> Iterator[Batch]:
        """Yield the batches."""
        return batches(self._items, self._table, interleave=self._interleave, operation=self._operation)

    def answered(self, batch: Batch, answer: Answer) -> Answered[Batch] | None:
        """Return what a response means for its batch.

        Raises:
            TableKeysDiffer: the table has other keys than the items.
        """
        if answer.body == _TOOK_ALL and answer.status == 200:
            return Answered(batch.rows, units=batch.write_units)
        if answer.status == 200:
            return self._left(batch, answer.body) if b'"UnprocessedItems"' in answer.body else None
        code, message = error_of(answer)
        if code != "ValidationException":
            return None
        check_refusal(self._table, message)
        if len(batch.rows) == 1:
            return Answered(refusal=Refusal(batch.rows[0], message))
        middle = len(batch.rows) // 2
        return Answered(instead=(batch.only(batch.rows[:middle]), batch.only(batch.rows[middle:])))

    def _left(self, batch: Batch, body: bytes) -> Answered[Batch]:
        left = unprocessed(body, batch, self._items)
        if not left:
            return Answered(batch.rows, units=batch.write_units)
        rest, done = batch.only(left), sorted(set(batch.rows) - set(left))
        return Answered(done, units=batch.write_units - rest.write_units, left=rest)
