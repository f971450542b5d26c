"""The product's planner on a local file: the head is read, and what follows is cut into segments."""

import argparse
import json
from itertools import chain
from pathlib import Path

from ingest.aws.local_files import file_portions
from ingest.feeds.dialect import Csv
from ingest.reading.blocks import Position
from ingest.reading.grammar import Grammar
from ingest.reading.header import read_header
from ingest.reading.segments import plan, splitter_for


def main() -> None:
    """Plan the file named on the command line; print where its segments begin and end, and its physical lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    csv, text = Csv(), file_portions(parser.parse_args().file)
    head, rest = read_header(text, csv, Grammar(csv))
    splitter = splitter_for(csv, Position(head.byte_count, 1 + head.line_count))
    segments = [(segment.start.byte, segment.end_byte) for segment in plan(chain([rest], text), splitter)]
    print(json.dumps({"segments": segments, "lines": splitter.state.line - 1}))


if __name__ == "__main__":
    main()
