"""A product that loads in no time and without a fault, unless it is to have one."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any, Self

from ingest.contract import Status
from loadtest.checker.found import Found, TableFound
from loadtest.measure.log import Invocation
from loadtest.measure.observation import Observation
from loadtest.measure.price import Bill
from loadtest.run.making import recipe
from loadtest.run.target import Drop, write_file
from loadtest.scenarios.scenario import Scenario
from loadtest.workload.expected import KnownOutcome
from loadtest.workload.stream import Generation


@dataclass
class MemoryTarget:
    """Target and deployment in one. `loses`: a number of rows; `stalls`: no file ever ends."""

    folder: Path
    name: str = "memory"
    loses: int = 0
    stalls: bool = False
    drops: list[tuple[float, Drop]] = field(default_factory=list)
    ended_count: int = 0
    is_clean: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *how: object) -> None:
        pass

    @contextmanager
    def deployed(self, scenario: Scenario, seed: int, run: str) -> Iterator["MemoryTarget"]:
        self.scenario, self.seed, self.drops, self.ended_count = scenario, seed, [], 0
        yield self

    def write(self, key: str, portions: Iterable[bytes], *, most_bytes: int) -> None:
        write_file(self.folder / key, portions)
        assert (self.folder / key).stat().st_size <= most_bytes

    def get_ready(self) -> None:
        assert not self.drops

    def drop(self, drops: Sequence[Drop]) -> None:
        self.drops += [(time(), drop) for drop in drops]

    def observe(self) -> Observation:
        return Observation(
            backlog=0, in_flight=len(self.drops) - self.ended_count, rows=100 * self.ended_count, workers=1
        )

    def ended(self) -> list[dict[str, Any]]:
        news = [{"key": drop.key, "id": drop.key} for _, drop in self.drops[self.ended_count :]]
        self.ended_count = len(self.drops)
        return [] if self.stalls else news

    def log(self) -> list[Mapping[str, Any]]:
        return []

    def invocations(self) -> Sequence[Invocation]:
        return ()

    def read_back(self, keys: Sequence[str], events: Sequence[Mapping[str, Any]]) -> Found:
        known_outcomes = [self._known_outcome(number, kind) for number, kind in enumerate(self.scenario.in_turn())]
        whole = KnownOutcome.of_files(known_outcomes)
        entries = [] if self.stalls else [self._entry(*one) for one in zip(self.drops, known_outcomes, strict=True)]
        table = TableFound(items=whole.items - self.loses, checksum=whole.checksum)
        rejects = {
            drop.key: Counter(known_outcome.rejected)
            for (_, drop), known_outcome in zip(self.drops, known_outcomes, strict=True)
        }
        return Found(tables={"LoadOrders": table}, entries=entries, rejects=rejects, events=events)

    def _known_outcome(self, number: int, kind: Any) -> KnownOutcome:
        generation = Generation(recipe(self.scenario, kind, number, seed=self.seed))
        for _ in generation:
            pass
        return generation.known_outcome

    def _entry(self, dropped: tuple[float, Drop], known_outcome: KnownOutcome) -> dict[str, Any]:
        read, rejected, superseded = known_outcome.rows, known_outcome.rows_rejected, known_outcome.superseded[1]
        counts = {"rows_read": read, "rows_rejected": rejected, "rows_superseded": superseded}
        counts["rows_written"] = read - rejected - superseded
        ended = {"status": Status.COMPLETE, "reported": 1, "ended": dropped[0] + 0.25}
        return {"file": {"key": dropped[1].key}, **ended, **counts}

    def requests(self, log: Sequence[Mapping[str, Any]]) -> tuple[int, float]:
        return 40, 0.1

    def bill(self, log: Sequence[Mapping[str, Any]]) -> Bill:
        return Bill(write_units=1000, worker_seconds=0, invocations=0, queue_requests=0, objects_put=0, object_reads=0)

    def keep_logs(self, folder: Path) -> None:
        folder.mkdir()

    def clean_up(self) -> None:
        self.is_clean = True
