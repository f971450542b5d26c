"""The loop that is written everywhere today: `csv.DictReader` over S3's body, boto3's `batch_writer` to the table.

Types by the feeds file, as the product has them: Decimal, bool, and no attribute where the cell is empty.
"""

import argparse
import csv
import io
import json
import tomllib
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3

FEEDS = Path(__file__).parent.parent.parent / "feeds.toml"
Convert = Callable[[str], object]
CONVERSIONS: dict[str, Convert] = {"N": Decimal, "BOOL": {"true": True, "false": False}.__getitem__}


def read(bucket: str, key: str) -> Iterator[dict[str, str]]:
    """Yield an object's rows."""
    body: Any = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    yield from csv.DictReader(io.TextIOWrapper(body, encoding="utf-8", newline=""))


def typed(rows: Iterable[dict[str, str]], types: dict[str, str]) -> Iterator[dict[str, object]]:
    """Yield rows as items."""
    conversions = {column: CONVERSIONS[kind] for column, kind in types.items()}
    for row in rows:
        yield {
            column: conversions[column](cell) if column in conversions else cell for column, cell in row.items() if cell
        }


def write(items: Iterable[dict[str, object]], table: str) -> int:
    """Put all items; return how many."""
    count = 0
    with boto3.resource("dynamodb").Table(table).batch_writer() as batch:
        for item in items:
            batch.put_item(Item=item)
            count += 1
    return count


def main() -> None:
    """Load the object named on the command line; print its row count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--feed", required=True)
    arguments = parser.parse_args()
    bucket, _, key = arguments.url.removeprefix("s3://").partition("/")
    feed = tomllib.loads(FEEDS.read_text(encoding="utf-8"))["feeds"][arguments.feed]
    print(json.dumps({"rows": write(typed(read(bucket, key), feed["columns"]), feed["table"])}))


if __name__ == "__main__":
    main()
