"""Where a scenario is run: what every target can do, be it on this machine or on AWS."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from loadtest.checker.found import Expected, Found
from loadtest.scenarios.catalog import Scenario
from loadtest.scenarios.log import FunctionLog
from loadtest.scenarios.measure import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a run came to.

    Attributes:
        requests: how many requests to the tables there were; `throttled` of them found no capacity for all they asked.
        write_units: of tables and ledger.
        usd: what it cost, or would have cost on AWS.
        peak_memory_bytes: of the worker that needed most; None: not known.
    """

    found: Found
    log: FunctionLog
    requests: int
    throttled: int
    write_units: float
    usd: float
    peak_memory_bytes: int | None


class Deployment(Protocol):
    """The product, deployed and waiting, for one run. Use it from one thread."""

    def write(self, key: str, portions: Iterable[bytes], *, most_bytes: int) -> None:
        """Keep the file of an object, of at most `most_bytes`, until it is dropped. All portions are taken."""

    def get_ready(self) -> None:
        """Wait until workers ask for messages. What was observed before does not count."""

    def drop(self, files: Sequence[Expected]) -> None:
        """Put objects in the landing bucket and have notifications sent, as many of each as the scenario says."""

    def observe(self) -> Observation:
        """Return how things stand."""

    def ended(self) -> list[dict[str, Any]]:
        """Return the outcomes of files that have come since the last call: `key`, and an `id` for each outcome."""

    def results(self, keys: Sequence[str], events: Sequence[Mapping[str, Any]]) -> Results:
        """Return what the run with these object keys came to, once nothing moves any more."""

    def keep_logs(self, folder: Path) -> None:
        """Copy what was logged to a folder, which is made."""


class Target(Protocol):
    """A kind of place, ready for runs one after the other."""

    @property
    def name(self) -> str:
        """`local`, `sim` or `aws`."""

    def deployed(self, scenario: Scenario, run: str) -> AbstractContextManager[Deployment]:
        """Give a deployment for the length of a block; nothing of it is left afterwards. `run` is in all its keys."""
