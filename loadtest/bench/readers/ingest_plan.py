"""The product's planner on a local file: the header is read, and what follows is cut into segments."""

import argparse
import json
from functools import partial
from pathlib import Path

from ingest.aws.local_files import file_portions
from ingest.feeds.feed import Feed
from ingest.reading.reader import open_file
from ingest.reading.segments import SEGMENT_BYTES


def main() -> None:
    """Plan the file named on the command line; print where its segments begin and end, and its physical lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    reader = open_file(partial(file_portions, parser.parse_args().file), Feed("any/", "Any", "any"))
    segments = list(reader.segments(reader.start, SEGMENT_BYTES))
    last_line = segments[-1].end.line if segments else reader.start.line
    print(json.dumps({"segments": [(part.start.byte, part.end_byte) for part in segments], "lines": last_line - 1}))


if __name__ == "__main__":
    main()
