"""What the write benchmark is to show, and whether it does. Judges the documents of `Measured`, old ones too."""

from collections.abc import Iterator
from typing import Any

from loadtest.bench.goals import Goal
from loadtest.bench.writing.parts import FLOW_LATENCY_MS, INGEST, LOOP

TIMES_THE_LOOP = {False: 40, True: 35}  # without TLS, with TLS
ROWS_PER_S = 60_000
SHARE_OF_BEST = 0.9
PEAK_MB = 220
GROWTH = 1.1

Documents = list[dict[str, Any]]


def judge(parts: dict[str, Documents]) -> Iterator[Goal]:
    """Yield each goal of the parts that were measured."""
    if "shapes" in parts:
        yield from _shapes(parts["shapes"])
    if "latency" in parts:
        found = _only(parts["latency"], party=INGEST, latency_ms=FLOW_LATENCY_MS)
        what = f"rows per second against a simulator of {FLOW_LATENCY_MS} ms"
        yield Goal(what, found["rows_per_second"]["median"], at_least=ROWS_PER_S)
    if "flow" in parts:
        yield _limiter(parts["flow"])
    if "memory" in parts:
        yield from _memory(parts["memory"])


def _shapes(measured: Documents) -> Iterator[Goal]:
    for tls, times in TIMES_THE_LOOP.items():
        ours, loop = (
            _only(measured, party=party, shape="mixed", tls=tls)["rows_per_cpu_second"]["median"]
            for party in (INGEST, LOOP)
        )
        transport = "with TLS" if tls else "without TLS"
        yield Goal(f"rows per CPU-second, times the boto3 loop's, 10 columns, {transport}", ours / loop, at_least=times)


def _limiter(measured: Documents) -> Goal:
    own = _only(measured, party=INGEST)["rows_per_second"]["median"]
    best = max(found["rows_per_second"]["median"] for found in measured if found["party"] != INGEST)
    what = "share of the rows per second of the best fixed number of requests under way"
    return Goal(what, own / best, at_least=SHARE_OF_BEST)


def _memory(measured: Documents) -> Iterator[Goal]:
    by_size = sorted(measured, key=lambda found: found["file_bytes"])
    small, large = (found["peak_resident_bytes"]["median"] for found in (by_size[0], by_size[-1]))
    yield Goal("peak resident MB with the largest file", large / 1_000_000, at_most=PEAK_MB)
    yield Goal("growth of the peak memory with the file", large / small, at_most=GROWTH)


def _only(measured: Documents, **wanted: object) -> dict[str, Any]:
    """Return the one that has these values."""
    (found,) = [one for one in measured if all(one[name] == value for name, value in wanted.items())]
    return found
