"""The standard library: `csv.DictReader`, every cell a string."""

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path


def read(path: Path) -> Iterator[dict[str, str]]:
    """Yield a file's rows."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def main() -> None:
    """Read the file named on the command line; print its row count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    print(json.dumps({"rows": sum(1 for _ in read(parser.parse_args().file))}))


if __name__ == "__main__":
    main()
