"""The product from a file's bytes to columns ready to encode: `ingest.worker.load` without keys, table and rejects."""

import argparse
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ingest.aws.local_files import file_portions
from ingest.feeds.feed import Feed
from ingest.feeds.parse import read_feeds
from ingest.items.items import Items, build_items
from ingest.items.mapping import map_columns
from ingest.reading.blocks import Block
from ingest.reading.reader import open_file

FEEDS = Path(__file__).parent.parent.parent / "feeds.toml"


def read(path: Path, feed: Feed) -> Iterator[Items]:
    """Yield a file's items block by block.

    Raises:
        ValueError: a row was rejected; the files of this benchmark have none.
    """
    reader = open_file(partial(file_portions, path), feed)
    mapping = map_columns(feed, reader.columns)
    for block in reader.blocks(reader.start):
        if not isinstance(block, Block):
            raise ValueError(f"line {block.first_line}: {block.reason}")
        rows = reader.parse(block)
        items, faults = build_items(rows, mapping)
        if faults or rows.faults:
            raise ValueError(f"after line {block.first_line}: {(rows.faults + faults)[0]}")
        yield items


def main() -> None:
    """Read the file named on the command line; print its row count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    feed = read_feeds(FEEDS).named("mixed")
    print(json.dumps({"rows": sum(map(len, read(parser.parse_args().file, feed)))}))


if __name__ == "__main__":
    main()
