"""The files that parties load, in a bucket of the object endpoint; and one ready-made request body."""

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from loadtest.bench.mixed import mixed
from loadtest.bench.shapes import shaped

MB = 1_000_000
BUCKET = "bench"
BATCH_ROWS = 25


@dataclass(frozen=True, slots=True)
class WriteSample:
    """A file of the benchmark. The feed it belongs to has the shape's name."""

    path: Path
    shape: str
    file_bytes: int
    rows: int

    @property
    def url(self) -> str:
        """Where the object endpoint has it."""
        return f"s3://{BUCKET}/{self.shape}/{self.path.name}"


def write_sample(folder: Path, shape: str, total_bytes: int, seed: int) -> WriteSample:
    """Write a file of a shape, unless it is there; return it. 0 bytes: a header alone."""
    path, rows, size = folder / BUCKET / shape / f"{total_bytes}.csv", 0, 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for portion in shaped(shape, total_bytes=total_bytes, seed=seed):
            file.write(portion.data)
            rows, size = rows + portion.rows, size + len(portion.data)
    return WriteSample(path, shape, size, rows)


def write_body(folder: Path, table: str, seed: int) -> Path:
    """Write the body of a BatchWriteItem request with the first rows of the mixed shape; return its path."""
    header, portion = islice(mixed(total_bytes=10_000, seed=seed, quoted=False), 2)
    columns = header.data.decode().strip().split(",")
    rows = [line.split(",") for line in portion.data.decode().splitlines()[:BATCH_ROWS]]
    puts = [{"PutRequest": {"Item": _item(dict(zip(columns, row, strict=True)))}} for row in rows]
    path = folder / "body.json"
    path.write_text(json.dumps({"RequestItems": {table: puts}}, separators=(",", ":"), ensure_ascii=False))
    return path


def _item(row: dict[str, str]) -> dict[str, dict[str, object]]:
    numbers = ("quantity", "price", "discount")
    item: dict[str, dict[str, object]] = {
        name: {"N" if name in numbers else "S": cell} for name, cell in row.items() if cell
    }
    if row["paid"]:
        item["paid"] = {"BOOL": row["paid"] == "true"}
    return item
