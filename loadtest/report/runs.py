"""A run's result as `python -m loadtest run` writes it, read back and checked."""

import json
import math
from collections.abc import Sequence
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
        """Whether the oracle found every row where it belongs."""
        return bool(self.document["check_result"]["ok"])

    @property
    def check_result(self) -> str:
        """What the oracle says, in a few words."""
        return "every row accounted for" if self.is_ok else "NOT every row accounted for"

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


def read_runs(paths: Sequence[Path]) -> list[ReportedRun]:
    """Return the runs of the files.

    Raises:
        NotARun: a file is missing or no run's result.
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
