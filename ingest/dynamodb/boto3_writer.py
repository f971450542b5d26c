"""The reference writer: boto3's own `Table.batch_writer`. Slow and well known; the measure for any faster one."""

from collections.abc import Callable
from decimal import DecimalException
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ingest.aws.errors import error_code, translate
from ingest.dynamodb.batches import write_units
from ingest.dynamodb.encode import python_items
from ingest.dynamodb.write_stats import WriteStats
from ingest.items.items import Items, Refusal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SLICE_ITEMS = 1000  # how many items are Python objects at a time


class Boto3Writer:
    """Writes items through boto3, one batch after another.

    boto3 repeats unprocessed items at once and without limit: under a long throttle this writer is only as patient
    as the function's time.
    """

    def __init__(self, table: "Table", *, beat: Callable[[], None] = lambda: None) -> None:
        """`beat` is called now and then while it writes; what it raises ends the write."""
        self._table = table
        self._beat = beat
        self.stats = WriteStats()  # of items only: boto3 tells nothing of what its requests meet

    def write(self, items: Items) -> list[Refusal]:
        """Put all items; return those DynamoDB refuses. All others are durable then.

        Raises:
            ServiceFault: not all are written.
        """
        refusals: list[Refusal] = []
        for start in range(0, len(items), SLICE_ITEMS):
            refusals += self._write_range(items, start, min(start + SLICE_ITEMS, len(items)))
        return refusals

    def _write_range(self, items: Items, start: int, end: int) -> list[Refusal]:
        """Put items[start:end]; where DynamoDB refuses a batch, halve until the refused items stand alone."""
        try:
            self._put(items.slice(start, end))
        except DecimalException:  # boto3's context is narrower than DynamoDB below 1E-128
            message = "the item holds a number boto3 cannot send without rounding it"
        except (ClientError, BotoCoreError) as error:
            if not isinstance(error, ClientError) or error_code(error) != "ValidationException":
                raise translate(error, f"writing to table {self._table.name}") from error
            message = str(error.response["Error"].get("Message", ""))
        else:
            return []
        if end - start == 1:
            return [Refusal(start, message)]
        middle = (start + end) // 2
        return self._write_range(items, start, middle) + self._write_range(items, middle, end)

    def _put(self, items: Items) -> None:
        with self._table.batch_writer() as batch:
            for item in python_items(items):
                batch.put_item(Item=item)
        self.stats = self.stats.plus(WriteStats(items=len(items), units=write_units(items)))
        self._beat()


class NullWriter:
    """Writes nothing: for looking at a file without a table."""

    def write(self, items: Items) -> list[Refusal]:
        """Take all items and forget them."""
        return []
