"""How many write units a simulated table takes, and why not more. Pure: the time is an argument.

On demand, a table that has not grown yet has few partitions, and DynamoDB says it is they who refuse. So too much for a
cold table and too much for one key have the same reason here.
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

    def __init__(self, *, per_s: float, size: float, now: float, is_full: bool = True) -> None:
        self._per_s, self._size, self._at = per_s, size, now
        self._level = size if is_full else 0.0

    def has(self, units: float, now: float) -> bool:
        """Return whether a number of tokens can be taken."""
        self._refill(now)
        return self._level >= min(units, self._size)

    def take(self, units: float) -> None:
        """Take tokens that are there."""
        self._level -= units

    def change(self, *, per_s: float, size: float, now: float) -> None:
        """Let tokens come at another rate from now on."""
        self._refill(now)
        self._per_s, self._size = per_s, size

    def _refill(self, now: float) -> None:
        if now > self._at:
            self._level = min(self._size, self._level + (now - self._at) * self._per_s)
            self._at = now


UNIT_BYTES = 1024
PARTITION_UNITS_PER_S = 1000
NEW_TABLE_UNITS_PER_S = 4000  # on demand, before any peak
ACCOUNT_UNITS_PER_S = 40_000  # the quota of a table, unless raised


class Reason(StrEnum):
    """Why a write found no capacity, as `ThrottlingReasons` spells it."""

    PROVISIONED = "TableWriteProvisionedThroughputExceeded"
    MAX_ON_DEMAND = "TableWriteMaxOnDemandThroughputExceeded"
    ACCOUNT = "TableWriteAccountLimitExceeded"
    KEY_RANGE = "TableWriteKeyRangeThroughputExceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What a table can take. DynamoDB itself keeps unused capacity for a `burst_s` of 300."""

    mode: Literal["provisioned", "on_demand"] = "on_demand"
    provisioned_units_per_s: float = 1000
    burst_s: float = 1.0
    warm_units_per_s: float = NEW_TABLE_UNITS_PER_S
    growth_interval_s: float = 1800.0
    max_on_demand_units_per_s: float | None = None
    account_units_per_s: float = ACCOUNT_UNITS_PER_S
    partition_units_per_s: float = PARTITION_UNITS_PER_S
    partitions: int | None = None  # None: as many as the capacity needs, more when it grows

    def __post_init__(self) -> None:
        rates = (self.provisioned_units_per_s, self.warm_units_per_s, self.account_units_per_s)
        others = (self.burst_s, self.growth_interval_s, self.partition_units_per_s, self.partitions or 1)
        if min(*rates, *others, self.max_on_demand_units_per_s or 1) <= 0:
            raise ValueError("rates, seconds and partitions must be more than 0")


def write_units(item_bytes: int) -> int:
    """Return the write units an item of that size costs.

    >>> write_units(100), write_units(1024), write_units(1025)
    (1, 1, 2)
    """
    return max(1, math.ceil(item_bytes / UNIT_BYTES))


class Warmth:
    """What an on-demand table sustains: twice its peak so far, never less than it had, at most doubled an interval."""

    def __init__(self, *, units_per_s: float, interval_s: float, now: float) -> None:
        self.units_per_s = units_per_s
        self._interval_s, self._interval_at = interval_s, now
        self._second_at, self._second_units, self._peak = now, 0.0, 0.0

    def took(self, units: float, now: float) -> None:
        """Remember what was taken; a peak is what was taken within a second."""
        if now - self._second_at >= 1:
            self._second_at, self._second_units = now, 0.0
        self._second_units += units
        self._peak = max(self._peak, self._second_units)

    def grows(self, now: float) -> bool:
        """Return whether an interval ended that made the table grow."""
        if now - self._interval_at < self._interval_s:
            return False
        before = self.units_per_s
        self.units_per_s = min(2 * before, max(before, 2 * self._peak))
        self._interval_at, self._peak = now, 0.0
        return self.units_per_s > before


class Capacity:
    """Decides write by write whether a table takes it."""

    def __init__(self, simulation: Simulation, now: float) -> None:
        self._simulation = simulation
        interval_s = simulation.growth_interval_s
        self._warmth = Warmth(units_per_s=simulation.warm_units_per_s, interval_s=interval_s, now=now)
        rates = _limits(simulation, self.units_per_s)
        self._limits = [(reason, self._bucket(per_s, now)) for reason, per_s in rates]
        self._partitions = self._split(now, is_full=True)

    def take(self, partition_key: bytes, units: int, now: float) -> Reason | None:
        """Take the units if all limits allow it, else return the first that does not."""
        self._grow(now)
        partition = self._partitions[partition_of(partition_key, self.partitions)]
        limits = [*self._limits, (Reason.KEY_RANGE, partition)]
        refused = next((reason for reason, bucket in limits if not bucket.has(units, now)), None)
        if refused is None:
            for _, bucket in limits:
                bucket.take(units)
            self._warmth.took(units, now)
        return refused

    @property
    def units_per_s(self) -> float:
        """What the table sustains now."""
        is_provisioned = self._simulation.mode == "provisioned"
        return self._simulation.provisioned_units_per_s if is_provisioned else self._warmth.units_per_s

    @property
    def partitions(self) -> int:
        """How many partitions the table has now."""
        return len(self._partitions)

    def _grow(self, now: float) -> None:
        if self._simulation.mode == "provisioned" or not self._warmth.grows(now):
            return
        self._limits[0][1].change(per_s=self.units_per_s, size=self.units_per_s * self._simulation.burst_s, now=now)
        if not self._simulation.partitions:
            self._partitions = self._split(now, is_full=False)

    def _split(self, now: float, *, is_full: bool) -> list[TokenBucket]:
        each = self._simulation.partition_units_per_s
        count = self._simulation.partitions or math.ceil(self.units_per_s / each)
        return [self._bucket(each, now, is_full=is_full) for _ in range(count)]

    def _bucket(self, per_s: float, now: float, *, is_full: bool = True) -> TokenBucket:
        return TokenBucket(per_s=per_s, size=per_s * self._simulation.burst_s, now=now, is_full=is_full)


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key: each has an equal range of the hashes, so that doubling them halves each."""
    hashed = int.from_bytes(blake2b(key, digest_size=8).digest())
    return hashed * partitions >> 64


def _limits(simulation: Simulation, units_per_s: float) -> list[tuple[Reason, float]]:
    """Return what limits a table, first what it sustains itself."""
    if simulation.mode == "provisioned":
        return [(Reason.PROVISIONED, units_per_s)]
    limits = [(Reason.KEY_RANGE, units_per_s), (Reason.ACCOUNT, simulation.account_units_per_s)]
    most = simulation.max_on_demand_units_per_s
    return limits if most is None else [*limits, (Reason.MAX_ON_DEMAND, most)]
