"""The programs that benches compare, the product's and others', each in its own process.

`python -m loadtest.bench.peers NAME FILE` reads, `NAME URL FEED` writes, and prints the result as JSON. Each imports
its libraries itself, so that it is charged only for its own start-up and memory. pandas is not among them: where it is
installed, pyarrow imports it, so that bare pyarrow would be charged for it.
"""

import csv
import io
import json
import sys
import tomllib
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from ingest.items.items import Items
    from ingest.reading.reader import Reader

FEEDS, MODES = Path(__file__).parents[1] / "feeds.toml", Path(__file__).parent / "modes.toml"
CONVERSIONS: dict[str, Callable[[str], object]] = {"N": Decimal, "BOOL": {"true": True, "false": False}.__getitem__}


def dict_reader(path: Path) -> Iterator[dict[str, str]]:
    """Yield a file's rows as the standard library reads them, every cell a string."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def bare_pyarrow(path: Path, *, line_breaks: bool = False) -> "pa.Table":
    """Return the whole file as a table of text, read by one thread. Quoted line breaks must be announced."""
    import pyarrow as pa
    from pyarrow import csv

    return csv.read_csv(
        path,
        csv.ReadOptions(use_threads=False),
        csv.ParseOptions(newlines_in_values=line_breaks),
        csv.ConvertOptions(default_column_type=pa.string()),  # type: ignore[call-arg]  # newer than the stubs
    )


def ingest_items(path: Path) -> Iterator["Items"]:
    """Yield items ready to encode, block by block, as `ingest.worker.load` makes them."""
    from ingest.feeds.parse import read_feeds
    from ingest.items.items import build_items
    from ingest.items.mapping import map_columns
    from ingest.reading.blocks import Block

    declared = read_feeds(FEEDS).named("mixed")
    reader = _opened(path, declared)
    mapping = map_columns(declared, reader.columns)
    for block in reader.blocks(reader.start):
        if not isinstance(block, Block):
            raise ValueError(f"line {block.first_line}: {block.reason}")
        rows = reader.parse(block)
        items, faults = build_items(rows, mapping)
        if faults or rows.faults:
            raise ValueError(f"after line {block.first_line}: {(rows.faults + faults)[0]}")
        yield items


def ingest_plan(path: Path) -> dict[str, Any]:
    """Return where the segments of a file begin and end, and how many physical lines it has."""
    from ingest.feeds.feed import Feed
    from ingest.reading.segments import SEGMENT_BYTES

    reader = _opened(path, Feed("any/", "Any", "any"))
    segments = list(reader.segments(reader.start, SEGMENT_BYTES))
    last_line = segments[-1].end.line if segments else reader.start.line
    return {"segments": [(segment.start.byte, segment.end_byte) for segment in segments], "lines": last_line - 1}


def _opened(path: Path, feed: Any) -> "Reader":
    from ingest.aws.local_files import file_portions
    from ingest.reading.reader import open_file

    return open_file(partial(file_portions, path), feed)


def loop(url: str, feed: str) -> int:
    """Load an object in the usual way, `csv.DictReader` over S3's body and `batch_writer`; return its number of rows.

    Types are those of the feeds file: Decimal, bool, and no attribute where the cell is empty.
    """
    table, items = _for_loop(url, FEEDS, feed)
    with table.batch_writer() as batch:
        return sum(batch.put_item(Item=item) is None for item in items)


def single_loop(url: str, mode: str) -> int:
    """Load an object by one boto3 call for each row, as a feed of `modes.toml` requires; return its number of rows."""
    table, items = _for_loop(url, MODES, mode)
    return sum(bool(_update(table, item) if mode == "update" else _put(table, item, mode)) for item in items)


def _put(table: Any, item: dict[str, Any], mode: str) -> Any:
    condition, asked = "attribute_not_exists(#c)", dict[str, Any](ExpressionAttributeNames={"#c": "id"})
    if mode == "newest":
        condition, asked = f"{condition} OR #c <= :c", {"ExpressionAttributeNames": {"#c": "quantity"}}
        asked["ExpressionAttributeValues"] = {":c": item["quantity"]}
    return table.put_item(Item=item, ConditionExpression=condition, **asked)


def _update(table: Any, item: dict[str, Any]) -> Any:
    cells = {f"{n}": cell for n, cell in enumerate(item.items()) if cell[0] != "id"}
    return table.update_item(
        Key={"id": item["id"]},
        UpdateExpression="SET " + ",".join(f"#{n}=:{n}" for n in cells),
        ExpressionAttributeNames={f"#{n}": name for n, (name, _) in cells.items()},
        ExpressionAttributeValues={f":{n}": value for n, (_, value) in cells.items()},
    )


def _for_loop(url: str, feeds: Path, feed: str) -> tuple[Any, Iterator[dict[str, Any]]]:
    """Return the table of a feed, and an object's rows as items for boto3."""
    import boto3

    declared = tomllib.loads(feeds.read_text(encoding="utf-8"))["feeds"][feed]
    typed = {column: CONVERSIONS[kind] for column, kind in declared["columns"].items()}
    bucket, _, key = url.removeprefix("s3://").partition("/")
    body: Any = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    rows = csv.DictReader(io.TextIOWrapper(body, encoding="utf-8", newline=""))
    items = ({name: typed[name](cell) if name in typed else cell for name, cell in row.items() if cell} for row in rows)
    return boto3.resource("dynamodb").Table(declared["table"]), items


PEERS: dict[str, Callable[..., dict[str, Any]]] = {
    "ingest": lambda path: {"rows": sum(map(len, ingest_items(Path(path))))},
    "csv": lambda path: {"rows": sum(1 for _ in dict_reader(Path(path)))},
    "pyarrow": lambda path: {"rows": bare_pyarrow(Path(path)).num_rows},
    "pyarrow-line-breaks": lambda path: {"rows": bare_pyarrow(Path(path), line_breaks=True).num_rows},
    "plan": lambda path: ingest_plan(Path(path)),
    "loop": lambda url, feed: {"rows": loop(url, feed)},
    "single-loop": lambda url, mode: {"rows": single_loop(url, mode)},
}


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    print(json.dumps(PEERS[name](*arguments)))
