"""`python -m loadtest bench generate`: how fast files are generated, their bytes thrown away, and tables summed up."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loadtest.bench.goals import Goal, Spread, spread
from loadtest.harness import process
from loadtest.harness.process import ProcessResult
from loadtest.harness.results import RESULTS, write_result
from loadtest.workload.checksum import Checksum, Item

ROOT = Path(__file__).parents[2]
MB = 1_000_000
FEEDS, MIXED = ROOT / "loadtest/feeds.toml", ROOT / "loadtest/workload/recipes/mixed.toml"
COMMAND = (sys.executable, "-m", "loadtest", "generate", "--feeds", str(FEEDS), "--recipe", str(MIXED))
KINDS: dict[str, tuple[str, ...]] = {
    "clean": (),
    "quoted": ("--quoting", "all", "--defects", "quotes=0.3", "--defects", "line_breaks=0.1"),
    "defects": (
        *("--defects", "ragged_row=0.01", "--defects", "bad_number=0.01", "--defects", "bad_encoding=0.01"),
        *("--defects", "duplicates=0.05", "--defects", "blank_lines=0.01", "--defects", "record_too_long=0.0000005"),
    ),
    "clean, gzip": ("--compression", "gzip"),
}
_DISTINCT = 50_000  # items in memory: more would take more memory than time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser sizes."""
    parser.add_argument("--megabytes", type=int, default=1000, help="size of each file's text (default 1000)")
    parser.add_argument("--items", type=int, default=500_000, help="items whose checksum is taken (default 500000)")
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS / "generate.json")


def run(arguments: argparse.Namespace) -> int:
    """Measure; missing a goal is a result, not a failure."""
    makings = []
    for kind in KINDS:
        makings.append(measure(kind, megabytes=arguments.megabytes, repeat=arguments.repeat, seed=arguments.seed))
        print(f"{kind}: {makings[-1]['mb_per_cpu_second']['median']:,.0f} MB per CPU-second", flush=True)
    rate = sum_up(items=arguments.items, repeat=arguments.repeat)
    goals = list(judge(makings, rate))
    print(*goals, sep="\n")
    settings = (f"--{name} {getattr(arguments, name)}" for name in ("megabytes", "items", "repeat", "seed"))
    figures: dict[str, object] = {"goals": [goal.document() for goal in goals], "makings": makings}
    figures["checksum"] = {"items": arguments.items, "items_per_cpu_second": asdict(rate)}
    command = f"python -m loadtest bench generate {' '.join(settings)}"
    write_result(arguments.out, command=command, seed=arguments.seed, figures=figures)
    return 0


def measure(kind: str, *, megabytes: int, repeat: int, seed: int) -> dict[str, Any]:
    """Return what one kind of file took. Rates are of text, without start-up but for the one that says so.

    Raises:
        RuntimeError: a process failed, or another file came than the time before.
    """
    with tempfile.TemporaryDirectory() as folder:
        known_outcome = Path(folder) / "known_outcome.json"
        start_up = min(_make(kind, 1000, seed, known_outcome)[0].cpu_seconds for _ in range(repeat))
        tenths = [_make(kind, megabytes * MB // 10, seed, known_outcome)[0] for _ in range(repeat)]
        made = [_make(kind, megabytes * MB, seed, known_outcome) for _ in range(repeat)]
    outcome, runs = made[0][1], [ran for ran, _ in made]
    if any(other != outcome for _, other in made):
        raise RuntimeError(f"{kind}: the same recipe gave another file")
    size = outcome["text_bytes"] / MB
    return {
        "kind": kind,
        "text_bytes": outcome["text_bytes"],
        "rows": outcome["rows"],
        "mb_per_cpu_second": asdict(spread(size / (ran.cpu_seconds - start_up) for ran in runs)),
        "mb_per_cpu_second_with_start_up": asdict(spread(size / ran.cpu_seconds for ran in runs)),
        "start_up_cpu_seconds": round(start_up, 3),
        "peak_resident_bytes": asdict(spread(ran.peak_resident_bytes for ran in runs)),
        "peak_resident_bytes_of_a_tenth": asdict(spread(ran.peak_resident_bytes for ran in tenths)),
    }


def _make(kind: str, size: int, seed: int, known_outcome: Path) -> tuple[ProcessResult, dict[str, Any]]:
    options = ("--size", str(size), "--seed", str(seed), "--out", "/dev/null", "--expected", str(known_outcome))
    ran = process.run([*COMMAND, *KINDS[kind], *options, "--quiet"], cwd=ROOT)
    if ran.exit_code:
        raise RuntimeError(f"generating {kind} ended with {ran.exit_code}")
    return ran, json.loads(known_outcome.read_text())


def judge(makings: list[dict[str, Any]], rate: Spread) -> Iterator[Goal]:
    """Yield the goals: speed of clean files, flat memory of all, speed of the checksum."""
    for making in makings:
        if making["kind"] == "clean":
            yield Goal("MB generated per CPU-second, clean", making["mb_per_cpu_second"]["median"], at_least=200)
            found = making["mb_per_cpu_second_with_start_up"]["median"]
            yield Goal("MB generated per CPU-second, clean, with start-up", found, at_least=200)
        growth = making["peak_resident_bytes"]["median"] / making["peak_resident_bytes_of_a_tenth"]["median"]
        yield Goal(f"growth of the peak memory from a tenth of the file, {making['kind']}", growth, at_most=1.1)
    yield Goal("items summed up per CPU-second", rate.median, at_least=100_000)


def sum_up(*, items: int, repeat: int) -> Spread:
    """Return how many items of ten attributes, parsed DynamoDB JSON in memory, are summed up per CPU-second."""
    some = [_item(number) for number in range(min(items, _DISTINCT))]
    rates = []
    for _ in range(repeat):
        checksum, begun = Checksum(), time.process_time()
        while checksum.items < items:
            checksum.add(some[: items - checksum.items])
        rates.append(items / (time.process_time() - begun))
    return spread(rates)


def _item(number: int) -> Item:
    texts = {"id": f"00000-{number:012d}", "customer": "Łukasz Nowak", "city": "Málaga", "product": "Wool blanket"}
    texts |= {"ordered_at": "2026-09-01T10:11:00Z", "note": f"leave at the back door {number % 997}"}
    numbers = {"quantity": str(number % 120), "price": f"{number % 99_991 / 100:.2f}", "discount": "0.05"}
    item: dict[str, dict[str, Any]] = {name: {"S": text} for name, text in texts.items()}
    return item | {name: {"N": text} for name, text in numbers.items()} | {"paid": {"BOOL": number % 2 == 0}}
