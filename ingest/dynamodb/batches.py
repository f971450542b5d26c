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

_GOLDEN = 0.6180339887498949  # its multiples, less what is before the point, fill 0 to 1 evenly, however many they are


def spread(items: Items) -> AnyArray | None:
    """Return the rows in an order that has the rows of each partition key evenly apart; None to keep the one there is.

    The i-th of n rows of a key stands at (i + p) / n of the way, p being between 0 and 1 and another for each key: so
    any run of rows has its share of each key, be they few or many, and keys of one row each do not gather.
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
MAX_SLICE_BYTES = 1 << 28  # as foretold by `most_bytes`: bounds memory, and is far below what 32-bit offsets reach


@dataclass(slots=True)  # not frozen: there is one a request, and that would take a microsecond each
class Batch:
    """One request body and the rows of the items that are in it, in order. Their requests as in `wire` are those of
    `encoded` from `first`, as are their write units those of `units`; None stands for one each.
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
        """What DynamoDB takes for all of it, without the table's indexes."""
        return len(self.rows) if self.units is None else sum(self.units[self.first : self.first + len(self.rows)])

    @property
    def requests(self) -> AnyArray:
        """The request of each row."""
        return self.encoded.slice(self.first, len(self.rows))

    def only(self, rows: Sequence[int]) -> "Batch":
        """Return a batch of some of these rows, at least one, to be sent again or apart."""
        place = {row: i for i, row in enumerate(self.rows)}
        places = [place[row] for row in rows]
        requests = self.requests.take(pa.array(places, pa.int32()))
        units = None if self.units is None else [self.units[self.first + i] for i in places]
        return Batch(body_of(requests, self.table), rows, requests, self.table, units=units)


def batches(
    items: Items, table: str, *, interleave: bool = False, operation: str = WriteOperation.PUT
) -> Iterator[Batch]:
    """Yield the items, as many in a batch as DynamoDB takes: in order, or `interleave`d. No two may have one key.

    They are put or deleted, as they say themselves, or else as `operation` does.
    Items are encoded slice by slice, and no batch spans two: where they are large, the last of a slice may be smaller.
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
    """Return the requests of rows from `start` in the order wanted, and the row of each."""
    if order is None:
        return requests, range(start, start + len(requests))
    return requests.take(order), memoryview(_buffer(pc.add(order, start), 1)).cast("q")


def body_of(requests: AnyArray, table: str) -> bytes:
    """Return the body that sends these requests, at least one, and few enough for one body."""
    offsets = _offsets(requests)
    before, after = _around(table)
    return b"".join((before, memoryview(_buffer(requests, 2))[offsets[0] : offsets[-1] - 1], after))


def slices(items: Items, start: int, end: int, most: int = SLICE_ITEMS) -> Iterator[tuple[int, Items]]:
    """Yield items from `start` to before `end`, and where they begin: at most `most` at a time, few enough for one
    column of text.

    One item always is: DynamoDB takes 400 KiB, which become 5 MiB at most.
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
    """Return a buffer of an array that has it: numbers or offsets (1), or texts (2)."""
    return cast(pa.Buffer, values.buffers()[place])


def _around(table: str) -> tuple[bytes, bytes]:
    return f'{{"RequestItems":{{{quoted(table)}:['.encode(), b"]}}"


def unprocessed(answer: bytes | Mapping[str, Any], batch: Batch, items: Items) -> list[int]:
    """Return the rows of the batch that DynamoDB asks to send again, in order; `items` is what the batch is made of.

    Rows are found by their keys, as DynamoDB spells numbers in its own way. If fewer rows are found than DynamoDB left
    requests, it is the whole batch: a put may be repeated, and none may be lost.
    """
    reported = json.loads(answer) if isinstance(answer, bytes) else answer
    requests = [request for some in reported.get("UnprocessedItems", {}).values() for request in some]
    left = [(PUT if PUT.name in request else DELETE).item_of(request) for request in requests]
    return rows_of_keys(left, batch.rows, items)


def rows_of_keys(left: Sequence[Mapping[str, Any]], rows: Sequence[int], items: Items) -> list[int]:
    """Return which of these rows of the items have the keys of what is left of a request; all, if one is not found."""
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
    """Return what equal keys share; botocore returns bytes where JSON has base64."""
    if kind == "N":
        return canonical_number(value)
    if kind == "B" and isinstance(value, str):
        return base64.b64decode(value)
    return bytes(value) if kind == "B" else str(value)
