"""`python -m loadtest run SCENARIO`: one scenario, or all of them, on a target; a JSON for each run."""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from infra.local.ministack import EmulatorFault
from loadtest.harness.results import RESULTS, origin, write_document
from loadtest.run.aws import command as aws
from loadtest.run.driver import Progress, perform
from loadtest.run.local import LocalTarget
from loadtest.run.sim import SimTarget
from loadtest.run.target import Target
from loadtest.scenarios.catalog import SCENARIOS
from loadtest.scenarios.scenario import Scenario
from loadtest.workload.faults import BadRecipe

RUNS = RESULTS / "runs"
INTERRUPTED = 130
TARGETS: dict[str, Callable[[argparse.Namespace, list[Scenario]], Target]] = {
    "local": lambda arguments, wanted: LocalTarget(),
    "sim": lambda arguments, wanted: SimTarget(workers=arguments.workers),
    "aws": aws.target_of,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser scenario, target and size."""
    scenarios = "; ".join(f"{scenario.name}: {scenario.says}" for scenario in SCENARIOS.values())
    parser.add_argument("scenario", nargs="?", choices=list(SCENARIOS), metavar="SCENARIO", help=scenarios)
    parser.add_argument("--all", action="store_true", help="all scenarios, one after the other")
    parser.add_argument("--target", choices=list(TARGETS), default="sim", help="where (default sim)")
    parser.add_argument("--scale", type=_scale, default=1.0, help="multiplies files or rows (default 1)")
    parser.add_argument("--seed", type=int, default=1, help="of all data (default 1)")
    parser.add_argument("--workers", type=int, help="in sim: other than the scenario says")
    parser.add_argument("--patience-s", type=float, default=3600.0, help="after which a run is given up (default 3600)")
    aws.add_stack_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="in aws: show plan, cost and resources, do nothing")
    parser.add_argument("--out", type=Path, help="a file, with --all a folder (default loadtest/results/runs)")


def run(arguments: argparse.Namespace) -> int:
    """Run; 1 if a result is not green. A missed objective is not a failure."""
    if bool(arguments.scenario) == arguments.all:
        print("name a scenario, or say --all", file=sys.stderr)
        return 2
    if arguments.dry_run and arguments.target != "aws":
        print("--dry-run is for --target aws; the others cost nothing", file=sys.stderr)
        return 2
    signal.signal(signal.SIGINT, _end)
    signal.signal(signal.SIGTERM, _end)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print("interrupted: nothing is left of the run", file=sys.stderr)
        return INTERRUPTED
    except (BadRecipe, EmulatorFault, TimeoutError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except aws.FAULTS as error:
        return aws.fail(error)


def _run(arguments: argparse.Namespace) -> int:
    wanted = list(SCENARIOS.values()) if arguments.all else [SCENARIOS[arguments.scenario]]
    scaled = [scenario.scaled(arguments.scale) for scenario in wanted]
    if arguments.dry_run:
        return aws.dry_run(arguments, scaled)
    is_ok = True
    with TARGETS[arguments.target](arguments, scaled) as target:
        for scenario in wanted:
            with Progress(f"{scenario.name} on {target.name}") as progress:
                document = run_one(scenario, target, arguments, progress)
            write_document(_path(arguments, scenario), document)
            print("\n".join(sentences(document)), flush=True)
            if _logs(scenario).exists():
                print(f"  The logs are in {_logs(scenario)}.", flush=True)
            is_ok &= document["check_result"]["ok"]
    return 0 if is_ok else 1


def run_one(scenario: Scenario, target: Target, arguments: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Run a scenario; return its document."""
    scale, seed = arguments.scale, arguments.seed
    command = f"python -m loadtest run {scenario.name} --target {target.name} --scale {scale:g} --seed {seed}"
    command += f" --workers {arguments.workers}" if arguments.workers else ""
    command += f" --stack {arguments.stack}" if target.name == "aws" else ""
    head = {"kind": "run", "scenario": scenario.name, "target": target.name, "scale": scale}
    head |= origin(command=command, seed=seed)
    logs, patience_s = _logs(scenario), arguments.patience_s
    result = perform(scenario, target, scale=scale, seed=seed, progress=progress, patience_s=patience_s, logs=logs)
    return {**head, **result}


def sentences(document: dict[str, Any]) -> Iterator[str]:
    """Yield what is printed of a run: the result first."""
    check_result, figures = document["check_result"], document["figures"]
    rows, files = check_result["rows"], check_result["files"]
    yield (
        f"{document['scenario']} on {document['target']}, scale {document['scale']:g}: "
        f"{'GREEN' if check_result['ok'] else 'WRONG'}: {rows['found']:,} of {rows['expected']:,} rows found, "
        f"{rows['lost']:,} lost, {rows['doubled']:,} doubled, {rows['wrong']:,} wrong; "
        f"{files['complete']:,} of {files['expected']:,} files complete, "
        f"{sum(check_result['rejected']['found'].values()):,} rows rejected"
    )
    yield from (f"  WRONG: {problem}" for problem in check_result["problems"])
    visible = figures["event_to_visible_s"]
    yield (
        f"  {figures['seconds']:.1f} s, {figures['rows_per_second'] or 0:,.0f} rows/s, event to visible "
        f"p50 {visible['p50']} s, p99 {visible['p99']} s; throttled {figures['throttled_share'] or 0:.1%}"
    )
    for goal in document["objectives"]:
        bound = f"at least {goal['at_least']}" if "at_least" in goal else f"at most {goal['at_most']}"
        yield f"  {'met   ' if goal['is_met'] else 'MISSED'} {goal['found']}, {bound}: {goal['what']}"


def _path(arguments: argparse.Namespace, scenario: Scenario) -> Path:
    if arguments.out and not arguments.all:
        return Path(arguments.out)
    name = scenario.name if arguments.target == "sim" else f"{scenario.name}-{arguments.target}"
    return Path(arguments.out or RUNS) / f"{name}.json"


def _logs(scenario: Scenario) -> Path:
    """Return where logs go that somebody should look at."""
    return Path(tempfile.gettempdir()) / f"loadtest-logs-{os.getpid()}-{scenario.name}"


def _scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a scale: accepted is a number above 0, such as 0.05")
    return scale


def _end(number: int, frame: object) -> None:
    """End by an exception like any other, so that all is taken down on its way; further signals do not stop that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
