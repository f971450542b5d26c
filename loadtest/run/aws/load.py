"""What a scenario puts on a stack, before a file of it is made. Pure but for reading the feeds."""

import math
from dataclasses import dataclass

from loadtest.harness.targets import part_bytes
from loadtest.run.making import recipe
from loadtest.scenarios.scenario import Files, Scenario, schema
from loadtest.workload.stream import Generation

KB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPart:
    """Files of one kind: their number, and what each is. Sizes are of the text, before any compression."""

    table: str
    files: int
    rows: int
    bytes: int
    most_bytes: int
    item_bytes: int
    has_rejects: bool

    @property
    def all_rows(self) -> int:
        """Rows of all files."""
        return self.files * self.rows

    @property
    def units_a_row(self) -> int:
        """Write units of a row: one for each KB begun."""
        return math.ceil(self.item_bytes / KB)

    @property
    def uploads(self) -> int:
        """Requests that put the files in S3."""
        return self.files * (2 + math.ceil(self.most_bytes / part_bytes(self.most_bytes)))


@dataclass(frozen=True, slots=True)
class Load:
    """All files of a scenario."""

    scenario: Scenario
    parts: tuple[LoadPart, ...]

    @property
    def files(self) -> int:
        """How many."""
        return sum(part.files for part in self.parts)

    @property
    def rows(self) -> int:
        """Their rows."""
        return sum(part.all_rows for part in self.parts)

    @property
    def bytes(self) -> int:
        """Their bytes, about."""
        return sum(part.files * part.bytes for part in self.parts)

    def segments(self, segment_bytes: int) -> int:
        """Return into how many pieces the files are split."""
        return sum(part.files * max(1, math.ceil(part.bytes / segment_bytes)) for part in self.parts)


def load_of(scenario: Scenario, seed: int) -> Load:
    """Return what a scenario, as it is scaled, puts on a stack."""
    return Load(scenario, tuple(_part(scenario, kind, seed) for kind in scenario.files))


def _part(scenario: Scenario, kind: Files, seed: int) -> LoadPart:
    made, known = recipe(scenario, kind, 0, seed=seed), schema(kind.feed)
    generation = Generation(made)
    names = {column.name or name for name, column in known.columns} | {name for name, _ in known.keys}
    return LoadPart(
        table=known.table,
        files=kind.count,
        rows=kind.rows,
        bytes=generation.likely_bytes,
        most_bytes=generation.most_bytes,
        item_bytes=generation.likely_bytes // max(1, kind.rows) + sum(map(len, names)),
        has_rejects=made.defects.rejected > 0,
    )
