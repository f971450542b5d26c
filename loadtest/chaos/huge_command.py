"""`python -m loadtest huge`: a plain file with kills, a gzip file over hand-overs, and what the ledger costs."""

import argparse
import json
from pathlib import Path
from typing import Any

from loadtest.chaos.huge import HugeCase, perform
from loadtest.chaos.settings import MB
from loadtest.harness.results import command_line, origin, write_document

KINDS = ("plain", "gzip", "costs")
_COSTS = {1_000: 50, 1_000_000: 20, 10_000_000: 5, 200_000_000: 1}  # files by size


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
        skews_s=(0.0,) * arguments.workers,
        kill_every_s=arguments.kill_every_s,
        least_kills=1,
        seed=seed,
    )
    packed = HugeCase(
        name="gzip",
        sizes=[arguments.gzip_mb * MB],
        is_gzip=True,
        skews_s=(0.0, 0.0),
        function_s=arguments.function_s,
        least_hand_overs=3,
        seed=seed,
    )
    costs = [
        HugeCase(name=f"costs, files of {size // 1000} KB", sizes=[size] * count, seed=seed)
        for size, count in _COSTS.items()
    ]
    chosen = {"plain": [plain], "gzip": [packed], "costs": costs}
    return [case for kind in KINDS if kind in (arguments.only or KINDS) for case in chosen[kind]]


def run(arguments: argparse.Namespace) -> int:
    """Load all; return 1 if anything is wrong. What earlier runs found of other cases stays in the result."""
    known = _known(arguments.out)
    results = [perform(case, lambda line: print(line, flush=True)) for case in cases(arguments)]
    for result in results:
        known[result["case"]] = origin(command=command_line(), seed=arguments.seed) | result
        _show(result)
    write_document(arguments.out, {"cases": list(known.values())})
    return 1 if any(result["problems"] for result in results) else 0


def _known(path: Path) -> dict[str, dict[str, Any]]:
    return {case["case"]: case for case in json.loads(path.read_text())["cases"]} if path.exists() else {}


def _show(result: dict[str, Any]) -> None:
    print(
        f"{result['case']}: {result['rows']:,} rows in {result['seconds']:,} s ({result['rows_per_s']:,} rows/s), "
        f"{result['kills']} kills, {result['hand_overs']} hand-overs, {result['segments']} segments; the ledger took "
        f"{result['ledger_write_units_per_file']:,} write units a file, "
        f"{result['ledger_share_of_write_units']:.3%} of all",
        flush=True,
    )
    for problem in result["problems"]:
        print(f"WRONG: {problem}")
