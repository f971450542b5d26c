"""The commands of `python -m loadtest`: measure, print a line for each measurement, write all of it as JSON."""

import argparse
import sys
from dataclasses import asdict

from loadtest.bench import capacity
from loadtest.bench import hostile as hostile_cases
from loadtest.bench import plan as plan_bench
from loadtest.bench import read as read_bench
from loadtest.bench.read import judge
from loadtest.harness.results import write_result

MB = 1_000_000


def bench_read(arguments: argparse.Namespace) -> int:
    """Measure all readers; missing a goal is a result, no failure."""
    sizes = sorted(arguments.megabytes or [100, 400])
    readings, missing = read_bench.measure(
        megabytes=sizes, repeat=arguments.repeat, seed=arguments.seed, pandas_python=arguments.pandas_python
    )
    speeds = f"{'rows per CPU-second (min - max)':>35} {'with start-up':>14} {'user alone':>11}"
    print(f"{'file':<13} {'MB':>5}  {'reader':<15} {speeds} {'peak MB':>8}")
    for reading in readings:
        speed = reading.rows_per_cpu_second
        print(
            f"{reading.kind:<13} {reading.file_bytes / MB:>5.0f}  {reading.reader:<15} "
            f"{f'{speed.median:,.0f} ({speed.min:,.0f} - {speed.max:,.0f})':>35} "
            f"{reading.rows_per_cpu_second_with_start_up.median:>14,.0f} {reading.rows_per_user_second.median:>11,.0f} "
            f"{reading.peak_resident_bytes.max / MB:>8.0f}"
        )
    for reader, why in missing.items():
        print(f"not measured: {reader}: {why}")
    goals = list(judge(readings))
    for goal in goals:
        print(goal)
    command = f"bench read {_repeated(sizes)} --repeat {arguments.repeat}"
    command += "" if arguments.pandas_python == sys.executable else " --pandas-python PYTHON"
    figures = {"goals": [goal.document() for goal in goals], "not_measured": missing}
    _write(arguments, command, {**figures, "readings": [asdict(reading) for reading in readings]})
    return 0


def bench_plan(arguments: argparse.Namespace) -> int:
    """Measure planning for each kind of file; missing a goal is a result, no failure."""
    plannings = plan_bench.measure(megabytes=arguments.megabytes, repeat=arguments.repeat, seed=arguments.seed)
    speeds = f"{'MB per CPU-second (min - max)':>30} {'with start-up':>14}"
    print(f"{'file':<23} {'MB':>5} {'segments':>8} {speeds} {'peak MB':>8}")
    for planning in plannings:
        speed = planning.mb_per_cpu_second
        print(
            f"{planning.kind:<23} {planning.file_bytes / MB:>5.0f} {planning.segments:>8} "
            f"{f'{speed.median:,.0f} ({speed.min:,.0f} - {speed.max:,.0f})':>30} "
            f"{planning.mb_per_cpu_second_with_start_up.median:>14,.0f} {planning.peak_resident_bytes.max / MB:>8.0f}"
        )
    goals = list(plan_bench.judge(plannings))
    for goal in goals:
        print(goal)
    command = f"bench plan --megabytes {arguments.megabytes} --repeat {arguments.repeat}"
    documents = [goal.document() for goal in goals]
    _write(arguments, command, {"goals": documents, "plannings": [asdict(planning) for planning in plannings]})
    return 0


def bench_capacity(arguments: argparse.Namespace) -> int:
    """Measure how loads use and share a table's capacity; missing a goal is a result, no failure."""
    shape = capacity.Shape(rows=arguments.rows, customers=arguments.customers)
    shared, spreads = capacity.measure(shape, arguments.seed)
    goals = list(capacity.judge(shared, spreads))
    for goal in goals:
        print(goal)
    command = f"bench capacity --rows {shape.rows} --customers {shape.customers}"
    figures = {"goals": [goal.document() for goal in goals], "shared": asdict(shared)}
    _write(arguments, command, {**figures, "spread": [asdict(spread) for spread in spreads]})
    return 0


def hostile(arguments: argparse.Namespace) -> int:
    """Measure all malformed files; 1 if one of them was a problem."""
    limits = hostile_cases.Limits(arguments.time_limit, arguments.peak_megabytes * MB)
    outcomes = []
    print(f"{'case':<35} {'exit':>4} {'seconds':>8} {'CPU s':>7} {'peak MB':>8}  answer")
    for outcome in hostile_cases.measure(
        total_bytes=arguments.megabytes * MB, seed=arguments.seed, limits=limits, names=arguments.case
    ):
        outcomes.append(outcome)
        exit_code = "-" if outcome.exit_code is None else outcome.exit_code
        print(
            f"{outcome.case:<35} {exit_code:>4} {outcome.seconds:>8.1f} {outcome.cpu_seconds:>7.1f} "
            f"{outcome.peak_resident_bytes / MB:>8.0f}  {outcome.answer()}",
            flush=True,
        )
    command = f"hostile --megabytes {arguments.megabytes} --time-limit {arguments.time_limit:g}"
    command += "".join(
        [f" --peak-megabytes {arguments.peak_megabytes}", *(f" --case '{c}'" for c in arguments.case or [])]
    )
    _write(arguments, command, {"outcomes": [asdict(outcome) for outcome in outcomes]})
    return 1 if any(outcome.problems for outcome in outcomes) else 0


def _repeated(sizes: list[int]) -> str:
    return " ".join(f"--megabytes {size}" for size in sizes)


def _write(arguments: argparse.Namespace, command: str, figures: dict[str, object]) -> None:
    command = f"python -m loadtest {command} --seed {arguments.seed}"
    write_result(arguments.out, command=command, seed=arguments.seed, figures=figures)
