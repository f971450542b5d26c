"""`python -m infra.monitoring.metrics_page`: write docs/metrics.md's table from the one in `ingest.contract`.

What they cost, which is worked out from their number, is written with it.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ingest.contract import Dimension, Emitted, Metric, Price

PAGE = Path(__file__).parents[2] / "docs/metrics.md"
BEGIN, END = "<!-- begin: written by `make docs` from ingest/contract.py -->\n", "<!-- end -->\n"
COST = re.compile(r"\d+ metrics in use (.+?) are \d+ (.+?): \$\d+ a month with one feed, \$\d+ with five\.")
TITLES = ("metric", "unit", "statistic", "by", "emitted", "what it says")


def table() -> str:
    """Return the table of all metrics, as Markdown."""
    return "".join([_line(TITLES), _line("---" for _ in TITLES), *map(_line, map(_cells, Metric))])


def _cells(metric: Metric) -> Iterator[str]:
    by = f"{Dimension.STACK}, {Dimension.FEED}" if metric.is_by_feed else Dimension.STACK
    yield from (f"`{metric}`", metric.unit, metric.statistic, by, metric.emitted, metric.meaning)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def cost(sentence: re.Match[str]) -> str:
    """Return what the metrics in use cost: one each by stack, and one by each feed."""
    rare = {Metric.FILES_UNBALANCED}
    count = sum(metric.emitted != Emitted.THROTTLED and metric not in rare for metric in Metric)
    one, five = (round(count * (feeds + 1) * Price.METRIC_MONTH) for feeds in (1, 5))
    return (
        f"{count} metrics in use {sentence[1]} are {count} {sentence[2]}: "
        f"${one} a month with one feed, ${five} with five."
    )


def written(page: str) -> str:
    """Return the page with its table, and what the metrics in it cost, as they are today.

    >>> written(f"before {BEGIN}old{END} after") == f"before {BEGIN}{table()}{END} after"
    True
    """
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{COST.sub(cost, rest.partition(END)[2])}"


def main() -> int:
    """Write the table and return the exit code."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"The table of metrics and what they cost are in {PAGE}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
