"""A product that loads in no time and without a fault, unless it is to have one."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any

from ingest.contract import Status
from loadtest.checker.found import Expected, Found, TableFound
from loadtest.scenarios.catalog import Scenario
from loadtest.scenarios.figures import FunctionLog, Observation, Results


@dataclass
class MemoryTarget:
    """Target and deployment in one. `loses`: a number of rows; `stalls`: no file ever ends."""

    folder: Path
    name: str = "memory"
    loses: int = 0
    stalls: bool = False
    drops: list[tuple[float, Expected]] = field(default_factory=list)
    ended_count: int = 0

    @contextmanager
    def deployed(self, scenario: Scenario, run: str) -> Iterator["MemoryTarget"]:
        self.drops, self.ended_count = [], 0
        yield self

    def write(self, key: str, portions: Iterable[bytes], *, most_bytes: int) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(portions))
        assert path.stat().st_size <= most_bytes

    def get_ready(self) -> None:
        assert not self.drops

    def drop(self, files: Sequence[Expected]) -> None:
        self.drops += [(time(), file) for file in files]

    def observe(self) -> Observation:
        in_flight = len(self.drops) - self.ended_count
        return Observation(backlog=0, in_flight=in_flight, rows=100 * self.ended_count, workers=1)

    def ended(self) -> list[dict[str, Any]]:
        news = [{"key": file.key, "id": file.key} for _, file in self.drops[self.ended_count :]]
        self.ended_count = len(self.drops)
        return [] if self.stalls else news

    def results(self, keys: Sequence[str], events: Sequence[Mapping[str, Any]]) -> Results:
        files = [file for _, file in self.drops]
        items, checksum = sum(file.items for file in files), sum(file.checksum for file in files) % (1 << 64)
        found = Found(
            tables={"LoadOrders": TableFound(items=items - self.loses, checksum=checksum)},
            entries=[] if self.stalls else [self._entry(*dropped) for dropped in self.drops],
            rejects={file.key: Counter(file.rejected) for file in files},
            events=events,
        )
        cost: dict[str, Any] = {"write_units": 1000, "usd": 0.000625}
        return Results(found=found, log=FunctionLog(), requests=40, throttled=4, peak_memory_bytes=None, **cost)

    def _entry(self, at_s: float, file: Expected) -> dict[str, Any]:
        read, rejected, superseded = file.rows, sum(file.rejected.values()), file.superseded[1]
        counts = {"rows_read": read, "rows_rejected": rejected, "rows_superseded": superseded}
        counts["rows_written"] = read - rejected - superseded
        return {"file": {"key": file.key}, "status": Status.COMPLETE, "reported": 1, "ended": at_s + 0.25, **counts}

    def keep_logs(self, folder: Path) -> None:
        folder.mkdir()
