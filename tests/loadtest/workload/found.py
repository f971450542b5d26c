"""What the product makes of a generated file: its books, and the items, as `ingest check` and `preview` tell them."""

import io
import json
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.cli import main as cli
from loadtest.workload.checksum import Checksum
from loadtest.workload.expected import Truth
from loadtest.workload.recipe import Recipe, recipe_of
from loadtest.workload.stream import Generation

FEEDS = Path(__file__).parent / "feeds.toml"


@dataclass
class Found:
    """A generated file, its truth, and what was found of it."""

    data: bytes
    truth: Truth
    books: dict[str, Any]
    items: dict[str, dict[str, Any]] = field(default_factory=dict)

    def assert_as_foretold(self) -> None:
        assert "error" not in self.books, self.books
        assert (self.books["rows_read"], self.books["reasons"]) == (self.truth.rows, self.truth.rejected)
        least, most = self.truth.superseded
        assert least <= self.books["rows_superseded"] <= most
        assert self.books["rows_written"] + self.books["rows_superseded"] == self.truth.rows_kept
        assert len(self.items) == self.truth.items
        checksum = Checksum(self.truth.not_summed)
        checksum.add(self.items.values())
        assert checksum.value == self.truth.checksum
        assert len(self.data) == self.truth.bytes


def recipe(feed: str, **fields: Any) -> Recipe:
    return recipe_of(FEEDS, feed, **({"rows": 100} | fields if "size" not in fields else fields))


def made(recipe: Recipe) -> tuple[bytes, Truth]:
    generation = Generation(recipe)
    return b"".join(generation), generation.truth


def find(recipe: Recipe) -> Found:
    """Generate a file and let the product read it."""
    data, truth = made(recipe)
    feed, keys = recipe.schema.feed, [name for name, _ in recipe.schema.keys]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(data)
        options = [str(path), "--feed", feed, "--feeds", str(FEEDS)]
        books = json.loads(_printed(["check", *options, "--json"]))
        shown = _printed(["preview", *options, "--format", "jsonl", "--all"])
    items = [json.loads(line) for line in shown.splitlines()]
    return Found(data, truth, books, {json.dumps([item[key] for key in keys]): item for item in items})


def _printed(arguments: list[str]) -> str:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        cli.run(arguments)
    return out.getvalue()
