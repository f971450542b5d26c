"""`python -m loadtest NAME`: test the claims about memory and speed. Writes the result to loadtest/results/."""

import argparse
import sys
from collections.abc import Container
from importlib import import_module
from pathlib import Path
from typing import Any

from loadtest.harness.results import RESULTS

BENCHES = {  # the module of each command, and its help text
    "read": ("bench.read", "rows per CPU-second and peak memory of CSV readers"),
    "plan": ("bench.plan", "MB per CPU-second of cutting a large file into segments"),
    "capacity": ("bench.capacity", "how well loads use a table's capacity, and share it"),
    "budget": ("bench.budget", "whether a table's write budget holds over many workers: a simulation"),
    "write": ("bench.write", "rows per CPU-second from file to table, beside the usual boto3 loop"),
    "refresh": ("bench.refresh", "two bills of a file with few changes: all written, or with skip_unchanged"),
    "cold-start": ("bench.cold_start", "how long the function's first answer takes, step by step"),
    "small-files": ("bench.small_files", "how many small files a second the function loads, and its calls for each"),
    "generate": ("bench.generate", "MB per CPU-second of `generate`"),
}
COMMANDS = {
    "generate": ("generate", "a CSV file of any size for a feed, and what must be found of it"),
    "hostile": ("bench.hostile", "time and memory of `ingest check` on malformed files"),
    "simulator": ("simulator.command", "a DynamoDB endpoint that counts, throttles and fails as asked"),
    "s3-server": ("s3_server.server", "an S3 endpoint that serves a folder and cuts answers as asked"),
    "run": ("scenarios.command", "a scenario: files dropped on the product, measured and judged"),
    "chaos": ("chaos.run", "the local stack with its workers killed: is every row accounted for?"),
    "huge": ("chaos.huge", "files of gigabytes: kills, hand-overs, what the ledger costs"),
    "observe": ("scenarios.observe.command", "a mixed load in the local stack, for the dashboard's picture"),
    "report": ("scenarios.report.command", "what runs showed: a page, or Markdown"),
}
RESULTS_OF = {"hostile": "hostile", "chaos": "chaos", "huge": "huge", "observe": "observed"}


def main() -> int:
    """Run one command and return its exit code. Only its module is imported: importing all takes seconds."""
    arguments = build_parser(sys.argv[1:3]).parse_args()
    code: int | None = arguments.run(arguments)
    return code or 0


def build_parser(names: Container[str] = (*BENCHES, *COMMANDS)) -> argparse.ArgumentParser:
    """Return the parser of all commands; only commands in `names` get their options."""
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="NAME")
    bench = commands.add_parser("bench", help="speed, side by side with other tools").add_subparsers(required=True)
    for name, (module, help) in BENCHES.items():
        _add(bench.add_parser(name, help=help), name in names and module, name.replace("-", "_"))
    for name, (module, help) in COMMANDS.items():
        _add(commands.add_parser(name, help=help), name in names and module, RESULTS_OF.get(name))
    return parser


def _add(parser: argparse.ArgumentParser, module: str | bool, result: str | None) -> None:
    """Add the arguments of a command: its OPTIONS, those it adds itself, and the seed and path of its result."""
    if not module:
        return
    command = import_module(f"loadtest.{module}")
    for name, (default, help) in getattr(command, "OPTIONS", {}).items():
        parser.add_argument(f"--{name}", **_how(default, help))
    if hasattr(command, "add_arguments"):
        command.add_arguments(parser)
    parser.set_defaults(run=command.run)
    if result:
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--out", type=Path, default=RESULTS / f"{result}.json")


def _how(default: Any, help: str) -> dict[str, Any]:
    """Return argparse's settings of an option: a list of choices may be repeated, a dict is used as it is."""
    if isinstance(default, list):
        return {"action": "append", "choices": default, "help": f"{help}; repeat (default all)"}
    if isinstance(default, dict):
        return {**default, "help": help}
    return {"type": type(default), "default": default, "help": f"{help} (default {default:g})"}


if __name__ == "__main__":
    sys.exit(main())
