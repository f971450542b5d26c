"""What the readings of `loadtest.read_bench` are to show, and whether they do."""

from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.read_bench import Reading

SHARES = {"quote-free": 0.6, "fully quoted": 0.3}  # of bare pyarrow's rows per CPU-second
GROWTH = 1.1  # of the peak, from the smallest file to the largest


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure, and what it may be at least or at most."""

    what: str
    found: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the figure is what it should be."""
        return self.found >= (self.at_least or 0) and (self.at_most is None or self.found <= self.at_most)

    def __str__(self) -> str:
        bound = f"at least {self.at_least}" if self.at_most is None else f"at most {self.at_most}"
        return f"{'met   ' if self.is_met else 'MISSED'} {self.found:.3f}, {bound}: {self.what}"

    def document(self) -> dict[str, object]:
        """Return the goal as JSON takes it."""
        bound = {"at_least": self.at_least} if self.at_most is None else {"at_most": self.at_most}
        return {"what": self.what, "found": round(self.found, 3), **bound, "is_met": self.is_met}


def judge(readings: list[Reading]) -> Iterator[Goal]:
    """Yield each goal: speed on the largest file of a kind, memory between the smallest and the largest."""
    for kind, share in SHARES.items():
        ours = _by_size(readings, "ingest", kind)
        bare = _by_size(readings, "bare pyarrow", kind)
        found = ours[-1].rows_per_cpu_second.median / bare[-1].rows_per_cpu_second.median
        yield Goal(f"ingest's share of bare pyarrow's rows per CPU-second, {kind}", found, at_least=share)
        found = ours[-1].rows_per_user_second.median / bare[-1].rows_per_user_second.median
        yield Goal(f"the same share, user time alone, {kind}", found, at_least=share)
        for name in ("ingest", "ingest check"):
            peaks = [reading.peak_resident_bytes.median for reading in _by_size(readings, name, kind)]
            yield Goal(f"growth of {name}'s peak memory with the file, {kind}", peaks[-1] / peaks[0], at_most=GROWTH)


def _by_size(readings: list[Reading], reader: str, kind: str) -> list[Reading]:
    found = [reading for reading in readings if (reading.reader, reading.kind) == (reader, kind)]
    return sorted(found, key=lambda reading: reading.file_bytes)
