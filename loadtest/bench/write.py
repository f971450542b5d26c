"""`python -m loadtest bench write`: `ingest load` and the usual boto3 loop, from a file in S3 to acknowledged items.

Parts are measured one by one; earlier results of parts that are not selected are kept.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from loadtest.bench import surroundings
from loadtest.bench.measuring import Case, Document, Goal, Turn, measure, show
from loadtest.bench.peers import MODES
from loadtest.bench.surroundings import FEEDS, MB, ROOT, SHAPES, Sample, samples
from loadtest.harness import process
from loadtest.harness.results import origin, write_document

INGEST, LOOP = "ingest load", "boto3 loop"
LOOP_SHARE = 30  # the loop's file is this much smaller than the product's: it is about that much slower
LATENCIES_MS = (0, 5, 10, 15)
JUDGED_LATENCY_MS = 10
MODES_SHARE = 8  # files are this much smaller where each row is a request
MEMORY_FACTORS = (2, 20)  # of --megabytes

WHOLE = (  # rows, shape, order of the keys
    (1_000, "mixed", "sorted"),
    (1_000_000, "mixed", "sorted"),
    (4_000_000, "mixed", "sorted"),
    (200_000, "wide", "sorted"),
    (1_000_000, "mixed", "random"),
)
WHOLE_LOOP_SHARE = 10  # the loop gets 1 / this of the rows, but at least the rows of the smallest case

WHOLE_TIMES_THE_LOOP = dict(zip(WHOLE[1:4], (55, 60, 35), strict=True))
WHOLE_PEAK_MB = {"sorted": 190, "random": 230}
SMALLEST_CPU_S, HELP_CPU_S = 0.42, 0.2
TIMES_THE_LOOP = {False: 40, True: 35}  # without TLS, with TLS
SINGLE_ROWS_PER_CPU_S = {False: 30_000, True: 25_000}
ROWS_PER_S = 60_000
PEAK_MB = 220
GROWTH = 1.1

SHOWN = (
    *("party", "shape", "mode", "tls", "latency_ms", "rows", "rows_per_cpu_second", "rows_per_second"),
    *("peak_resident_bytes", "requests", "most_in_flight"),
)


@dataclass(frozen=True, slots=True)
class Bench:
    """A folder for files, their size, and how often each is loaded."""

    folder: Path
    total_bytes: int
    repeat: int
    seed: int

    def case(self, party: str, total_bytes: int, *, shape: str = "mixed", mode: str = "put", **of: Any) -> Case:
        """Return a party's case: a file of a shape and a size, or, in `of`, of a number of `rows` by `key_order`."""
        files = samples(self.folder, total_bytes, self.seed, shape=shape, **of)
        return Case(partial(_command, party, mode), *files, {"party": party, "shape": shape, "mode": mode, **of})

    def measure(self, cases: Sequence[Case], *, tls: bool = False, latency_ms: int = 0) -> Iterator[Document]:
        """Yield what each case took; each run has its own simulator."""
        with surroundings.EndpointProcess("s3-server", str(self.folder), *["--tls"] * tls, tls=tls) as s3:

            def run(command: list[str], sample: Sample) -> Turn:
                with surroundings.simulator(latency_s=latency_ms / 1000, tls=tls) as tables:
                    env = surroundings.environment(dynamodb=tables.url, s3=s3.url)
                    env |= surroundings.trusting(self.folder, tables, s3)
                    ran = process.run(command, cwd=self.folder, env=env)
                found = tables.statistics
                if ran.exit_code or found["items"] != sample.rows:
                    lost = f"lost or doubled rows: {found['items']} of {sample.rows} were taken"
                    raise RuntimeError(f"{command[2:-1]} {lost}; exit {ran.exit_code}: {ran.output.decode()[-500:]}")
                return ran, {"requests": found["requests"], "most_in_flight": found["max_in_flight"]}

            for found in measure(cases, self.repeat, run):
                yield {**found, "tls": tls, "latency_ms": latency_ms}


def _command(party: str, mode: str, sample: Sample) -> list[str]:
    name, feed, feeds = ("loop", sample.shape, FEEDS) if mode == "put" else ("single-loop", mode, MODES)
    peer = [sys.executable, "-m", "loadtest.bench.peers", name, sample.url, feed]
    return surroundings.ingest("load", sample.url, feed, feeds) if party == INGEST else peer


def shapes(bench: Bench) -> Iterator[Document]:
    """Yield the product and the loop for each shape, without TLS and with it."""
    for shape in SHAPES:
        yield from _beside_the_loop(bench, bench.total_bytes, shape=shape)


def modes(bench: Bench) -> Iterator[Document]:
    """Yield the product and one boto3 call for each row, with the same conditions, without TLS and with it."""
    for mode in tomllib.loads(MODES.read_text(encoding="utf-8"))["feeds"]:
        yield from _beside_the_loop(bench, bench.total_bytes // MODES_SHARE, mode=mode)


def _beside_the_loop(bench: Bench, total_bytes: int, **about: str) -> Iterator[Document]:
    cases = [bench.case(INGEST, total_bytes, **about), bench.case(LOOP, total_bytes // LOOP_SHARE, **about)]
    for tls in (False, True):
        yield from bench.measure(cases, tls=tls)


def latency(bench: Bench) -> Iterator[Document]:
    """Yield the product and the loop, against simulators of several latencies."""
    cases = [bench.case(INGEST, bench.total_bytes), bench.case(LOOP, bench.total_bytes // LOOP_SHARE // 3)]
    for latency_ms in LATENCIES_MS:
        yield from bench.measure(cases, latency_ms=latency_ms)


def memory(bench: Bench) -> Iterator[Document]:
    """Yield the product on a file, and on one ten times as large; one run each, as only the peak matters."""
    once = replace(bench, repeat=1)
    for factor in MEMORY_FACTORS:
        yield from once.measure([bench.case(INGEST, factor * bench.total_bytes)])


def whole(bench: Bench) -> Iterator[Document]:
    """Yield whole processes, start-up included: the product, the loop on a tenth of the rows, and `--help`."""
    command, env = [sys.executable, "-m", "ingest", "--help"], surroundings.environment()
    help_s = statistics.median(process.run(command, cwd=ROOT, env=env).cpu_seconds for _ in range(2 * bench.repeat + 1))
    for rows, shape, key_order in WHOLE:
        counts = {INGEST: rows, LOOP: max(rows // WHOLE_LOOP_SHARE, min(rows, WHOLE[0][0]))}
        cases = [bench.case(party, 0, shape=shape, rows=n, key_order=key_order) for party, n in counts.items()]
        for found in bench.measure(cases):
            yield {**found, "of_rows": rows, "help_cpu_seconds": round(help_s, 3)}


PARTS = {"whole": whole, "shapes": shapes, "modes": modes, "latency": latency, "memory": memory}

OPTIONS = {
    "part": ([*PARTS], "one part; the results of the others are kept"),
    "repeat": (3, "how often each is measured"),
    "megabytes": (100, "file size; memory takes 2 and 20 times as much"),
}


def run(arguments: argparse.Namespace) -> None:
    out: Path = arguments.out
    parts: dict[str, Any] = json.loads(out.read_text())["parts"] if out.exists() else {}
    for name in arguments.part or PARTS:
        parts[name] = _part(name, arguments)
        goals = list(judge({name: part["measured"] for name, part in parts.items()}))
        write_document(out, {"goals": [goal.document() for goal in goals], "parts": parts})
    print(*goals, sep="\n")


def _part(name: str, arguments: argparse.Namespace) -> Document:
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), arguments.megabytes * MB, arguments.repeat, arguments.seed)
        measured = [show(found, *SHOWN) for found in PARTS[name](bench)]
    return {**origin(seed=arguments.seed), "load_before": round(busy, 1), "measured": measured}


def judge(parts: dict[str, list[Document]]) -> Iterator[Goal]:
    if "whole" in parts:
        yield from _judge_whole(parts["whole"])
    if "shapes" in parts:
        for tls, times in TIMES_THE_LOOP.items():
            ours, loop = (
                _rate(parts["shapes"], "cpu_second", party=party, shape="mixed", tls=tls) for party in (INGEST, LOOP)
            )
            what = f"rows per CPU-second, times the boto3 loop's, 10 columns, with{'' if tls else 'out'} TLS"
            yield Goal(what, ours / loop, at_least=times)
    if "modes" in parts:
        for tls, least in SINGLE_ROWS_PER_CPU_S.items():
            singles = [one for one in parts["modes"] if (one["party"], one["tls"]) == (INGEST, tls)]
            what = f"rows per CPU-second with a request each, the slowest mode, with{'' if tls else 'out'} TLS"
            yield Goal(what, min(one["rows_per_cpu_second"]["median"] for one in singles), at_least=least)
    if "latency" in parts:
        found = _rate(parts["latency"], "second", party=INGEST, latency_ms=JUDGED_LATENCY_MS)
        yield Goal(f"rows per second against a simulator of {JUDGED_LATENCY_MS} ms", found, at_least=ROWS_PER_S)
    if "memory" in parts:
        small, large = (found["peak_resident_bytes"]["median"] for found in parts["memory"])
        yield Goal("peak resident MB with the largest file", large / MB, at_most=PEAK_MB)
        yield Goal("growth of the peak memory with the file", large / small, at_most=GROWTH)


def _judge_whole(measured: list[Document]) -> Iterator[Goal]:
    found = {(one["party"], one["of_rows"], one["shape"], one["key_order"]): one for one in measured}
    smallest = found[INGEST, *WHOLE[0]]["cpu_seconds"]["median"]
    yield Goal(f"CPU seconds of a load of {WHOLE[0][0]:,} rows, start included", smallest, at_most=SMALLEST_CPU_S)
    yield Goal("CPU seconds of --help", measured[0]["help_cpu_seconds"], at_most=HELP_CPU_S)
    for case, times in WHOLE_TIMES_THE_LOOP.items():
        what = f"times the boto3 loop's CPU, start included, {case[0]:,} rows of the shape {case[1]}"
        yield Goal(what, whole_cpu_s(found[LOOP, *case]) / whole_cpu_s(found[INGEST, *case]), at_least=times)
    for order, most in WHOLE_PEAK_MB.items():
        ours = (one for one in measured if (one["party"], one["key_order"]) == (INGEST, order))
        peak = max(one["peak_resident_bytes"]["median"] for one in ours)
        yield Goal(f"peak resident MB, keys {order}", peak / MB, at_most=most)


def whole_cpu_s(one: Document) -> float:
    """Return a case's CPU seconds, start-up included, scaled to all rows if the party got only a share of them."""
    start_s = float(one["start_up_cpu_seconds"])
    return start_s + float(one["cpu_seconds"]["median"] - start_s) * int(one["of_rows"]) / int(one["rows"])


def _rate(measured: list[Document], of: str, **wanted: object) -> float:
    (found,) = [one for one in measured if all(one[name] == value for name, value in wanted.items())]
    return float(found[f"rows_per_{of}"]["median"])
