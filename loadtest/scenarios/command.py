"""`python -m loadtest run SCENARIO`: run one scenario or all on a target; writes one JSON document for each run."""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from infra.local.ministack import EmulatorFault
from loadtest.harness.results import RESULTS, origin, write_document
from loadtest.scenarios import aws
from loadtest.scenarios.catalog import SCENARIOS, Scenario
from loadtest.scenarios.deployed import LocalTarget
from loadtest.scenarios.drive import Target, perform, progress_bar
from loadtest.scenarios.report.runs import ReportedRun
from loadtest.scenarios.sim import sim_target
from loadtest.workload.recipe import BadRecipe

RUNS = RESULTS / "runs"
REFUSED, SERVICE_FAILED, INTERRUPTED = 2, 4, 130
TARGETS: dict[str, Callable[[argparse.Namespace, list[Scenario]], AbstractContextManager[Target]]] = {
    "local": lambda arguments, wanted: nullcontext(LocalTarget()),
    "sim": lambda arguments, wanted: sim_target(workers=arguments.workers),
    "aws": lambda arguments, wanted: aws.AwsTarget(account=arguments.account).approved(wanted),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for scenario, target and size."""
    scenarios = "; ".join(f"{scenario.name}: {scenario.says}" for scenario in SCENARIOS.values())
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("scenario", nargs="?", choices=list(SCENARIOS), metavar="SCENARIO", help=scenarios)
    what.add_argument("--all", action="store_true", help="all scenarios, one after the other")
    what.add_argument("--destroy", action="store_true", help="in aws: remove the stack that a killed run left")
    parser.add_argument("--target", choices=list(TARGETS), default="sim", help="where (default sim)")
    parser.add_argument("--scale", type=_scale, default=1.0, help="multiplies files or rows (default 1)")
    parser.add_argument("--seed", type=int, default=1, help="of all data (default 1)")
    parser.add_argument("--workers", type=int, help="in sim: other than the scenario says")
    parser.add_argument("--patience-s", type=float, default=3600.0, help="after which a run is given up (default 3600)")
    parser.add_argument("--account", help="in aws: the account to run in; required, but for --dry-run")
    parser.add_argument("--dry-run", action="store_true", help="in aws: show account, load and cost, do nothing")
    parser.add_argument("--out", type=Path, help="a file, with --all a folder (default loadtest/results/runs)")


def run(arguments: argparse.Namespace) -> int:
    """Run; return 1 if a result is not green. A missed objective is not a failure."""
    if (arguments.dry_run or arguments.destroy) and arguments.target != "aws":
        print("--dry-run and --destroy are for --target aws; the others cost and leave nothing", file=sys.stderr)
        return REFUSED
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
        print(f"error: {error}", file=sys.stderr)
        return REFUSED if isinstance(error, aws.RunRefused) else SERVICE_FAILED


def _run(arguments: argparse.Namespace) -> int:
    if arguments.destroy:
        aws.AwsTarget(account=arguments.account).remove()
        return 0
    wanted = list(SCENARIOS.values()) if arguments.all else [SCENARIOS[arguments.scenario]]
    scaled = [scenario.scaled(arguments.scale) for scenario in wanted]
    if arguments.dry_run:
        aws.AwsTarget(account=arguments.account, say=print).show(scaled)
        print("A dry run: nothing was done.")
        return 0
    with TARGETS[arguments.target](arguments, scaled) as target:
        return max(_run_one(scenario, target, arguments) for scenario in wanted)


def _run_one(scenario: Scenario, target: Target, arguments: argparse.Namespace) -> int:
    """Run a scenario, write its document, print its result; return 1 if that is not green."""
    scale, seed = arguments.scale, arguments.seed
    command = f"python -m loadtest run {scenario.name} --target {target.name} --scale {scale:g} --seed {seed}"
    command += f" --workers {arguments.workers}" if arguments.workers else ""
    document: dict[str, Any] = {"kind": "run", "scenario": scenario.name, "target": target.name, "scale": scale}
    document |= origin(command=command, seed=seed)
    logs = Path(tempfile.gettempdir()) / f"loadtest-logs-{os.getpid()}-{scenario.name}"
    with progress_bar(f"{scenario.name} on {target.name}") as progress:
        how = {"scale": scale, "seed": seed, "patience_s": arguments.patience_s}
        document |= perform(scenario, target, progress=progress, logs=logs, **how)
    write_document(_path(arguments, scenario), document)
    reported = ReportedRun(document)
    print("\n  ".join(reported.lines()), flush=True)
    if logs.exists():
        print(f"  The logs are in {logs}.", flush=True)
    return 0 if reported.is_ok else 1


def _path(arguments: argparse.Namespace, scenario: Scenario) -> Path:
    if arguments.out and not arguments.all:
        return Path(arguments.out)
    name = scenario.name if arguments.target == "sim" else f"{scenario.name}-{arguments.target}"
    return Path(arguments.out or RUNS) / f"{name}.json"


def _scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a scale: accepted is a number above 0, such as 0.05")
    return scale


def _end(number: int, frame: object) -> None:
    """Raise KeyboardInterrupt, so that everything is cleaned up; ignore further signals meanwhile."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
