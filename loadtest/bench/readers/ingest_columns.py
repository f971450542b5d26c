"""The product from a file's bytes to columns ready to encode: `ingest.worker.load` without keys, table and rejects."""

import argparse
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from ingest.aws.local_files import file_portions
from ingest.feeds.feed import Feed
from ingest.feeds.parse import read_feeds
from ingest.items.items import Items, build_items
from ingest.items.mapping import map_columns
from ingest.reading.blocks import Block, BlockSplitter, Chunk, Position
from ingest.reading.compression import decode
from ingest.reading.grammar import Grammar
from ingest.reading.header import Header, read_header
from ingest.reading.rows import Layout, parse_rows

FEEDS = Path(__file__).parent.parent.parent / "feeds.toml"


def read(path: Path, feed: Feed) -> Iterator[Items]:
    """Yield a file's items block by block.

    Raises:
        ValueError: a row was rejected; the files of this benchmark hold none such.
    """
    grammar = Grammar(feed.csv)
    text = decode(file_portions(path), feed.csv)
    head, rest = read_header(text, feed.csv, grammar)
    layout = Layout(head.columns, feed.csv, grammar)
    mapping = map_columns(feed, head.columns)
    for chunk in _pieces(grammar, head, chain([rest], text)):
        if not isinstance(chunk, Block):
            raise ValueError(f"line {chunk.first_line}: {chunk.reason}")
        rows = parse_rows(chunk.data, layout)
        items, faults = build_items(rows, mapping)
        if faults or rows.faults:
            raise ValueError(f"after line {chunk.first_line}: {(rows.faults + faults)[0]}")
        yield items


def _pieces(grammar: Grammar, head: Header, portions: Iterator[bytes]) -> Iterator[Chunk]:
    splitter = BlockSplitter(grammar, state=Position(head.byte_count, 1 + head.line_count))
    for portion in portions:
        yield from splitter.feed(portion)
    yield from splitter.finish()


def main() -> None:
    """Read the file named on the command line; print its row count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    feed = read_feeds(FEEDS).named("mixed")
    print(json.dumps({"rows": sum(map(len, read(parser.parse_args().file, feed)))}))


if __name__ == "__main__":
    main()
