"""Writers for what batches cannot do: conditional writes and updates, one request each; and for files of changes.

Also a wrapper for any of these and for the batch writer, which reads the table first and writes only what differs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import CONDITION_FAILED, DUPLICATE, Reason, Skipped, WriteOperation
from ingest.dynamodb.http.response import Answer
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, check_refusal, not_noted, write_some
from ingest.dynamodb.pending import Answered
from ingest.dynamodb.rate_limit import FEWEST, ConcurrencyLimiter
from ingest.dynamodb.request_loop import RequestLoop, answer_document, code_and_message
from ingest.dynamodb.single_requests import SingleRequest, WriteRules, file_prefix, single_requests
from ingest.dynamodb.unchanged import Comparison, ComparisonRules, KeysRequest, StoredReads
from ingest.dynamodb.write_stats import NO_LATENCIES, WriteStats
from ingest.dynamodb.writer import BatchWriter
from ingest.items.columns import fill_null, rows_where
from ingest.items.items import Items, Refusal

MOST_SINGLE = 256  # requests in flight: each carries one item, a batch carries 25
SINGLE_LIMITER = ConcurrencyLimiter(FEWEST, most=MOST_SINGLE)
_DONE = b"{}"
_MORE = {"Attributes", "ConsumedCapacity", "ItemCollectionMetrics"}  # members that DynamoDB Local returns unrequested


class SingleWriter:
    """Writes each item by a request of its own, as `rules` say; `loop` sends and retries the requests.

    A row whose condition fails is skipped, unless the stored item is the row's own: from a request whose response was
    lost, or from an earlier load. `clock_s` returns the time (epoch).
    """

    def __init__(
        self,
        loop: RequestLoop[SingleRequest],
        rules: WriteRules,
        *,
        interleave: bool = True,
        clock_s: Callable[[], float],
    ) -> None:
        self.loop = loop
        self._rules = rules
        self._interleave = interleave
        self._clock_s = clock_s

    @property
    def stats(self) -> WriteStats:
        """What was counted since the writer was made. A failed condition consumes write units, too."""
        return self.loop.stats

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Write all items; return those refused or skipped. Raises as `ItemWriter.write`."""
        table, now_s = self.loop.table, self._clock_s()
        requests = single_requests(items, table, self._rules, interleave=self._interleave, now_s=now_s)
        return self.loop.run(SingleWrites(items, table, self._rules, requests), heartbeat, taken)

    def close(self) -> None:
        """Close the connections."""
        self.loop.close()


class SingleWrites:
    """The requests that write some items one by one, and how their responses are interpreted."""

    def __init__(self, items: Items, table: str, rules: WriteRules, requests: Iterator[SingleRequest]) -> None:
        self._items = items
        self._table = table
        self._rules = rules
        self._requests = requests

    def fresh(self) -> Iterator[SingleRequest]:
        """Yield the requests."""
        return self._requests

    def answered(self, request: SingleRequest, answer: Answer) -> Answered[SingleRequest] | None:
        """Return what a response means for its item.

        Raises:
            TableKeysDiffer: the table has other keys than the items.
        """
        if answer.status == 200:
            return Answered(request.rows, units=request.write_units) if _is_done(answer) else None
        document = answer_document(answer)
        code, message = code_and_message(document)
        if code == CONDITION_FAILED:
            return self._refused(request, document.get("Item"))
        if code != "ValidationException":
            return None
        check_refusal(self._table, message)
        return Answered(refusal=Refusal(request.rows[0], message))

    def _refused(self, request: SingleRequest, stored: dict[str, Any] | None) -> Answered[SingleRequest]:
        """Return the outcome of a failed condition, given the stored item."""
        row = request.rows[0]
        if self._rules.is_undo:
            return Answered(request.rows, Skipped.REPLACED if stored else Skipped.ABSENT, request.write_units)
        ours, theirs = self._value(self._rules.row, row), _text(stored, self._rules.row)
        if ours and theirs and theirs.startswith(file_prefix(ours)):
            return Answered(request.rows, "" if theirs == ours else DUPLICATE, request.write_units)
        if self._rules.is_insert:
            return Answered(request.rows, Skipped.EXISTS, request.write_units)
        if mismatch := self._version_mismatch(stored):
            return Answered(refusal=Refusal(row, mismatch, Reason.VERSION_TYPE))
        return Answered(request.rows, Skipped.OLDER, request.write_units)

    def _value(self, attribute: str | None, row: int) -> str | None:
        """Return an item's value of an attribute; None if the items lack it, as deletions lack most."""
        return next((a.values[row].as_py() for a in self._items.attributes if a.name == attribute), None)

    def _version_mismatch(self, stored: dict[str, Any] | None) -> str | None:
        """Return why the version of a stored item cannot be compared, if it cannot."""
        version = self._rules.version
        kind = next(iter(stored[version]), None) if stored and version in stored else None
        if version is None or kind is None or kind == self._items.attribute(version).type:
            return None
        wanted = self._items.attribute(version).type
        return f"the item in the table has its version {version} as type {kind}, not {wanted}: it cannot be compared"


def _is_done(answer: Answer) -> bool:
    """Return whether a response with status 200 is DynamoDB's, and not an intermediary's."""
    return answer.body == _DONE or answer_document(answer).keys() & _MORE != set()


def _text(stored: dict[str, Any] | None, attribute: str | None) -> str | None:
    """Return a string attribute of a stored item; None if it has no such string."""
    return stored[attribute].get("S") if stored and attribute in stored else None


class ChangeWriter:
    """Writes files of changes without versions: puts and deletes in batches, updates one by one."""

    def __init__(self, batches: BatchWriter, updates: SingleWriter) -> None:
        self._batches = batches
        self._updates = updates

    @property
    def stats(self) -> WriteStats:
        """What was counted since the writer was made."""
        return self._batches.stats.plus(self._updates.stats)

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Write all items; return those refused or skipped. Raises as `ItemWriter.write`."""
        operations = pa.nulls(len(items), pa.string()) if items.operations is None else items.operations
        is_update = fill_null(pc.equal(operations, pa.scalar(WriteOperation.UPDATE)), False)
        result = WriteResult()
        for writer, rows in ((self._batches, rows_where(pc.invert(is_update))), (self._updates, rows_where(is_update))):
            if rows:
                result += write_some(writer, items, rows, heartbeat, taken)
        return result

    def close(self) -> None:
        """Close the connections."""
        self._batches.close()
        self._updates.close()


FastWriter = BatchWriter | SingleWriter | ChangeWriter


class SkipUnchangedWriter:
    """Reads the stored items by `loop`, and writes those that differ by `writer`.

    Items that an earlier load has already written from the same row count as written.
    """

    def __init__(self, loop: RequestLoop[KeysRequest], writer: FastWriter, rules: ComparisonRules) -> None:
        self.loop = loop
        self.writer = writer
        self._rules = rules

    @property
    def stats(self) -> WriteStats:
        """The counts of writes since the writer was made, and how often reads were throttled, and why."""
        reads = replace(self.loop.stats, items=0, units=0, requests=0, retries=0, unprocessed=0, latencies=NO_LATENCIES)
        return self.writer.stats.plus(reads)

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Write the items that differ; return those refused or skipped, unchanged ones included.

        Raises as `ItemWriter.write`.
        """
        compared = Comparison(items, self.loop.table, self._rules)
        unchanged, own = list[int](), list[int]()

        def note(rows: Sequence[int], answers: Sequence[bytes]) -> None:
            found = compared.unchanged(rows, answers)
            taken(found.others, Skipped.UNCHANGED)
            taken(found.own)
            unchanged.extend(found.others)
            own.extend(found.own)

        reads = StoredReads(items, self.loop.table, self._wanted(items), note)
        self.loop.run(reads, heartbeat, not_noted)
        reads.finish()
        known = {*unchanged, *own}
        rest = [row for row in range(len(items)) if row not in known]
        skipped = WriteResult(skipped={Skipped.UNCHANGED: sorted(unchanged)} if unchanged else {})
        return skipped + write_some(self.writer, items, rest, heartbeat, taken) if rest else skipped

    def _wanted(self, items: Items) -> list[str] | None:
        """Return the attributes to read, None for all: those of an update, only the keys for a deletion."""
        if items.operations is not None or self._rules.operation == WriteOperation.PUT:
            return None
        attributes = items.keys if self._rules.operation == WriteOperation.DELETE else items.attributes
        return [attribute.name for attribute in attributes]

    def close(self) -> None:
        """Close the connections."""
        self.loop.close()
        self.writer.close()
