"""The files that benches read and load, made by `loadtest.workload`: 5, 10 or 40 columns, plain or fully quoted."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from loadtest.workload.recipe import recipe_of
from loadtest.workload.stream import Generation

FEEDS, RECIPES = (Path(__file__).parents[1] / name for name in ("feeds.toml", "workload/recipes"))
BUCKET = "bench"
MB = 1_000_000
SHAPES = ("narrow", "mixed", "wide")  # 51, 110 and 924 bytes a row; each is the feed of that name
# The last two have recipes of their own.
QUOTE_FREE, QUOTED, LINE_BREAKS = "quote-free", "quoted", "quoted, line breaks"
KEY = rb'"?00000-[0-9]'  # what each row begins with, and nothing within a row


@dataclass(frozen=True, slots=True)
class Sample:
    """A file of a bench; it lies in a folder that stands for a bucket."""

    path: Path
    shape: str
    file_bytes: int
    rows: int

    @property
    def key(self) -> str:
        """Its key in the bucket; the prefix is that of its feed."""
        return f"{self.shape}/{self.path.name}"

    @property
    def url(self) -> str:
        """Where an S3 endpoint that serves the folder has it."""
        return f"s3://{BUCKET}/{self.key}"


def generation(
    total_bytes: int, seed: int, *, shape: str = "mixed", kind: str = QUOTE_FREE, rows: int = 0, **more: str
) -> Generation:
    """Return a file, to be iterated for its bytes: at most `total_bytes`; with 0, a header and this number of `rows`.

    `more` is what its recipe says otherwise.
    """
    recipe = RECIPES / f"{shape if kind == QUOTE_FREE else _in_path(kind)}.toml"
    fields = tomllib.loads(recipe.read_text(encoding="utf-8")) | {"size": total_bytes or None, "seed": seed, **more}
    return Generation(recipe_of(FEEDS, fields.pop("feed"), rows=None if total_bytes else rows, **fields))


def write_sample(folder: Path, total_bytes: int, seed: int, *, rows: int = 0, **which: str) -> Sample:
    """Write a file to the bucket in a folder; return it."""
    made, shape = generation(total_bytes, seed, rows=rows, **which), which.get("shape", "mixed")
    name = _in_path("-".join([which.get("kind", QUOTE_FREE), which.get("key_order", ""), str(total_bytes or rows)]))
    path = folder / BUCKET / shape / f"{name.replace('--', '-')}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(made)
    return Sample(path, shape, path.stat().st_size, made.known_outcome.rows)


def _in_path(kind: str) -> str:
    return kind.replace(",", "").replace(" ", "-")


def samples(folder: Path, total_bytes: int, seed: int, *, rows: int = 0, **which: str) -> tuple[Sample, Sample]:
    """Write a file, and one that is its header alone; return both."""
    return write_sample(folder, total_bytes, seed, rows=rows, **which), write_sample(folder, 0, seed, **which)
