"""What the product makes of a generated file: row counts and items, as `ingest check` and `preview` print them."""

import io
import json
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.cli import main as cli
from loadtest.workload.checksum import Checksum, KnownOutcome
from loadtest.workload.recipe import Recipe, recipe_of
from loadtest.workload.stream import Generation

FEEDS = Path(__file__).parent / "feeds.toml"


@dataclass
class Found:
    """A generated file, its known outcome, and what was found of it."""

    data: bytes
    known_outcome: KnownOutcome
    row_counts: dict[str, Any]
    items: dict[str, dict[str, Any]] = field(default_factory=dict)

    def assert_as_foretold(self) -> None:
        assert not self.row_counts.get("error"), self.row_counts
        assert (self.row_counts["rows_read"], self.row_counts["reasons"]) == (
            self.known_outcome.rows,
            self.known_outcome.rejected,
        )
        least, most = self.known_outcome.superseded
        assert least <= self.row_counts["rows_superseded"] <= most
        assert self.row_counts["rows_written"] + self.row_counts["rows_superseded"] == self.known_outcome.rows_kept
        assert len(self.items) == self.known_outcome.items
        checksum = Checksum(self.known_outcome.not_summed)
        checksum.add(self.items.values())
        assert checksum.value == self.known_outcome.checksum
        assert len(self.data) == self.known_outcome.bytes


def recipe(feed: str, **fields: Any) -> Recipe:
    return recipe_of(FEEDS, feed, **({"rows": 100} | fields if "size" not in fields else fields))


def made(recipe: Recipe) -> tuple[bytes, KnownOutcome]:
    generation = Generation(recipe)
    return b"".join(generation), generation.known_outcome


def find(recipe: Recipe) -> Found:
    """Generate a file and let the product read it."""
    data, known_outcome = made(recipe)
    feed, keys = recipe.schema.feed, [name for name, _ in recipe.schema.keys]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(data)
        options = [str(path), "--feed", feed, "--feeds", str(FEEDS)]
        row_counts = json.loads(_printed(["check", *options, "--json"]))
        shown = _printed(["preview", *options, "--format", "jsonl", "--all"])
    items = [json.loads(line) for line in shown.splitlines()]
    return Found(data, known_outcome, row_counts, {json.dumps([item[key] for key in keys]): item for item in items})


def _printed(arguments: list[str]) -> str:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        cli.run(arguments)
    return out.getvalue()
