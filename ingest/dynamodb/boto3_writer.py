"""The reference writer: boto3's own `Table.batch_writer`. Slow and well known; the measure for any faster one."""

from decimal import DecimalException
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ingest.aws.errors import error_code, translate
from ingest.contract import WriteOperation
from ingest.dynamodb.encode import python_items
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, check_refusal, not_noted
from ingest.dynamodb.write_stats import WriteStats, write_units
from ingest.items.items import Items, Refusal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SLICE_ITEMS = 1000  # how many items are Python objects at a time


class Boto3Writer:
    """Writes items through boto3, one batch after another.

    boto3 repeats unprocessed items at once and without limit: under a long throttle this writer is only as patient
    as the function's time.
    """

    def __init__(self, table: "Table", *, operation: str = WriteOperation.PUT) -> None:
        self._table = table
        self._operation = operation  # what becomes of items that do not say it themselves
        self.stats = WriteStats()  # of items only: boto3 does not report what its requests met

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Put or delete all items; return those DynamoDB refuses. All others are durable then.

        `taken` gets each whole slice.

        Raises:
            TableKeysDiffer: the table has other keys than the items.
            ServiceFault: not all are written.
            IngestError: whatever `heartbeat` raised, which is called after each slice; not all are written.
        """
        refusals: list[Refusal] = []
        for start in range(0, len(items), SLICE_ITEMS):
            end = min(start + SLICE_ITEMS, len(items))
            refused = self._write_range(items, start, end, heartbeat)
            if not refused:
                taken(range(start, end))
            refusals += refused
        return WriteResult(refusals)

    def _write_range(self, items: Items, start: int, end: int, heartbeat: Heartbeat) -> list[Refusal]:
        """Write items[start:end]; where DynamoDB refuses a batch, halve until the refused items stand alone."""
        try:
            self._send(items.slice(start, end))
            heartbeat()
        except DecimalException:  # boto3's context is narrower than DynamoDB below 1E-128
            message = "the item holds a number boto3 cannot send without rounding it"
        except (ClientError, BotoCoreError) as error:
            if not isinstance(error, ClientError) or error_code(error) != "ValidationException":
                raise translate(error, f"writing to table {self._table.name}") from error
            message = str(error.response["Error"].get("Message", ""))
            check_refusal(self._table.name, message)
        else:
            return []
        if end - start == 1:
            return [Refusal(start, message)]
        middle = (start + end) // 2
        return self._write_range(items, start, middle, heartbeat) + self._write_range(items, middle, end, heartbeat)

    def _send(self, items: Items) -> None:
        with self._table.batch_writer() as batch:
            for item, operation in zip(python_items(items), items.operation_of_each(self._operation), strict=True):
                if operation == WriteOperation.DELETE:
                    batch.delete_item(Key={key.name: item[key.name] for key in items.keys})
                else:
                    batch.put_item(Item=item)
        self.stats = self.stats.plus(WriteStats(items=len(items), units=write_units(items)))
