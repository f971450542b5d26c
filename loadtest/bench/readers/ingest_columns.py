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
from ingest.reading.blocks import Block, CutState, Cutter, Piece
from ingest.reading.compression import decode
from ingest.reading.grammar import Grammar
from ingest.reading.header import Head, read_head
from ingest.reading.rows import Layout, parse_rows

FEEDS = Path(__file__).parent.parent.parent / "feeds.toml"


def read(path: Path, feed: Feed) -> Iterator[Items]:
    """Yield a file's items block by block.

    Raises:
        ValueError: a row was rejected; the files of this benchmark hold none such.
    """
    grammar = Grammar(feed.csv)
    text = decode(file_portions(path), feed.csv)
    head, rest = read_head(text, feed.csv, grammar)
    layout = Layout(head.columns, feed.csv, grammar)
    mapping = map_columns(feed, head.columns)
    for piece in _pieces(grammar, head, chain([rest], text)):
        if not isinstance(piece, Block):
            raise ValueError(f"line {piece.first_line}: {piece.reason}")
        rows = parse_rows(piece.data, layout)
        items, faults = build_items(rows, mapping)
        if faults or rows.faults:
            raise ValueError(f"after line {piece.first_line}: {(rows.faults + faults)[0]}")
        yield items


def _pieces(grammar: Grammar, head: Head, portions: Iterator[bytes]) -> Iterator[Piece]:
    cutter = Cutter(grammar, state=CutState(head.byte_count, 1 + head.line_count))
    for portion in portions:
        yield from cutter.feed(portion)
    yield from cutter.finish()


def main() -> None:
    """Read the file named on the command line; print its row count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    feed = read_feeds(FEEDS).named("mixed")
    print(json.dumps({"rows": sum(map(len, read(parser.parse_args().file, feed)))}))


if __name__ == "__main__":
    main()
