"""Each `put` writes one EMF line to standard output at once, with the stack's name and nothing of the environment."""

import pytest

from ingest.contract import Metric
from ingest.metrics.emf import Metrics
from loadtest.scenarios.figures import MetricLine, read_emf


def lines(capsys: pytest.CaptureFixture[str]) -> list[MetricLine | None]:
    return [read_emf(line) for line in capsys.readouterr().out.splitlines()]


def test_a_put_is_one_line_with_the_time_it_was_put(capsys: pytest.CaptureFixture[str]) -> None:
    Metrics(stack="Ingest", now_s=lambda: 1_795_342_272.345).put("orders", {Metric.ROWS_READ: 500})
    assert lines(capsys) == [MetricLine("Ingest", "orders", {"RowsRead": 500}, 1_795_342_272.345)]


def test_lines_do_not_leak_into_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = Metrics(stack="Ingest", now_s=lambda: 1.0)
    metrics.put("a", {Metric.ROWS_READ: 1})
    metrics.put("b", {Metric.FILES_FAILED: 2})
    assert lines(capsys) == [
        MetricLine("Ingest", "a", {"RowsRead": 1}, 1.0),
        MetricLine("Ingest", "b", {"FilesFailed": 2}, 1.0),
    ]


def test_the_time_is_the_clocks(capsys: pytest.CaptureFixture[str]) -> None:
    Metrics(stack="Ingest").put("-", {Metric.HAND_OVERS: 1})
    (reported,) = lines(capsys)
    assert reported and 1_700_000_000 < reported.at_s < 5_000_000_000
