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
QUOTE_FREE, QUOTED, LINE_BREAKS = (
    "quote-free",
    "quoted",
    "quoted, line breaks",
)  # the last two have recipes of their own
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


def generation(total_bytes: int, seed: int, *, shape: str = "mixed", kind: str = QUOTE_FREE) -> Generation:
    """Return a file, to be iterated for its bytes: at most `total_bytes`; 0 are a header alone."""
    recipe = RECIPES / f"{shape if kind == QUOTE_FREE else _in_path(kind)}.toml"
    fields = tomllib.loads(recipe.read_text(encoding="utf-8")) | {"size": total_bytes or None, "seed": seed}
    return Generation(recipe_of(FEEDS, fields.pop("feed"), rows=None if total_bytes else 0, **fields))


def write_sample(folder: Path, total_bytes: int, seed: int, *, shape: str = "mixed", kind: str = QUOTE_FREE) -> Sample:
    """Write a file to the bucket in a folder; return it."""
    made = generation(total_bytes, seed, shape=shape, kind=kind)
    return _written(made, folder, shape, f"{_in_path(kind)}-{total_bytes}")


def write_rows(folder: Path, rows: int, seed: int, *, shape: str, key_order: str) -> Sample:
    """Write a file with a number of rows, their keys sorted or random; return it."""
    fields = tomllib.loads((RECIPES / f"{shape}.toml").read_text(encoding="utf-8"))
    fields |= {"size": None, "seed": seed, "key_order": key_order}
    made = Generation(recipe_of(FEEDS, fields.pop("feed"), rows=rows, **fields))
    return _written(made, folder, shape, f"{key_order}-{rows}")


def _written(made: Generation, folder: Path, shape: str, name: str) -> Sample:
    path = folder / BUCKET / shape / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(made)
    return Sample(path, shape, path.stat().st_size, made.known_outcome.rows)


def _in_path(kind: str) -> str:
    return kind.replace(",", "").replace(" ", "-")


def samples(folder: Path, total_bytes: int, seed: int, **which: str) -> tuple[Sample, Sample]:
    """Write a file, and one that is its header alone; return both."""
    return write_sample(folder, total_bytes, seed, **which), write_sample(folder, 0, seed, **which)
