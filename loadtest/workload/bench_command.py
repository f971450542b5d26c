"""`python -m loadtest bench generate`: measures, prints, writes the result."""

import argparse
from dataclasses import asdict
from pathlib import Path

from loadtest.harness.results import RESULTS, write_result
from loadtest.workload.bench import MB, judge, measure, sum_up


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
