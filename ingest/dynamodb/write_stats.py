"""Statistics of writes: write units, requests, retries, unprocessed items, and throttles by DynamoDB's reasons."""

import json
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Metric, WriteOperation
from ingest.items.columns import AnyArray, byte_lengths, rows_where
from ingest.items.items import Items
from ingest.items.validate import item_sizes, size_bounds
from ingest.metrics.emf import MOST_VALUES, Value

WRITE_UNIT_BYTES = 1024  # of an item, for each write unit


def write_units(items: Items) -> int:
    """Return the write units DynamoDB takes for all items."""
    return int(pc.sum(item_units(items)).as_py()) if len(items) else 0


def units_of_each(items: Items, requests: AnyArray, order: AnyArray | None = None) -> Sequence[int] | None:
    """Return the write units of each item, or None if each takes one; in this `order`, if given.

    `requests` has each item as JSON, which is longer than its size: if all are short, as most are, no size is computed.
    """
    if not len(items) or pc.max(byte_lengths(requests)).as_py() <= WRITE_UNIT_BYTES:
        return None
    units = item_units(items)
    ordered = units if order is None else units.take(order)
    return memoryview(cast(pa.Buffer, ordered.buffers()[1])).cast("q")


def item_units(items: Items) -> AnyArray:
    """Return the write units of each item, one for a deletion. Exact sizes are computed only near the next KiB."""
    least, most = map(units_of, size_bounds(items.attributes))
    near = pc.not_equal(least, most)
    rows = rows_where(near)
    units: AnyArray = most
    if rows:
        exact = item_sizes([attribute.take(pa.array(rows, pa.int64())) for attribute in items.attributes])
        units = pc.replace_with_mask(most, near, units_of(exact))
    if items.operations is not None:
        units = pc.if_else(pc.equal(items.operations, pa.scalar(WriteOperation.DELETE)), 1, units)
    return units


def units_of(sizes: AnyArray) -> AnyArray:
    """Return the write units of items of these sizes in bytes.

    >>> units_of(pa.array([100, 1024, 1025], pa.int64())).to_pylist()
    [1, 1, 2]
    """
    return pc.divide(pc.add(sizes, pa.scalar(WRITE_UNIT_BYTES - 1)), pa.scalar(WRITE_UNIT_BYTES))


_PER_DOUBLING = 8  # buckets: a value reported is within 5 % of the true one
_LEAST_S = 0.0001  # all below are in the first bucket
_ENDS_S = [_LEAST_S * 2 ** (n / _PER_DOUBLING) for n in range(18 * _PER_DOUBLING)]  # all above 24 s are in the last
BUCKETS = len(_ENDS_S) + 1


@dataclass(frozen=True, slots=True)
class Latencies:
    """The number of requests in each latency bucket, since a start or between two moments; `()` if there are none."""

    counts: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return any(self.counts)

    def __add__(self, more: "Latencies") -> "Latencies":
        """Return both together."""
        if not (self.counts and more.counts):
            return self if self.counts else more  # nothing to add
        return Latencies(tuple(a + b for a, b in zip(self.counts, more.counts, strict=True)))

    def __sub__(self, before: "Latencies") -> "Latencies":
        """Return what was counted after an earlier moment."""
        if not before.counts:
            return self
        return Latencies(tuple(a - b for a, b in zip(self.counts, before.counts, strict=True)))

    def sample(self, most: int) -> list[float]:
        """Return at most `most` ascending values (ms) with the distribution of all, minimum and maximum included.

        Up to `most` requests, each has a value of its own.
        """
        total = sum(self.counts)
        if total <= most:
            return [_ms(bucket) for bucket, count in enumerate(self.counts) for _ in range(count)]
        return [_ms(bucket) for bucket in self._at([i * (total - 1) // (most - 1) for i in range(most)])]

    def _at(self, places: list[int]) -> Iterator[int]:
        """Yield the bucket of the request at each of these ranks, which ascend, in the order of latency."""
        ends = enumerate(accumulate(self.counts))
        bucket, end = next(ends)
        for place in places:
            while end <= place:
                bucket, end = next(ends)
            yield bucket


NO_LATENCIES = Latencies()


def bucket_of(seconds: float) -> int:
    """Return the bucket of a latency.

    >>> bucket_of(0.0), bucket_of(0.001), bucket_of(0.002), bucket_of(3600)
    (0, 27, 35, 144)
    """
    return bisect(_ENDS_S, seconds)


def _ms(bucket: int) -> float:
    """Return the middle of a bucket in milliseconds."""
    return float(f"{1000 * _LEAST_S * 2 ** ((bucket - 0.5) / _PER_DOUBLING):.3g}")


@dataclass(frozen=True, slots=True)
class WriteStats:
    """Counts of one writer, from its beginning or between two moments (`since`).

    `by_...` are requests that DynamoDB throttled whole, by the reasons it gave: a request may have several, and counts
    as `by_other` if none of them is known here. Unprocessed items come without a reason.
    """

    items: int = 0  # in all requests; counted again when they are sent again
    units: int = 0  # write units of accepted items: one for each KiB or part of it, without those of indexes
    requests: int = 0
    retries: int = 0  # requests that sent items again
    unprocessed: int = 0  # items that DynamoDB returned as unprocessed
    throttled: int = 0  # requests rejected whole for lack of capacity
    by_key_range: int = 0  # the limit of one partition: spread the keys, or wait until DynamoDB splits it
    by_account: int = 0  # the account's quota, in all or for each table: request an increase from AWS
    by_maximum: int = 0  # the table's own MaxWriteRequestUnits
    by_provisioned: int = 0  # the table's provisioned capacity
    by_other: int = 0
    latencies: Latencies = NO_LATENCIES  # of the requests of which DynamoDB accepted something

    def since(self, before: "WriteStats") -> "WriteStats":
        """Return what was counted after an earlier moment."""
        return WriteStats(*(getattr(self, f.name) - getattr(before, f.name) for f in fields(self)))

    def plus(self, more: "WriteStats") -> "WriteStats":
        """Return the sum."""
        return WriteStats(*(getattr(self, f.name) + getattr(more, f.name) for f in fields(self)))

    @property
    def is_nothing(self) -> bool:
        """Whether nothing was counted."""
        return not any(getattr(self, f.name) for f in fields(self))

    def metrics(self) -> dict[str, Value]:
        """Return the counts by metric name, without reasons that did not occur: each metric is charged for."""
        values: dict[str, Value] = {metric: getattr(self, name) for name, metric in _METRICS.items()}
        values |= {metric: getattr(self, name) for name, metric in _BY_REASON.items() if getattr(self, name)}
        if self.items:  # responses may be counted in a later interval than their requests
            values[Metric.UNPROCESSED_SHARE] = min(100.0, 100 * self.unprocessed / self.items)
        if sample := self.latencies.sample(MOST_VALUES):
            values[Metric.REQUEST_LATENCY] = sample
        return values


NOTHING_WRITTEN = WriteStats()
_METRICS = {
    "items": Metric.ITEMS_SENT,
    "units": Metric.WRITE_UNITS,
    "requests": Metric.REQUESTS_SENT,
    "retries": Metric.REQUESTS_REPEATED,
    "unprocessed": Metric.ITEMS_UNPROCESSED,
    "throttled": Metric.REQUESTS_THROTTLED,
}
_BY_REASON = {
    "by_key_range": Metric.THROTTLED_BY_KEY_RANGE,
    "by_account": Metric.THROTTLED_BY_ACCOUNT,
    "by_maximum": Metric.THROTTLED_BY_MAXIMUM,
    "by_provisioned": Metric.THROTTLED_BY_PROVISIONED,
    "by_other": Metric.THROTTLED_BY_OTHER,
}
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/throttling-diagnosing-workflow.html
# A reason is Table or Index, Read or Write, and one of these.
_REASONS = {
    "KeyRangeThroughputExceeded": "by_key_range",
    "AccountLimitExceeded": "by_account",
    "MaxOnDemandThroughputExceeded": "by_maximum",
    "ProvisionedThroughputExceeded": "by_provisioned",
}


def throttled_request(answer: bytes) -> WriteStats:
    """Return one throttled request, counted by the reasons its error response gives.

    >>> throttled_request(b'{"ThrottlingReasons":[{"reason":"TableWriteAccountLimitExceeded"}]}').by_account
    1
    """
    reasons: dict[str, Any] = dict.fromkeys((_by(reason) for reason in _reported(answer)), 1)
    return WriteStats(throttled=1, **(reasons or {"by_other": 1}))


def _by(reason: str) -> str:
    return next((name for end, name in _REASONS.items() if reason.endswith(end)), "by_other")


def _reported(answer: bytes) -> Iterable[str]:
    """Return the throttling reasons in an error response; DynamoDB spells the member in two ways."""
    try:
        document = json.loads(answer)
        reported = document.get("ThrottlingReasons") or document.get("throttlingReasons") or []
        return [str(entry.get("reason", "")) for entry in reported]
    except (ValueError, AttributeError, TypeError):
        return []
