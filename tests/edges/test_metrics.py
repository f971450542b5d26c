"""Each `put` is one EMF line that CloudWatch understands, with names the stack knows."""

import json
from typing import Any

import pytest

from ingest.contract import METRIC_NAMESPACE, Dimension, Metric
from ingest.edges.metrics import Metrics

NAMES = {value for name, value in vars(Metric).items() if name.isupper()}


def emf(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


def test_a_put_is_one_line_with_namespace_dimensions_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    Metrics(stack="Ingest").put(
        "orders", {Metric.ROWS_READ: 500, Metric.ROWS_REJECTED: 0, Metric.EVENT_TO_VISIBLE: 1.5}
    )
    document = emf(capsys)
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == METRIC_NAMESPACE
    assert directive["Dimensions"] == [[Dimension.STACK, Dimension.FEED]]
    assert (document[Dimension.STACK], document[Dimension.FEED]) == ("Ingest", "orders")
    assert {metric["Name"]: (metric["Unit"], document[metric["Name"]]) for metric in directive["Metrics"]} == {
        "RowsRead": ("Count", [500.0]),
        "RowsRejected": ("Count", [0.0]),
        "EventToVisible": ("Seconds", [1.5]),
    }
    assert document["_aws"]["Timestamp"] > 1_600_000_000_000


def test_all_names_of_the_contract_fit_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Metrics(stack="Ingest").put("-", dict.fromkeys(NAMES, 1.0))
    (directive,) = emf(capsys)["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"] for metric in directive["Metrics"]} == NAMES
    assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}["BytesRead"] == "Bytes"


def test_lines_do_not_leak_into_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = Metrics(stack="Ingest")
    metrics.put("a", {Metric.ROWS_READ: 1})
    metrics.put("b", {Metric.FILES_FAILED: 2})
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert Metric.ROWS_READ not in second
    assert (first[Dimension.FEED], second[Dimension.FEED]) == ("a", "b")


def test_what_lambda_sets_in_its_environment_adds_no_dimension(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_LAMBDA_FUNCTION_NAME", "AWS_EXECUTION_ENV", "AWS_LAMBDA_INITIALIZATION_TYPE", "_X_AMZN_TRACE_ID"):
        monkeypatch.setenv(name, "x")
    Metrics(stack="Ingest").put("orders", {Metric.ROWS_READ: 1})
    assert emf(capsys)["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[Dimension.STACK, Dimension.FEED]]


def test_metric_names_are_past_tense_plurals_or_durations_each_spelled_once() -> None:
    assert len(NAMES) == len([name for name in vars(Metric) if name.isupper()])
    assert all(name.isidentifier() and name[0].isupper() for name in NAMES)
