"""Items -> request bodies of DynamoDB's BatchWriteItem, and what it leaves unprocessed of them."""

import base64
import json
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, cast

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import BATCH_WRITE_ITEM, WriteOperation
from ingest.dynamodb.encode import DELETE, PUT, most_bytes, quoted, write_requests
from ingest.dynamodb.write_stats import units_of_each
from ingest.items.columns import AnyArray
from ingest.items.items import Items
from ingest.items.numbers import canonical_number

_GOLDEN = 0.6180339887498949  # the fractional parts of its multiples fill 0 to 1 evenly, however many there are


def spread(items: Items) -> AnyArray | None:
    """Return an order of the rows that spaces those of each partition key evenly; None to keep the current order.

    The i-th of n rows of a key is placed at the fraction (i + p) / n of the order, with a p in [0, 1) that differs by
    key: so any run of rows has a proportional share of each key, and keys with a single row do not cluster.
    """
    if len(items.keys) < 2:
        return None  # keys are distinct, so partition keys are
    encoded = items.attribute(items.keys[0].name).values.dictionary_encode()
    count = len(encoded.dictionary)
    if count in (1, len(items)):
        return None
    by_key = pc.array_sort_indices(encoded.indices)
    key = encoded.indices.take(by_key)
    sizes = pc.value_counts(key).field("counts")  # in the order of the keys, as `key` ascends
    starts = pc.subtract(pc.cumulative_sum(sizes), sizes)
    phase = pa.array([number * _GOLDEN % 1 for number in range(count)])
    first = pc.subtract(starts, phase)
    share = pc.divide(pc.subtract(_counted(len(items)), first.take(key)), pc.cast(sizes, pa.float64()).take(key))
    place = pc.cast(
        pc.multiply(share, float(len(items))), pa.int32(), safe=False
    )  # whole numbers are sorted by counting
    return by_key.take(pc.array_sort_indices(place)).cast(pa.int64())


def _counted(count: int) -> AnyArray:
    return pc.cumulative_sum(pa.repeat(pa.scalar(1.0), count), start=pa.scalar(-1.0))


# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
MAX_BATCH_ITEMS = 25
MAX_BODY_BYTES = 16_000_000  # "16 MB": the smaller of its two meanings

SLICE_ITEMS = 1600 * MAX_BATCH_ITEMS  # encoded at a time: few kernel calls a row, and room to interleave
MAX_SLICE_BYTES = 1 << 28  # as estimated by `most_bytes`: bounds memory, and is far below the limit of 32-bit offsets


@dataclass(slots=True)  # not frozen: there is one for each request, and freezing costs a microsecond
class Batch:
    """One request body and the rows of its items, in order. Their encoded requests are those of `encoded` from index
    `first`, their write units those of `units` from the same index; None means one unit each.
    """

    body: bytes
    rows: Sequence[int]
    encoded: AnyArray
    table: str
    first: int = 0
    units: Sequence[int] | None = None

    operation: ClassVar[str] = BATCH_WRITE_ITEM

    @property
    def write_units(self) -> int:
        """The write units of all its rows, without those of the table's indexes."""
        return len(self.rows) if self.units is None else sum(self.units[self.first : self.first + len(self.rows)])

    @property
    def requests(self) -> AnyArray:
        """The request of each row."""
        return self.encoded.slice(self.first, len(self.rows))

    def only(self, rows: Sequence[int]) -> "Batch":
        """Return a batch of some of these rows, at least one, to be sent again or separately."""
        place = {row: i for i, row in enumerate(self.rows)}
        places = [place[row] for row in rows]
        requests = self.requests.take(pa.array(places, pa.int32()))
        units = None if self.units is None else [self.units[self.first + i] for i in places]
        return Batch(body_of(requests, self.table), rows, requests, self.table, units=units)


def batches(
    items: Items, table: str, *, interleave: bool = False, operation: str = WriteOperation.PUT
) -> Iterator[Batch]:
    """Yield the items in batches as large as DynamoDB accepts, in order or `interleave`d. Keys must be distinct.

    Each item is put or deleted by its own operation, or else by `operation`.
    Items are encoded slice by slice, and no batch spans two: if items are large, a slice's last batch may be smaller.
    """
    before, after = _around(table)
    room = MAX_BODY_BYTES - len(before) - len(after) + 1  # the last comma is not sent
    for start, some in slices(items, 0, len(items)):
        order = spread(some) if interleave else None
        encoded = write_requests(some, operation)
        are_deletes = some.operations is None and operation == WriteOperation.DELETE
        units = None if are_deletes else units_of_each(some, encoded, order)
        requests, rows = ordered(encoded, order, start)
        offsets = _offsets(requests)
        data = memoryview(_buffer(requests, 2))
        for first, last in pairwise(_cuts(offsets, room)):
            body = b"".join((before, data[offsets[first] : offsets[last] - 1], after))
            yield Batch(body, rows[first:last], requests, table, first, units)


def ordered(requests: AnyArray, order: AnyArray | None, start: int) -> tuple[AnyArray, Sequence[int]]:
    """Return the requests in this order, and the row of each; rows are numbered from `start`."""
    if order is None:
        return requests, range(start, start + len(requests))
    return requests.take(order), memoryview(_buffer(pc.add(order, start), 1)).cast("q")


def body_of(requests: AnyArray, table: str) -> bytes:
    """Return the body that sends these requests, at least one, and few enough for one body."""
    offsets = _offsets(requests)
    before, after = _around(table)
    return b"".join((before, memoryview(_buffer(requests, 2))[offsets[0] : offsets[-1] - 1], after))


def slices(items: Items, start: int, end: int, most: int = SLICE_ITEMS) -> Iterator[tuple[int, Items]]:
    """Yield slices of items[start:end], each after its first row: at most `most` items, and few enough for one column
    of text.

    One item always is: DynamoDB accepts 400 KiB, which become 5 MiB at most.
    """
    for first in range(start, end, most):
        last = min(first + most, end)
        some = items.slice(first, last)
        if last - first == 1 or most_bytes(some) <= MAX_SLICE_BYTES:
            yield first, some
        else:
            middle = (first + last) // 2
            yield from slices(items, first, middle, most)
            yield from slices(items, middle, last, most)


def _cuts(offsets: "memoryview[int]", room: int) -> list[int]:
    """Return where batches of at most `room` bytes begin and end, given where each request begins and ends."""
    count = len(offsets) - 1
    cuts = [*range(0, count, MAX_BATCH_ITEMS), count]
    if all(offsets[last] - offsets[first] <= room for first, last in pairwise(cuts)):
        return cuts
    cuts = [0]
    for row in range(1, count):  # does request `row` still fit?
        if row - cuts[-1] == MAX_BATCH_ITEMS or offsets[row + 1] - offsets[cuts[-1]] > room:
            cuts.append(row)
    return [*cuts, count]


def each_text(texts: AnyArray) -> Iterator[bytes]:
    """Yield each text of a column."""
    data = memoryview(_buffer(texts, 2))
    for first, last in pairwise(_offsets(texts)):
        yield bytes(data[first:last])


def _offsets(requests: AnyArray) -> "memoryview[int]":
    """Return where each request begins, and where the last one ends."""
    return memoryview(_buffer(requests, 1).slice(requests.offset * 4, len(requests) * 4 + 4)).cast("i")


def _buffer(values: AnyArray, place: int) -> pa.Buffer:
    """Return one of an array's buffers: numbers or offsets (1), or texts (2)."""
    return cast(pa.Buffer, values.buffers()[place])


def _around(table: str) -> tuple[bytes, bytes]:
    return f'{{"RequestItems":{{{quoted(table)}:['.encode(), b"]}}"


def unprocessed(answer: bytes | Mapping[str, Any], batch: Batch, items: Items) -> list[int]:
    """Return the rows of the batch that DynamoDB left unprocessed, in order; `items` are those the batch was made from.

    Rows are matched by key, because DynamoDB may return numbers in another form. If not every unprocessed request is
    matched, all rows of the batch are returned: a put may be repeated, but none may be lost.
    """
    reported = json.loads(answer) if isinstance(answer, bytes) else answer
    requests = [request for some in reported.get("UnprocessedItems", {}).values() for request in some]
    left = [(PUT if PUT.name in request else DELETE).item_of(request) for request in requests]
    return rows_of_keys(left, batch.rows, items)


def rows_of_keys(left: Sequence[Mapping[str, Any]], rows: Sequence[int], items: Items) -> list[int]:
    """Return which of these rows of the items have the keys that a request left; all rows, if a key is not found."""
    if not left:
        return []
    wanted = {tuple(_comparable_key(key.type, item[key.name][key.type]) for key in items.keys) for item in left}
    found = [row for row, key in zip(rows, _row_keys(items, rows), strict=True) if key in wanted]
    return found if len(found) == len(left) else list(rows)


def _row_keys(items: Items, rows: Sequence[int]) -> Iterable[tuple[Hashable, ...]]:
    columns: list[list[Hashable]] = []
    for key in items.keys:
        values = items.attribute(key.name).values.take(pa.array(rows, pa.int64()))
        columns.append([_comparable_key(key.type, value) for value in values.to_pylist()])
    return zip(*columns, strict=True)


def _comparable_key(kind: str, value: Any) -> Hashable:
    """Return a value that is the same for equal keys; binary is bytes from botocore, base64 in JSON."""
    if kind == "N":
        return canonical_number(value)
    if kind == "B" and isinstance(value, str):
        return base64.b64decode(value)
    return bytes(value) if kind == "B" else str(value)
