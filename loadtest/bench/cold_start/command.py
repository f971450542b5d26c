"""`python -m loadtest bench cold-start`: how long the function's first answer takes, and where the time goes."""

import argparse
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

from loadtest.bench.cold_start.measuring import STEPS, Started, codes, measure, world
from loadtest.bench.goals import Goal
from loadtest.harness.results import RESULTS, write_result

COLD_START_MS = 900
PACKAGES = 12  # of the imports are printed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser the settings of the benchmark."""
    parser.add_argument("--repeat", type=int, default=11, help="how many cold starts (default 11)")
    parser.add_argument("--zip", type=Path, help="the function's zip for this platform, to be measured as shipped")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS / "cold_start.json")


def run(arguments: argparse.Namespace) -> int:
    """Measure; missing the goal is a result, no failure."""
    starts: list[Started] = []
    busy = round(os.getloadavg()[0], 1)  # figures by the clock suffer from it, those of CPU hardly
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), arguments.seed) as around:
        for code in codes(arguments.zip, Path(folder)):
            starts.append(measure(code, around, arguments.repeat))
            _print(starts[-1])
    goals = [_goal(start) for start in starts]
    for goal in goals:
        print(goal)
    command = f"python -m loadtest bench cold-start --repeat {arguments.repeat}"
    command += f"{' --zip ZIP' if arguments.zip else ''} --seed {arguments.seed}"
    figures: dict[str, object] = {
        "load_before": busy,
        "goals": [goal.document() for goal in goals],
        "starts": [asdict(start) for start in starts],
    }
    write_result(arguments.out, command=command, seed=arguments.seed, figures=figures)
    return 0


def _goal(start: Started) -> Goal:
    found = 1000 * start.seconds["cold start"].median
    return Goal(f"ms from the handler's import to its first answer, {start.code}", found, at_most=COLD_START_MS)


def _print(start: Started) -> None:
    print(f"{start.code}:")
    for step in STEPS:
        spent, cpu = start.seconds[step], start.cpu_seconds[step]
        spread = f"({1000 * spent.min:.0f} - {1000 * spent.max:.0f})"
        print(f"  {step:<32} {1000 * spent.median:>5.0f} ms {spread:<13} {1000 * cpu.median:>5.0f} ms of CPU")
    largest = list(start.imports.items())[:PACKAGES]
    print(f"  imports: {', '.join(f'{package} {1000 * seconds:.0f}' for package, seconds in largest)}", flush=True)
