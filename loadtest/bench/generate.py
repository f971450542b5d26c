"""How fast files are generated and tables summed up: CPU-seconds of processes of their own, bytes thrown away."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadtest.bench.goals import Goal, Spread, spread
from loadtest.harness import process
from loadtest.harness.process import ProcessResult
from loadtest.harness.results import RESULTS, write_result
from loadtest.workload.checksum import Checksum

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MB = 1_000_000
COMMAND = (sys.executable, "-m", "loadtest", "generate", "--feeds", str(HERE.parent / "feeds.toml"))
MIXED = ("--recipe", str(HERE.parent / "workload" / "recipes" / "mixed.toml"))
GOAL_MB, GOAL_ITEMS, GROWTH = 200, 100_000, 1.1
KINDS: dict[str, tuple[str, ...]] = {
    "clean": (),
    "quoted": ("--quoting", "all", "--defects", "quotes=0.3", "--defects", "line_breaks=0.1"),
    "defects": (
        *("--defects", "ragged_row=0.01", "--defects", "bad_number=0.01", "--defects", "bad_encoding=0.01"),
        *("--defects", "duplicates=0.05", "--defects", "blank_lines=0.01", "--defects", "record_too_long=0.0000005"),
    ),
    "clean, gzip": ("--compression", "gzip"),
}


@dataclass(frozen=True, slots=True)
class Making:
    """What generating one kind of file took. Rates are of text, without start-up but for the one that says so."""

    kind: str
    text_bytes: int
    rows: int
    mb_per_cpu_second: Spread
    mb_per_cpu_second_with_start_up: Spread
    start_up_cpu_seconds: float
    peak_resident_bytes: Spread
    peak_resident_bytes_of_a_tenth: Spread


@dataclass(frozen=True, slots=True)
class Summing:
    """What the checksum of items read back took, parsed DynamoDB JSON in memory."""

    items: int
    items_per_cpu_second: Spread


def measure(*, megabytes: int, repeat: int, seed: int) -> list[Making]:
    """Return what each kind of file took.

    Raises:
        RuntimeError: a process failed, or another file came than the time before.
    """
    with tempfile.TemporaryDirectory() as folder:
        return [_making(kind, Path(folder) / "known_outcome.json", megabytes, repeat, seed) for kind in KINDS]


def judge(makings: list[Making], summing: Summing) -> Iterator[Goal]:
    """Yield the goals: speed of clean files, flat memory of all, speed of the checksum."""
    for making in makings:
        if making.kind == "clean":
            yield Goal("MB generated per CPU-second, clean", making.mb_per_cpu_second.median, at_least=GOAL_MB)
            found = making.mb_per_cpu_second_with_start_up.median
            yield Goal("MB generated per CPU-second, clean, with start-up", found, at_least=GOAL_MB)
        growth = making.peak_resident_bytes.median / making.peak_resident_bytes_of_a_tenth.median
        yield Goal(f"growth of the peak memory from a tenth of the file, {making.kind}", growth, at_most=GROWTH)
    rate = summing.items_per_cpu_second.median
    yield Goal("items summed up per CPU-second", rate, at_least=GOAL_ITEMS)


def sum_up(*, items: int, repeat: int) -> Summing:
    """Return what the checksum of items of ten attributes took.

    Raises:
        RuntimeError: a process failed.
    """
    command = [sys.executable, "-m", "loadtest.bench.generate", str(items)]
    return Summing(items, spread(items / json.loads(_run(command).output)["cpu_seconds"] for _ in range(repeat)))


def _making(kind: str, known_outcome: Path, megabytes: int, repeat: int, seed: int) -> Making:
    def make(size: int) -> tuple[ProcessResult, dict[str, int]]:
        out = ("--out", "/dev/null", "--expected", str(known_outcome))
        ran = _run([*COMMAND, *MIXED, *KINDS[kind], "--size", str(size), "--seed", str(seed), "--quiet", *out])
        return ran, json.loads(known_outcome.read_text())

    start_up = min(make(1000)[0].cpu_seconds for _ in range(repeat))
    tenths = [make(megabytes * MB // 10)[0] for _ in range(repeat)]
    runs = [make(megabytes * MB) for _ in range(repeat)]
    if any(outcome != runs[0][1] for _, outcome in runs):
        raise RuntimeError(f"{kind}: the same recipe gave another file")
    outcome, taken = runs[0][1], [ran for ran, _ in runs]
    size = outcome["text_bytes"] / MB
    return Making(
        kind=kind,
        text_bytes=outcome["text_bytes"],
        rows=outcome["rows"],
        mb_per_cpu_second=spread(size / (ran.cpu_seconds - start_up) for ran in taken),
        mb_per_cpu_second_with_start_up=spread(size / ran.cpu_seconds for ran in taken),
        start_up_cpu_seconds=round(start_up, 3),
        peak_resident_bytes=spread(ran.peak_resident_bytes for ran in taken),
        peak_resident_bytes_of_a_tenth=spread(ran.peak_resident_bytes for ran in tenths),
    )


def _run(command: list[str]) -> ProcessResult:
    ran = process.run(command, cwd=ROOT)
    if ran.exit_code:
        raise RuntimeError(f"{command[3:]} ended with {ran.exit_code}")
    return ran


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser sizes."""
    parser.add_argument("--megabytes", type=int, default=1000, help="size of each file's text (default 1000)")
    parser.add_argument("--items", type=int, default=500_000, help="items whose checksum is taken (default 500000)")
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS / "generate.json")


def run(arguments: argparse.Namespace) -> int:
    """Measure; missing a goal is a result, no failure."""
    makings = measure(megabytes=arguments.megabytes, repeat=arguments.repeat, seed=arguments.seed)
    print(f"{'file':<12} {'MB':>6} {'MB per CPU-second (min - max)':>30} {'with start-up':>14} {'peak MB':>8}")
    for making in makings:
        speed = making.mb_per_cpu_second
        print(
            f"{making.kind:<12} {making.text_bytes / MB:>6.0f} "
            f"{f'{speed.median:,.0f} ({speed.min:,.0f} - {speed.max:,.0f})':>30} "
            f"{making.mb_per_cpu_second_with_start_up.median:>14,.0f} {making.peak_resident_bytes.max / MB:>8.0f}"
        )
    summing = sum_up(items=arguments.items, repeat=arguments.repeat)
    goals = list(judge(makings, summing))
    for goal in goals:
        print(goal)
    command = f"python -m loadtest bench generate --megabytes {arguments.megabytes} --items {arguments.items}"
    command += f" --repeat {arguments.repeat} --seed {arguments.seed}"
    figures = {"goals": [goal.document() for goal in goals], "makings": [asdict(making) for making in makings]}
    write_result(arguments.out, command=command, seed=arguments.seed, figures={**figures, "checksum": asdict(summing)})
    return 0


_DISTINCT = 50_000  # more would take more memory than time


def sum_items_main() -> int:
    """Print how many CPU-seconds the checksum takes of items of ten attributes; their number is the first argument."""
    count = int(sys.argv[1])
    items = [_item(number) for number in range(min(count, _DISTINCT))]
    checksum = Checksum()
    begun = time.process_time()
    while checksum.items < count:
        checksum.add(items[: count - checksum.items])
    print(json.dumps({"items": checksum.items, "cpu_seconds": time.process_time() - begun}))
    return 0


def _item(number: int) -> dict[str, dict[str, Any]]:
    texts = {"id": f"00000-{number:012d}", "customer": "Łukasz Nowak", "city": "Málaga", "product": "Wool blanket"}
    texts |= {"ordered_at": "2026-09-01T10:11:00Z", "note": f"leave at the back door {number % 997}"}
    numbers = {"quantity": str(number % 120), "price": f"{number % 99_991 / 100:.2f}", "discount": "0.05"}
    item: dict[str, dict[str, Any]] = {name: {"S": text} for name, text in texts.items()}
    return item | {name: {"N": text} for name, text in numbers.items()} | {"paid": {"BOOL": number % 2 == 0}}


if __name__ == "__main__":
    sys.exit(sum_items_main())
