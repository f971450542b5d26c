"""Where a scenario is run: what every target can do, be it on this machine or in a cloud."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from loadtest.checker.found import Found
from loadtest.measure.log import Invocation
from loadtest.measure.observation import Observation
from loadtest.measure.price import Bill
from loadtest.scenarios.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Drop:
    """A file that is made and can be dropped: its object key, its size, and how many notifications are sent."""

    key: str
    size: int
    notices: int = 1


class Deployment(Protocol):
    """The product, deployed and waiting, for one run."""

    def write(self, key: str, portions: Iterable[bytes], *, most_bytes: int) -> None:
        """Keep the file of an object, of at most `most_bytes`, until it is dropped. All portions are taken."""

    def get_ready(self) -> None:
        """Wait until workers ask for messages. What was observed before does not count."""

    def drop(self, drops: Sequence[Drop]) -> None:
        """Put objects in the landing bucket and have notifications sent, as many of each as it says."""

    def observe(self) -> Observation:
        """Return how things stand."""

    def ended(self) -> list[dict[str, Any]]:
        """Return the events about files that have come since the last call."""

    def log(self) -> Iterable[Mapping[str, Any]]:
        """Return what the workers have logged: parsed lines."""

    def invocations(self) -> Sequence[Invocation]:
        """Return what Lambda reports of each invocation, if no one can look at the workers; after `log`."""

    def read_back(self, keys: Sequence[str], events: Sequence[Mapping[str, Any]]) -> Found:
        """Return what is left of the run with these object keys, once nothing moves any more."""

    def requests(self, log: Sequence[Mapping[str, Any]]) -> tuple[int | None, float | None]:
        """Return how many requests to the tables there were, and which share was throttled; after `read_back`."""

    def bill(self, log: Sequence[Mapping[str, Any]]) -> Bill | None:
        """Return what was used, if that is known; after `read_back`."""

    def keep_logs(self, folder: Path) -> None:
        """Copy what was logged to a folder, which is made."""

    def clean_up(self) -> None:
        """Take away what the run has put anywhere that outlives the deployment."""


class Target(Protocol):
    """A kind of place."""

    name: str

    def __enter__(self) -> Self:
        """Begin what several runs share."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it; nothing is left."""

    def deployed(self, scenario: Scenario, seed: int, run: str) -> AbstractContextManager[Deployment]:
        """Give a deployment for the length of a block; nothing of it is left afterwards. `run` is in all its keys."""


def write_file(path: Path, portions: Iterable[bytes]) -> None:
    """Write a file; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(portions)
