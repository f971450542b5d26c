"""What every bench prints and writes: a table as it is measured, its goals, and a result that names its command."""

import argparse
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loadtest.bench.files import MB
from loadtest.bench.goals import Goal
from loadtest.bench.measuring import Document
from loadtest.harness.results import write_result


class ResultTable:
    """Prints some fields of each measurement as a row, in Markdown: bytes in MB, rates as `median (min - max)`."""

    def __init__(self, *fields: str, **widths: int) -> None:
        """Print the head; `widths` are those of columns that need more than their title."""
        titles = [field.replace("_resident_bytes", " MB").replace("_bytes", " MB") for field in fields]
        self._fields = fields
        self._widths = [widths.get(field, max(len(title), 7)) for field, title in zip(fields, titles, strict=True)]
        self._print([title.replace("_", " ") for title in titles])
        print(f"|{'|'.join('-' * (width + 2) for width in self._widths)}|")

    def add(self, measured: Document) -> None:
        """Print a row."""
        self._print([_shown(field, measured[field]) for field in self._fields])

    def _print(self, cells: list[str]) -> None:
        padded = (cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True))
        print(f"| {' | '.join(padded)} |", flush=True)


def _shown(field: str, value: Any) -> str:
    if isinstance(value, dict):
        if field.endswith("bytes"):
            return _shown(field, value["max"])
        ends = "" if "start_up" in field else f" ({value['min']:,.0f} - {value['max']:,.0f})"
        return f"{value['median']:,.0f}{ends}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value / MB:,.0f}" if field.endswith("bytes") else f"{value:,.1f}".removesuffix(".0")
    return ", ".join(value) if isinstance(value, list) else str(value)


def finish(arguments: argparse.Namespace, goals: Iterable[Goal], figures: Document) -> None:
    """Print the goals; write them and the figures, with the command that repeats the measurement."""
    judged = list(goals)
    for goal in judged:
        print(goal)
    figures = {"goals": [goal.document() for goal in judged], **figures}
    write_result(arguments.out, command=command_line(arguments), seed=arguments.seed, figures=figures)


def command_line(arguments: argparse.Namespace) -> str:
    """Return the command that repeats a measurement. Where files are on this machine is left out."""
    words = [arguments.prog]
    for name, value in vars(arguments).items():
        if name in ("prog", "run", "out") or value is None:
            continue
        for each in value if isinstance(value, list) else [value]:
            shown = name.upper() if isinstance(each, Path) else shlex.quote(f"{each}")
            words += [f"--{name.replace('_', '-')}", shown]
    return " ".join(words)
