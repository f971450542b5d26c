"""`python -m loadtest NAME`: what proves the claims about memory and speed. Writes its result to loadtest/results/."""

import argparse
import sys
from pathlib import Path
from typing import Protocol

from loadtest import generate
from loadtest.bench import budget, capacity, cold_start, hostile, plan, read, refresh, small_files, write
from loadtest.bench import generate as bench_generate
from loadtest.chaos import huge
from loadtest.chaos import run as chaos
from loadtest.harness.results import RESULTS
from loadtest.s3_server import command as s3_server
from loadtest.scenarios import command as scenarios
from loadtest.scenarios.observe import command as observe
from loadtest.scenarios.report import command as report
from loadtest.simulator import command as simulator


class Command(Protocol):
    """A module of a command."""

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Give the parser its options."""

    def run(self, arguments: argparse.Namespace, /) -> int:
        """Run; return the exit code."""


BENCHES: dict[str, tuple[Command, str]] = {
    "read": (read, "rows per CPU-second and peak memory of CSV readers"),
    "plan": (plan, "MB per CPU-second of cutting a large file into segments"),
    "capacity": (capacity, "how well loads use a table's capacity, and share it"),
    "budget": (budget, "whether a table's write budget holds over many workers: a simulation"),
    "write": (write, "rows per CPU-second from file to table, beside the usual boto3 loop"),
    "refresh": (refresh, "two bills of a file with few changes: all written, or with skip_unchanged"),
    "cold-start": (cold_start, "how long the function's first answer takes, step by step"),
    "small-files": (small_files, "how many small files a second the function loads, and what it asks for each"),
    "generate": (bench_generate, "MB per CPU-second of `generate`"),
}
COMMANDS: dict[str, tuple[Command, str]] = {
    "generate": (generate, "a CSV file of any size for a feed, and what must be found of it"),
    "hostile": (hostile, "time and memory of `ingest check` on malformed files"),
    "simulator": (simulator, "a DynamoDB endpoint that counts, throttles and fails as asked"),
    "s3-server": (s3_server, "an S3 endpoint that serves a folder and cuts answers as asked"),
    "run": (scenarios, "a scenario: files dropped on the product, measured and judged"),
    "chaos": (chaos, "the local stack with its workers killed: is every row accounted for?"),
    "huge": (huge, "files of gigabytes: kills, hand-overs, what the ledger costs"),
    "observe": (observe, "a mixed load in the local stack, for the dashboard's picture"),
    "report": (report, "what runs showed: a page, pictures, Markdown"),
}
RESULTS_OF = {"hostile": "hostile", "chaos": "chaos", "huge": "huge", "observe": "observed"}


def main() -> int:
    """Run one command and return its exit code."""
    arguments = build_parser().parse_args()
    code: int = arguments.run(arguments)
    return code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    names = parser.add_subparsers(required=True, metavar="NAME")
    bench = names.add_parser("bench", help="speed, side by side with other tools").add_subparsers(required=True)
    for name, (command, help) in BENCHES.items():
        _add(command, bench.add_parser(name, help=help), result=name.replace("-", "_"))
    for name, (command, help) in COMMANDS.items():
        _add(command, names.add_parser(name, help=help), result=RESULTS_OF.get(name))
    return parser


def _add(command: Command, parser: argparse.ArgumentParser, *, result: str | None) -> None:
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)
    if result:
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--out", type=Path, default=RESULTS / f"{result}.json")


if __name__ == "__main__":
    sys.exit(main())
