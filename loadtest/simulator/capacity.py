"""How many units a simulated table takes, and why not more. Pure: the time is an argument.

On demand, a new table has few partitions, and DynamoDB says it is they who refuse. So too much for a new table and too
much for one key have the same reason here. No table grows: DynamoDB takes half an hour for that.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Literal


class TokenBucket:
    """Tokens that come at a rate and are kept up to a size.

    What is larger than a whole bucket goes when the bucket is full, and is paid off before anything else goes.
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
        """Take tokens that are there."""
        self._level -= units


class Reason(StrEnum):
    """Why a write found no capacity, as `ThrottlingReasons` spells it."""

    PROVISIONED = "TableWriteProvisionedThroughputExceeded"
    MAX_ON_DEMAND = "TableWriteMaxOnDemandThroughputExceeded"
    ACCOUNT = "TableWriteAccountLimitExceeded"
    KEY_RANGE = "TableWriteKeyRangeThroughputExceeded"
    READ_KEY_RANGE = "TableReadKeyRangeThroughputExceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What a table can take. DynamoDB itself keeps unused capacity for a `burst_s` of 300."""

    mode: Literal["provisioned", "on_demand"] = "on_demand"
    provisioned_units_per_s: float = 1000
    burst_s: float = 1.0
    warm_units_per_s: float = 4000  # a new table on demand, before any peak
    max_on_demand_units_per_s: float | None = None
    account_units_per_s: float = 40_000  # the quota of a table, unless raised
    partition_units_per_s: float = 1000
    partitions: int | None = None  # None: as many as the capacity needs

    def __post_init__(self) -> None:
        rates = (self.provisioned_units_per_s, self.warm_units_per_s, self.account_units_per_s)
        others = (self.burst_s, self.partition_units_per_s, self.partitions or 1)
        if min(*rates, *others, self.max_on_demand_units_per_s or 1) <= 0:
            raise ValueError("rates, seconds and partitions must be more than 0")


def write_units(item_bytes: int) -> int:
    """Return the write units an item of that size costs.

    >>> write_units(100), write_units(1024), write_units(1025)
    (1, 1, 2)
    """
    return max(1, math.ceil(item_bytes / 1024))


def read_units(item_bytes: int, *, is_consistent: bool) -> float:
    """Return the read units an item of that size costs; 0 bytes: one that is not there.

    >>> read_units(0, is_consistent=True), read_units(4097, is_consistent=True), read_units(4096, is_consistent=False)
    (1.0, 2.0, 0.5)
    """
    return max(1, math.ceil(item_bytes / 4096)) / (1 if is_consistent else 2)


class Capacity:
    """Decides write by write whether a table takes it."""

    def __init__(self, simulation: Simulation, now: float) -> None:
        limits, each = _limits(simulation), simulation.partition_units_per_s

        def bucket(per_s: float) -> TokenBucket:
            return TokenBucket(per_s=per_s, size=per_s * simulation.burst_s, now=now)

        self._limits = [(reason, bucket(per_s)) for reason, per_s in limits]
        self._partitions = [bucket(each) for _ in range(simulation.partitions or math.ceil(limits[0][1] / each))]

    def take(self, partition_key: bytes, units: float, now: float) -> Reason | None:
        """Take the units if all limits allow it, else return the first that does not."""
        partition = self._partitions[partition_of(partition_key, len(self._partitions))]
        limits = [*self._limits, (Reason.KEY_RANGE, partition)]
        refused = next((reason for reason, bucket in limits if not bucket.has(units, now)), None)
        if refused is None:
            for _, bucket in limits:
                bucket.take(units)
        return refused


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key: each has an equal range of the hashes, so that doubling them halves each."""
    hashed = int.from_bytes(blake2b(key, digest_size=8).digest())
    return hashed * partitions >> 64


def _limits(simulation: Simulation) -> list[tuple[Reason, float]]:
    """Return what limits a table, first what it sustains itself."""
    if simulation.mode == "provisioned":
        return [(Reason.PROVISIONED, simulation.provisioned_units_per_s)]
    limits = [(Reason.KEY_RANGE, simulation.warm_units_per_s), (Reason.ACCOUNT, simulation.account_units_per_s)]
    most = simulation.max_on_demand_units_per_s
    return limits if most is None else [*limits, (Reason.MAX_ON_DEMAND, most)]
