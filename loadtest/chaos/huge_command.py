"""`python -m loadtest huge`: a plain file with kills, a gzip file over hand-overs, and what the ledger costs."""

import argparse
import json
from pathlib import Path
from typing import Any

from loadtest.chaos.huge import HugeCase, perform
from loadtest.chaos.settings import MB
from loadtest.harness.results import origin, write_document

KINDS = ("plain", "gzip", "costs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser sizes and troubles."""
    parser.add_argument("--only", choices=KINDS, action="append", help="repeat (default: all)")
    parser.add_argument("--plain-mb", type=int, default=5_000, help="size of the plain file (default 5000)")
    parser.add_argument("--gzip-mb", type=int, default=1_000, help="size of the gzip file as it lies there")
    parser.add_argument("--workers", type=int, default=4, help="for the plain file (default 4)")
    parser.add_argument("--kill-every-s", type=float, default=20.0, help="for the plain file, on average (default 20)")
    parser.add_argument("--function-s", type=float, default=27.0, help="time of a function with the gzip file")


def cases(arguments: argparse.Namespace) -> list[HugeCase]:
    """Return what is to be loaded."""
    seed = arguments.seed
    plain = HugeCase(
        name="plain",
        sizes=[arguments.plain_mb * MB],
        workers=arguments.workers,
        kill_every_s=arguments.kill_every_s,
        least_kills=1,
        seed=seed,
    )
    packed = HugeCase(
        name="gzip",
        sizes=[arguments.gzip_mb * MB],
        is_gzip=True,
        workers=2,
        function_s=arguments.function_s,
        least_hand_overs=3,
        seed=seed,
    )
    costs = [
        HugeCase(name=f"costs, files of {size // 1000} KB", sizes=[size] * count, workers=1, seed=seed)
        for size, count in ((1_000, 50), (1_000_000, 20), (10_000_000, 5), (200_000_000, 1))
    ]
    wanted = arguments.only or KINDS
    chosen = {"plain": [plain], "gzip": [packed], "costs": costs}
    return [case for kind in KINDS if kind in wanted for case in chosen[kind]]


def run(arguments: argparse.Namespace) -> int:
    """Load all; return 1 if anything is wrong."""
    figures = []
    known = _known(arguments.out)
    for case in cases(arguments):
        result = perform(case, lambda line: print(line, flush=True))
        figures.append(result)
        known[result["case"]] = origin(command=_command(arguments), seed=arguments.seed) | result
        print(
            f"{result['case']}: {result['rows']:,} rows "
            f"in {result['seconds']:,} s ({result['rows_per_s']:,} rows/s), "
            f"{result['kills']} kills, {result['hand_overs']} hand-overs, {result['segments']} segments; "
            f"the ledger took "
            f"{result['ledger_write_units_per_file']:,} write units a file, "
            f"{result['ledger_share_of_write_units']:.3%} of all",
            flush=True,
        )
        for problem in result["problems"]:
            print(f"WRONG: {problem}")
    write_document(arguments.out, {"cases": list(known.values())})
    return 1 if any(result["problems"] for result in figures) else 0


def _known(path: Path) -> dict[str, dict[str, Any]]:
    """Return the cases of earlier runs, each with where it came from."""
    return {case["case"]: case for case in json.loads(path.read_text())["cases"]} if path.exists() else {}


def _command(arguments: argparse.Namespace) -> str:
    command = f"python -m loadtest huge --plain-mb {arguments.plain_mb} --gzip-mb {arguments.gzip_mb}"
    command += f" --workers {arguments.workers} --kill-every-s {arguments.kill_every_s:g}"
    command += f" --function-s {arguments.function_s:g} --seed {arguments.seed}"
    return command
