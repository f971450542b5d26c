"""The settings of a simulator: tables and their capacity, latency, and injected faults.

By default it accepts and counts everything. An on-demand table is new and has few partitions, which DynamoDB reports as
the cause of throttling. So overload of a new table and of one key have the same reason here. Tables do not scale up:
DynamoDB takes half an hour to do so.
"""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from math import ceil
from pathlib import Path
from typing import Literal


class TokenBucket:
    """Tokens that are added at a rate, up to a maximum size.

    A request larger than the bucket is granted when the bucket is full; the debt is paid off before the next grant.
    """

    def __init__(self, *, per_s: float, size: float, now: float) -> None:
        self._per_s, self._size, self._at = per_s, size, now
        self._level = size

    def has(self, units: float, now: float) -> bool:
        """Return whether a number of tokens can be taken."""
        if now > self._at:
            self._level, self._at = min(self._size, self._level + (now - self._at) * self._per_s), now
        return self._level >= min(units, self._size)

    def take(self, units: float) -> None:
        """Take tokens; `has` must have been true."""
        self._level -= units


class Reason(StrEnum):
    """Why a write was throttled, as in DynamoDB's `ThrottlingReasons`."""

    PROVISIONED = "TableWriteProvisionedThroughputExceeded"
    KEY_RANGE = "TableWriteKeyRangeThroughputExceeded"
    READ_KEY_RANGE = "TableReadKeyRangeThroughputExceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """The capacity of a table. DynamoDB itself keeps unused capacity for a `burst_s` of 300."""

    mode: Literal["provisioned", "on_demand"] = "on_demand"
    provisioned_units_per_s: float = 1000
    burst_s: float = 1.0
    warm_units_per_s: float = 4000  # a new table on demand, before any peak
    partition_units_per_s: float = 1000
    partitions: int | None = None  # None: as many as the capacity requires

    def __post_init__(self) -> None:
        rates = (self.provisioned_units_per_s, self.warm_units_per_s, self.partition_units_per_s)
        if min(*rates, self.burst_s, self.partitions or 1) <= 0:
            raise ValueError("rates, seconds and partitions must be more than 0")

    @property
    def limit(self) -> tuple[Reason, float]:
        """The reason for throttling beyond the table's capacity, and that capacity in units per second."""
        if self.mode == "provisioned":
            return Reason.PROVISIONED, self.provisioned_units_per_s
        return Reason.KEY_RANGE, self.warm_units_per_s


def write_units(item_bytes: int) -> int:
    """Return the write units an item of that size costs.

    >>> write_units(100), write_units(1024), write_units(1025)
    (1, 1, 2)
    """
    return max(1, ceil(item_bytes / 1024))


def read_units(item_bytes: int, *, is_consistent: bool) -> float:
    """Return the read units an item of that size costs; 0 bytes: a missing item.

    >>> read_units(0, is_consistent=True), read_units(4097, is_consistent=True), read_units(4096, is_consistent=False)
    (1.0, 2.0, 0.5)
    """
    return max(1, ceil(item_bytes / 4096)) / (1 if is_consistent else 2)


class Capacity:
    """Decides for each write whether a table has capacity for it."""

    def __init__(self, simulation: Simulation, now: float) -> None:
        def bucket(per_s: float) -> TokenBucket:
            return TokenBucket(per_s=per_s, size=per_s * simulation.burst_s, now=now)

        (self._reason, per_s), each = simulation.limit, simulation.partition_units_per_s
        self._table = bucket(per_s)
        self._partitions = [bucket(each) for _ in range(simulation.partitions or ceil(per_s / each))]

    def take(self, partition_key: bytes, units: float, now: float) -> Reason | None:
        """Take the units and return None, or return the reason why table or partition lack capacity."""
        partition = self._partitions[partition_of(partition_key, len(self._partitions))]
        if not self._table.has(units, now):
            return self._reason
        if not partition.has(units, now):
            return Reason.KEY_RANGE
        self._table.take(units)
        partition.take(units)
        return None


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key: each has an equal range of the hashes, so that doubling them halves each."""
    hashed = int.from_bytes(blake2b(key, digest_size=8).digest())
    return hashed * partitions >> 64


@dataclass(frozen=True, slots=True)
class Key:
    """A key attribute and its type."""

    name: str
    type: Literal["S", "N", "B"] = "S"


@dataclass(frozen=True, slots=True)
class Table:
    """The primary key of a table."""

    partition: Key
    sort: Key | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        """The key attributes in their order."""
        return (self.partition, self.sort) if self.sort else (self.partition,)


class Fault(StrEnum):
    """Faults of a request. The comments say whether items are taken although the client sees a failure."""

    INTERNAL_ERROR = "internal_error"  # 500, nothing taken
    RESET_BEFORE = "reset_before"  # connection reset, nothing taken
    RESET_AFTER = "reset_after"  # items taken, connection reset instead of a response
    TRUNCATED = "truncated"  # items taken, half of the response body, connection closed
    SLOW = "slow"  # items taken, response `slow_s` later
    EXPIRED_TOKEN = "expired_token"  # 400, nothing taken
    UNRECOGNIZED_CLIENT = "unrecognized_client"  # 400, nothing taken
    WRONG_CRC32 = "wrong_crc32"  # items taken, response with a wrong checksum of its body
    THROTTLED = "throttled"  # 400, nothing taken: throttled regardless of capacity


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The share of requests about items, from 0 to 1, that each fault hits. A request has one fault at most.

    In addition, `throttled_items` is the share of single items that are throttled, as in heavy throttling.
    """

    seed: int = 1
    internal_error: float = 0
    reset_before: float = 0
    reset_after: float = 0
    truncated: float = 0
    slow: float = 0
    expired_token: float = 0
    unrecognized_client: float = 0
    wrong_crc32: float = 0
    throttled: float = 0
    slow_s: float = 5.0
    throttled_items: float = 0

    def __post_init__(self) -> None:
        shares = list(self.shares().values())
        if min(*shares, self.throttled_items) < 0 or max(sum(shares), self.throttled_items) > 1 + 1e-9:
            raise ValueError("shares are from 0 to 1, and no more than 1 together")

    def shares(self) -> dict[Fault, float]:
        """Return the share of each fault."""
        return {fault: getattr(self, fault.value) for fault in Fault}


class Schedule:
    """Decides the fault of each request, and counts faults; the same faults and seed give the same decisions."""

    def __init__(self, faults: Faults | None) -> None:
        faults, self.counts = faults or Faults(), Counter[str]()
        self._chance, self._of_items = random.Random(faults.seed), random.Random(faults.seed)
        self._throttled_items = faults.throttled_items
        self._shares = [(fault, share) for fault, share in faults.shares().items() if share]

    def next(self) -> Fault | None:
        """Return the fault of the next request; None: no fault."""
        drawn = self._chance.random()
        for fault, share in self._shares:
            drawn -= share
            if drawn < 0:
                self.counts[fault] += 1
                return fault
        return None

    def throttles_next_item(self) -> bool:
        """Return whether the next item is throttled."""
        return self._throttled_items > 0 and self._of_items.random() < self._throttled_items


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a simulator."""

    # Existing tables by name: requests are checked as by DynamoDB. None: any table exists, and puts are only counted.
    tables: Mapping[str, Table] | None = None
    simulation: Simulation | None = None  # the capacity of each table; None: unlimited
    faults: Faults | None = None
    latency_s: float = 0  # delay of each response
    keeps_items: bool | frozenset[str] = False  # in memory, of all tables or of those named: conditions need them
    spool: Path | None = None  # file for all writes taken (`loadtest.simulator.written_items`)
    sequence: str | None = None  # a number attribute that must not decrease for a key; needs `keeps_items`
    tls: bool = False  # with a certificate made at the start; clients must trust `Simulator.ca_file`
    port: int = 0  # 0: any free port

    def __post_init__(self) -> None:
        if self.tables is None and (self.simulation or self.keeps_items):
            raise ValueError("a simulation and items need the keys of the tables: set `tables`")
        if self.sequence and not self.keeps_items:
            raise ValueError("a sequence needs `keeps_items`")

    def keeps(self, table: str) -> bool:
        """Return whether the items of a table are kept."""
        return self.keeps_items if isinstance(self.keeps_items, bool) else table in self.keeps_items
