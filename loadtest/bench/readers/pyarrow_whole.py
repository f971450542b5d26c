"""Bare pyarrow: the whole file in one `read_csv`, every column text, one thread."""

import argparse
import json
from pathlib import Path

import pyarrow as pa
from pyarrow import csv


def read(path: Path, *, newlines: bool) -> pa.Table:
    """Return a file as a table; `newlines` allows line breaks in cells, which pyarrow must know beforehand."""
    return csv.read_csv(
        path,
        csv.ReadOptions(use_threads=False),
        csv.ParseOptions(newlines_in_values=newlines),
        csv.ConvertOptions(default_column_type=pa.string()),  # type: ignore[call-arg]  # newer than the stubs
    )


def main() -> None:
    """Read the file named on the command line; print its row count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--newlines", action="store_true")
    arguments = parser.parse_args()
    print(json.dumps({"rows": read(arguments.file, newlines=arguments.newlines).num_rows}))


if __name__ == "__main__":
    main()
