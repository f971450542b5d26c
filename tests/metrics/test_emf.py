"""EMF lines are valid by CloudWatch's specification, and are read back as they were written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import METRIC_NAMESPACE, Dimension, Metric
from ingest.metrics.emf import MOST_VALUES, Value, emf_line
from loadtest.scenarios.figures import MetricLine, read_emf

NAMES = sorted(Metric)
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
CLOUDWATCH_UNITS = {"Count", "Bytes", "Seconds", "Milliseconds", "Percent", "Count/Second"}

numbers = st.integers(0, 2**53) | st.floats(0, 1e15)
reported_values = st.dictionaries(
    st.sampled_from(NAMES), numbers | st.lists(numbers, min_size=1, max_size=MOST_VALUES), min_size=1
)


def document_of(values: dict[str, Value]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(emf_line("Ingest", "orders", values, at_s=1_795_342_272.3456))
    return document


@given(reported_values)
def test_a_line_is_valid_by_the_specification(values: dict[str, Value]) -> None:
    document = document_of(values)
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    assert document["_aws"]["Timestamp"] == 1_795_342_272_346  # whole milliseconds
    assert directive["Namespace"] == METRIC_NAMESPACE
    assert directive["Dimensions"] == [["Stack"], ["Stack", "Feed"]]
    assert all(isinstance(document[name], str) for some in directive["Dimensions"] for name in some)
    assert 1 <= len(directive["Metrics"]) <= 100
    for metric in directive["Metrics"]:
        assert metric["Unit"] in CLOUDWATCH_UNITS
        value = document[metric["Name"]]
        for number in value if isinstance(value, list) else [value]:
            assert isinstance(number, (int, float)) and not isinstance(number, bool)


@given(reported_values, st.sampled_from(["orders", "-", 'Zürich "x"']))
def test_a_line_is_read_as_it_was_reported(values: dict[str, Value], feed: str) -> None:
    assert read_emf(emf_line("Ingest", feed, values, at_s=12.5)) == MetricLine("Ingest", feed, values, 12.5)


def test_all_metrics_there_are_fit_in_one_line() -> None:
    (directive,) = document_of(dict.fromkeys(NAMES, 1))["_aws"]["CloudWatchMetrics"]
    assert [metric["Name"] for metric in directive["Metrics"]] == NAMES


def test_names_are_spelled_once_and_are_not_dimensions() -> None:
    assert len(NAMES) == len(Metric.__members__)
    assert all(name.isidentifier() and name[0].isupper() for name in NAMES)
    assert {Dimension.STACK, Dimension.FEED, "_aws"}.isdisjoint(NAMES)


def test_durations_bytes_and_shares_have_their_units() -> None:
    values: dict[str, Value] = dict.fromkeys(("EventToVisible", "RequestLatency", "BytesRead", "UnprocessedShare"), 1)
    (directive,) = document_of(values)["_aws"]["CloudWatchMetrics"]
    assert [metric["Unit"] for metric in directive["Metrics"]] == ["Seconds", "Milliseconds", "Bytes", "Percent"]


def test_only_metrics_of_the_table_are_written() -> None:
    with pytest.raises(ValueError, match="'RowsLost' is not in the table"):
        emf_line("Ingest", "orders", {"RowsLost": 1}, at_s=0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1.0] * 101])
def test_what_cloudwatch_would_drop_is_refused(value: Value) -> None:
    with pytest.raises(ValueError, match=r"RequestLatency|JSON compliant"):
        emf_line("Ingest", "orders", {Metric.REQUEST_LATENCY: value}, at_s=0)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "REPORT RequestId: 1 Duration: 2 ms",
        '{"level":"INFO","message":"file closed","service":"ingest"}',
        '{"message":"CsvIngest"}',
        "CsvIngest",
        '{"_aws":{"CloudWatchMetrics":[{"Namespace":"CsvIngest","Metrics":[{"Name":"RowsRead"}]}],"Timestamp":1}}',
        '["_aws","CsvIngest"]',
        '{"_aws":{"CloudWatchMetrics":[{"Namespace":"CsvIngestOther","Metrics":[]}],"Timestamp":1},"Stack":"s"}',
    ],
)
def test_other_lines_of_a_log_report_nothing(line: str) -> None:
    assert read_emf(line) is None


def test_a_line_that_lambda_ended_with_a_line_break_is_read() -> None:
    assert read_emf(emf_line("s", "f", {"RowsRead": 1}, at_s=0) + "\n") == MetricLine("s", "f", {"RowsRead": 1}, 0.0)
