"""What a simulator is to do. With nothing set it takes all that comes, as fast as it can, and counts it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from loadtest.simulator.capacity import Simulation
from loadtest.simulator.faults import Faults

Keep = Literal["nothing", "checksum", "digests", "items"]


@dataclass(frozen=True, slots=True)
class Key:
    """A key attribute and its type: S, N or B."""

    name: str
    type: str = "S"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a simulator is to do.

    Attributes:
        tables: those there are, by name; requests are checked as DynamoDB does. None: there is every table, unchecked.
        simulation: what each table can take. None: anything.
        faults: what goes wrong. None: nothing.
        keep: what is known afterwards of the items taken: `nothing` but their number; the `checksum` of all puts;
            `digests` of the last item of each key; those `items` themselves. The last two find doubled puts.
        spool: the file that all writes taken go to, to be looked at afterwards (`loadtest.simulator.spool`).
        sequence: an attribute with a number that must not fall for the same key; needs `digests` or `items`.
        tls: speak TLS, with a certificate made at the start. `Simulator.ca_file` is what clients are to trust.
    """

    tables: Mapping[str, Table] | None = None
    simulation: Simulation | None = None
    faults: Faults | None = None
    latency: Latency = field(default_factory=Latency)
    keep: Keep = "nothing"
    spool: Path | None = None
    sequence: str | None = None
    tls: bool = False
    port: int = 0

    def __post_init__(self) -> None:
        if self.tables is None and (self.simulation or self.keeps_keys):
            raise ValueError("a simulation, digests and items need the keys of the tables: set `tables`")
        if self.sequence and not self.keeps_keys:
            raise ValueError("a sequence needs keep='digests' or keep='items'")

    @property
    def keeps_keys(self) -> bool:
        """Whether something is kept for each key."""
        return self.keep in {"digests", "items"}

    @property
    def counts_only(self) -> bool:
        """Whether requests need not be read beyond counting their puts."""
        return self.tables is None and self.keep == "nothing"
