"""What the readings of `loadtest.read_bench` are to show, and whether they do."""

from collections.abc import Iterator

from loadtest.goals import Goal
from loadtest.read_bench import Reading

SHARES = {"quote-free": 0.6, "fully quoted": 0.3}  # of bare pyarrow's rows per CPU-second
GROWTH = 1.1  # of the peak, from the smallest file to the largest


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
