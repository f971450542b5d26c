"""`python -m loadtest NAME`: what proves the claims about memory and speed. Writes its result to loadtest/results/."""

import argparse
import sys
from pathlib import Path
from typing import Protocol

from loadtest import generate
from loadtest.bench import capacity, cold_start, hostile, plan, read, write
from loadtest.bench import generate as bench_generate
from loadtest.chaos import huge
from loadtest.chaos import run as chaos
from loadtest.harness.results import RESULTS
from loadtest.s3_server import command as s3_server
from loadtest.scenarios import command as scenarios
from loadtest.scenarios.observe import command as observe
from loadtest.scenarios.report import command as report
from loadtest.simulator import command as simulator


def main() -> int:
    """Run one benchmark and return its exit code."""
    arguments = build_parser().parse_args()
    code: int = arguments.run(arguments)
    return code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    names = parser.add_subparsers(required=True, metavar="NAME")
    bench = names.add_parser("bench", help="speed, side by side with other tools").add_subparsers(required=True)
    for name, command, help in (
        ("read", read, "rows per CPU-second and peak memory of CSV readers"),
        ("plan", plan, "MB per CPU-second of cutting a large file into segments"),
        ("capacity", capacity, "how well loads use a table's capacity, and share it"),
        ("write", write, "rows per CPU-second from file to table, beside the usual boto3 loop"),
        ("cold-start", cold_start, "how long the function's first answer takes, step by step"),
    ):
        _add(command, bench.add_parser(name, help=help), result=f"{name.replace('-', '_')}.json")
    _add(generate, names.add_parser("generate", help="a CSV file of any size for a feed, and what must be found of it"))
    _add(bench_generate, bench.add_parser("generate", help="MB per CPU-second of `generate`, and of its checksum"))
    _add(
        hostile,
        names.add_parser("hostile", help="time and memory of `ingest check` on malformed files"),
        result="hostile.json",
    )
    _add(simulator, names.add_parser("simulator", help="a DynamoDB endpoint that counts, throttles and fails as asked"))
    _add(s3_server, names.add_parser("s3-server", help="an S3 endpoint that serves a folder and cuts answers as asked"))
    _add(scenarios, names.add_parser("run", help="a scenario: files dropped on the product, measured and judged"))
    _add(
        chaos,
        names.add_parser("chaos", help="the local stack with its workers killed: is every row accounted for?"),
        result="chaos.json",
    )
    _add(
        huge,
        names.add_parser("huge", help="files of gigabytes: kills, hand-overs, what the ledger costs"),
        result="huge.json",
    )
    _add(
        observe,
        names.add_parser("observe", help="a mixed load in the local stack, for the dashboard's picture"),
        result="observed.json",
    )
    _add(report, names.add_parser("report", help="what runs showed: a page, pictures, Markdown"))
    return parser


class Command(Protocol):
    """A module of a command."""

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Give the parser its options."""

    def run(self, arguments: argparse.Namespace, /) -> int:
        """Run; return the exit code."""


def _add(command: Command, parser: argparse.ArgumentParser, *, result: str | None = None) -> None:
    command.add_arguments(parser)
    if result:
        _add_common(parser, result)
    parser.set_defaults(run=command.run, prog=parser.prog)


def _add_common(parser: argparse.ArgumentParser, result: str) -> None:
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS / result)


if __name__ == "__main__":
    sys.exit(main())
