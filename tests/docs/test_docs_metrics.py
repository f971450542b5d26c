"""docs/metrics.md has every metric with its unit, and the figures of its cost are worked out from it."""

import re
from pathlib import Path

from ingest.contract import METRIC_NAMESPACE, Dimension, Metric
from ingest.metrics.emf import unit_of

PAGE = (Path(__file__).parents[2] / "docs/metrics.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| `[A-Z]\w+` \|", line)
]
IN_USE = [row for row in ROWS if row[3] != "when there are any" and row[0] != "`FilesUnbalanced`"]


def test_the_table_has_every_metric_once() -> None:
    names = [row[0].strip("`") for row in ROWS]
    assert sorted(names) == sorted(value for name, value in vars(Metric).items() if name.isupper())


def test_each_metric_has_the_unit_it_is_reported_with() -> None:
    assert {row[0]: row[1] for row in ROWS} == {row[0]: unit_of(row[0].strip("`")) for row in ROWS}


def test_each_metric_says_what_it_is_when_it_is_reported_and_how_to_read_it() -> None:
    assert all(len(row) == 5 and all(row) for row in ROWS)
    assert all("Sum" in row[4] for row in ROWS if row[1] in ("Count", "Bytes"))


def test_it_names_namespace_and_dimensions() -> None:
    assert f"namespace `{METRIC_NAMESPACE}`" in PAGE
    assert f"`{Dimension.STACK}` with `{Dimension.FEED}`" in PAGE


def test_its_costs_are_those_of_the_metrics_it_lists() -> None:
    count, one, five = map(
        int, re.findall(r"(\d+) metrics in use .*?\$(\d+) a month with one feed, \$(\d+)", PAGE, re.S)[0]
    )
    assert count == len(IN_USE)
    assert (one, five) == (round(count * 2 * 0.3), round(count * 6 * 0.3))
