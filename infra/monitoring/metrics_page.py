"""`python -m infra.monitoring.metrics_page`: write the table in docs/metrics.md from the table in `ingest.contract`."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ingest.contract import Dimension, Metric

PAGE = Path(__file__).parents[2] / "docs/metrics.md"
BEGIN, END = "<!-- begin: written by `make docs` from ingest/contract.py -->\n", "<!-- end -->\n"
TITLES = ("metric", "unit", "statistic", "by", "emitted", "what it says")


def table() -> str:
    """Return the table of all metrics, as Markdown."""
    return "".join([_line(TITLES), _line("---" for _ in TITLES), *map(_line, map(_cells, Metric))])


def _cells(metric: Metric) -> Iterator[str]:
    by = f"{Dimension.STACK}, {Dimension.FEED}" if metric.is_by_feed else Dimension.STACK
    yield from (f"`{metric}`", metric.unit, metric.statistic, by, metric.emitted, metric.meaning)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def written(page: str) -> str:
    """Return the page with its table as it is today.

    >>> written(f"before {BEGIN}old{END} after") == f"before {BEGIN}{table()}{END} after"
    True
    """
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


def main() -> int:
    """Write the table and return the exit code."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"The table of metrics is in {PAGE}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
