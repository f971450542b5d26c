"""A run's result as `python -m loadtest run` writes it: read back, checked, and said in a few lines."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PARTS = ("scenario", "target", "check_result", "figures", "samples", "objectives", "files", "command")


class NotARun(ValueError):
    """A file that is not the result of a run; the message says which and why."""


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """One run. `document` is its JSON."""

    name: str  # unique among the runs of a report
    document: dict[str, Any]

    @property
    def title(self) -> str:
        """What was run, where, and how large."""
        scale = self.document.get("scale", 1)
        return f"{self.document['scenario']} on {self.document['target']}" + (
            "" if scale == 1 else f", scale {scale:g}"
        )

    @property
    def is_ok(self) -> bool:
        """Whether every row was found where it belongs."""
        return bool(self.document["check_result"]["ok"])

    @property
    def result(self) -> str:
        """The result in a word, and what it means."""
        return "GREEN: every row accounted for" if self.is_ok else "RED: not every row accounted for"

    def sentence(self) -> str:
        """Return what was expected and found."""
        rows, files = self.document["check_result"]["rows"], self.document["check_result"]["files"]
        return (
            f"{rows['found']:,} of {rows['expected']:,} rows found, {rows['lost']:,} lost, "
            f"{rows['doubled']:,} doubled, {rows['wrong']:,} wrong; "
            f"{files['complete']:,} of {files['expected']:,} files complete"
        )

    def goals(self) -> list[tuple[str, str, str, bool]]:
        """Return of each objective what it is about, what was found, its bound, and whether it is met."""
        return [
            (goal["what"], f"{goal['found']:,.6g}", bound_of(goal), bool(goal["is_met"]))
            for goal in self.document["objectives"]
        ]

    def lines(self) -> Iterator[str]:
        """Yield the result, what is wrong, and the objectives."""
        yield f"{self.title}: {self.result}. {self.sentence()}."
        yield from (f"wrong: {problem}" for problem in self.document["check_result"]["problems"])
        for what, found, bound, is_met in self.goals():
            yield f"objective {'met' if is_met else 'MISSED'}: {what}: {found}, {bound}"

    def rejected(self) -> list[tuple[str, ...]]:
        """Return each reason with the rejects that were expected and found."""
        sides = [self.figure(f"check_result.rejected.{side}") or {} for side in ("expected", "found")]
        return [(reason, *(f"{side.get(reason, 0):,}" for side in sides)) for reason in sorted({*sides[0], *sides[1]})]

    def series(self, name: str) -> list[float]:
        """Return one value for each second, NaN where nothing was measured; empty if it never was."""
        values: Sequence[float | None] = self.document["samples"].get(name) or []
        known = [math.nan if value is None else float(value) for value in values]
        return [] if all(math.isnan(value) for value in known) else known

    def figure(self, path: str) -> Any:
        """Return a figure by its dotted path, as `figures.event_to_visible_s.p99`; None if there is none."""
        found: Any = self.document
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return found

    def waits_s(self) -> list[float]:
        """Return for each file the seconds from its event to its last row, in rising order."""
        found = (file.get("event_to_visible_s") for file in self.document["files"])
        return sorted(float(seconds) for seconds in found if seconds is not None)


def bound_of(goal: dict[str, Any]) -> str:
    """Return the bound of an objective.

    >>> bound_of({"at_least": 60_000})
    'at least 60,000'
    """
    return f"at most {goal['at_most']:,.6g}" if "at_most" in goal else f"at least {goal['at_least']:,.6g}"


def read_runs(paths: Sequence[Path]) -> list[ReportedRun]:
    """Return the runs of the files.

    Raises:
        NotARun: a file is missing or not a run's result.
    """
    return [ReportedRun(f"{number}-{path.stem}", _document(path)) for number, path in enumerate(paths, start=1)]


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise NotARun(f"{path} is not a result of `python -m loadtest run`: {error}.") from error
    missing = PARTS if not isinstance(document, dict) else [part for part in PARTS if part not in document]
    if missing or document.get("kind") != "run":
        lacks = f" it lacks {', '.join(missing)}" if missing else " its kind is not `run`"
        raise NotARun(f"{path} is not a result of `python -m loadtest run`:{lacks}.")
    return dict(document)
