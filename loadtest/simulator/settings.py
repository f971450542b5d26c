"""What a simulator is to do, and which requests go wrong. With nothing set it takes all that comes, and counts it."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

from loadtest.simulator.capacity import Simulation


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long an answer takes at least: `fixed_s`, and up to `jitter_s` more by chance."""

    fixed_s: float = 0
    jitter_s: float = 0
    seed: int = 1


class Fault(StrEnum):
    """What can go wrong with a request. What is taken although the client sees a failure, says so."""

    INTERNAL_ERROR = "internal_error"  # 500, nothing taken
    RESET_BEFORE = "reset_before"  # connection reset, nothing taken
    RESET_AFTER = "reset_after"  # items taken, connection reset instead of an answer
    TRUNCATED = "truncated"  # items taken, half of the answer, connection closed
    SLOW = "slow"  # items taken, answer `slow_s` later
    EXPIRED_TOKEN = "expired_token"  # 400, nothing taken
    UNRECOGNIZED_CLIENT = "unrecognized_client"  # 400, nothing taken
    WRONG_CRC32 = "wrong_crc32"  # items taken, the answer's checksum is not that of its body
    THROTTLED = "throttled"  # 400, nothing taken: for want of capacity, whatever there is


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The share of write requests, from 0 to 1, that each fault hits. A request has one fault at most.

    Beside that, a share of the items finds no capacity, as in a storm of throttling: `throttled_items`.
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
    """Decides request by request, and counts; same faults and seed, same decisions."""

    def __init__(self, faults: Faults | None) -> None:
        faults, self.counts = faults or Faults(), Counter[str]()
        self._chance, self._of_items = random.Random(faults.seed), random.Random(faults.seed)
        self._throttled_items = faults.throttled_items
        self._shares = [(fault, share) for fault, share in faults.shares().items() if share]

    def next(self) -> Fault | None:
        """Return what the next request gets."""
        drawn = self._chance.random()
        for fault, share in self._shares:
            drawn -= share
            if drawn < 0:
                self.counts[fault] += 1
                return fault
        return None

    def throttles_next_item(self) -> bool:
        """Return whether the next item finds no capacity."""
        return self._throttled_items > 0 and self._of_items.random() < self._throttled_items


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a simulator is to do."""

    # Those there are, by name: requests are checked as DynamoDB does. None: there is every table, unchecked.
    tables: Mapping[str, Table] | None = None
    simulation: Simulation | None = None  # what each table can take; None: anything
    faults: Faults | None = None
    latency: Latency = field(default_factory=Latency)
    keeps_items: bool | frozenset[str] = False  # of all tables, or those named, in memory: conditions need them
    spool: Path | None = None  # the file that all writes taken go to (`loadtest.simulator.written_items`)
    sequence: str | None = None  # an attribute with a number that must not fall for the same key; needs `keeps_items`
    tls: bool = False  # with a certificate made at the start; `Simulator.ca_file` is what clients are to trust
    port: int = 0  # 0: any that is free

    def __post_init__(self) -> None:
        if self.tables is None and (self.simulation or self.keeps_items):
            raise ValueError("a simulation and items need the keys of the tables: set `tables`")
        if self.sequence and not self.keeps_items:
            raise ValueError("a sequence needs `keeps_items`")

    def keeps(self, table: str) -> bool:
        """Return whether the items of a table are kept."""
        return self.keeps_items if isinstance(self.keeps_items, bool) else table in self.keeps_items

    @property
    def counts_only(self) -> bool:
        """Whether requests need not be read beyond counting their puts."""
        return self.tables is None
