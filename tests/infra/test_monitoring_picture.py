"""A run's metrics, aggregated as CloudWatch would and drawn as the dashboard lays them out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from infra.monitoring.arithmetic import evaluate
from infra.monitoring.graphs import REDS
from infra.monitoring.picture import FEEDS, MARK, PICTURE, RUN, WHOLE, fingerprint, picture
from infra.monitoring.run import Run, columns_of, fields_of, run_query
from infra.monitoring.template import MetricName, Plot
from infra.settings import read_settings
from ingest.contract import METRIC_NAMESPACE

Template = dict[str, Any]
NAN = np.nan
ROWS = MetricName(METRIC_NAMESPACE, "RowsRead", (("Stack", "s"),))
DEPTH = MetricName("AWS/SQS", "Depth", (("QueueName", "${Queue1.QueueName}"),))
CLOSED = [
    {"message": "file closed", "status": "COMPLETE", "file": "a", "seconds": 2.5, "timestamp": "1"},
    {"message": "file closed", "status": "FAILED", "file": "b", "seconds": 0.5, "timestamp": "2"},
    {"message": "file closed", "status": "UNBALANCED", "file": "c", "seconds": 9.0, "timestamp": "3"},
    {"message": "other", "status": "FAILED", "file": "d", "seconds": 1.0, "timestamp": "4"},
]


def series(*values: float) -> Any:
    return np.array(values, dtype=float)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + 2 * b", [NAN, 12, NAN]),
        ("FILL(a, 0) - FILL(b, 1)", [-5, -3, 3]),
        ("a / (b - 5)", [NAN, NAN, NAN]),  # a division by 0 has no result, nor has missing data
        ("IF((FILL(a, 0) > 1) AND (FILL(b, 9) == 5), 1, 0)", [0, 1, 0]),
        ("IF((a > 3) OR (a < 3), 1, 0)", [NAN, 1, 1]),
        ("b / PERIOD(b)", [0.5, 0.5, NAN]),
    ],
)
def test_metric_math(expression: str, expected: list[float]) -> None:
    found = evaluate(expression, {"a": series(NAN, 2, 4), "b": series(5, 5, NAN)}, 10)
    np.testing.assert_array_equal(found, series(*expected))


@pytest.mark.parametrize("expression", ["SEARCH('x')", "a ** b", "unknown + 1"])
def test_unsupported_metric_math_is_refused(expression: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        evaluate(expression, {"a": series(1), "b": series(1)}, 10)


def small_run() -> Run:
    values = [[0, 1.0, 1], [4, 3.0, 2], [12, 100.0, 1]]
    metrics = [
        {"namespace": METRIC_NAMESPACE, "name": "RowsRead", "dimensions": {"Stack": "s"}, "values": values},
        {"namespace": "AWS/SQS", "name": "Depth", "dimensions": {"QueueName": "q"}, "values": [[1, 5.0, 1]]},
    ]
    log: dict[str, Any] = {"closed": [], "memory": []}
    return Run({"stack": "s", "seconds": 15, "names": {"Queue1": "q"}, "metrics": metrics, "log": log})


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [("Sum", [7, NAN, 100]), ("Maximum", [3, NAN, 100]), ("p50", [3, NAN, 100]), ("SampleCount", [3, NAN, 1])],
)
def test_samples_are_summed_up_by_period(statistic: str, expected: list[float]) -> None:
    np.testing.assert_array_equal(small_run().of_metric(ROWS, statistic, 5), series(*expected))


def test_a_resource_is_found_by_the_name_it_had_in_the_run() -> None:
    np.testing.assert_array_equal(small_run().of_metric(DEPTH, "Maximum", 5), series(5, NAN, NAN))


def test_metrics_only_aws_has_are_unknown_and_our_own_without_data_are_empty() -> None:
    run = small_run()
    age = Plot("age", {"stat": "Maximum"}, MetricName("AWS/SQS", "Age", DEPTH.dimensions))
    failed = Plot("failed", {"stat": "Sum"}, MetricName(METRIC_NAMESPACE, "FilesFailed", (("Stack", "s"),)))
    both = Plot("", {}, expression="age + failed")
    assert run.of_line(age, [age], 5) is None
    assert run.of_line(both, [age, failed, both], 5) is None
    np.testing.assert_array_equal(run.of_line(failed, [failed], 5), series(NAN, NAN, NAN))


def test_a_log_query_gives_the_table_it_asks_for() -> None:
    query = (
        "SOURCE 'log' | fields @timestamp, status, file\n"
        '| filter message = "file closed" and (status = "FAILED" or status = "UNBALANCED")\n'
        "| sort @timestamp desc\n| limit 5"
    )
    assert columns_of(query) == ["@timestamp", "status", "file"]
    assert run_query(query, list(CLOSED)) == [["3", "UNBALANCED", "c"], ["2", "FAILED", "b"]]
    assert fields_of(query) == {"@timestamp", "status", "file", "message"}


def test_the_slowest_come_first() -> None:
    query = "SOURCE 'log' | fields file\n| filter message = \"file closed\"\n| sort seconds desc\n| limit 2"
    assert run_query(query, list(CLOSED)) == [["c"], ["a"]]


@pytest.fixture(scope="module")
def local(synthesised: Callable[..., Template]) -> Template:
    """The template of the run whose figures are in the picture."""
    import json

    stages = json.loads((Path(__file__).parents[2] / "cdk.json").read_text())["context"]["stages"]
    return synthesised(read_settings(stages, "local"), FEEDS.read_text())


@pytest.mark.parametrize("path", [PICTURE, WHOLE], ids=lambda path: path.name)
def test_a_picture_in_the_docs_is_of_todays_dashboard_and_the_committed_run(local: Template, path: Path) -> None:
    from PIL import Image

    with Image.open(path) as image:
        assert image.info[MARK] == fingerprint(local, RUN.read_bytes()), "run python -m infra.monitoring.picture"


@pytest.mark.parametrize(("path", "tall", "most_kb"), [(PICTURE, 1_000, 100), (WHOLE, 3_300, 250)])
def test_a_picture_is_as_wide_as_a_page_small_and_holds_more_than_white(path: Path, tall: int, most_kb: int) -> None:
    pixels = imread(path)
    assert pixels.shape[1] == 1500 and pixels.shape[0] < tall
    assert path.stat().st_size < most_kb * 1000
    colours = (pixels[..., :3] * 255).round().astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    assert len(np.unique(colours)) > 50


@pytest.fixture(scope="module")
def figure(local: Template) -> Figure:
    """The whole dashboard, drawn once: that takes a second."""
    return picture(local, Run.read(RUN))


def test_every_widget_is_drawn_with_its_title(figure: Figure) -> None:
    words = {text.get_text() for text in figure.texts}
    assert {"Alarms", "Oldest message and file", "Backlog and time to drain", "Throttled requests, by reason"} <= words
    assert any("only in AWS" in word for word in words)


def test_the_first_rows_are_health_and_lag(local: Template) -> None:
    words = {text.get_text() for text in picture(local, Run.read(RUN), rows=2).texts}
    assert {"ingest-local: health", "Lag", "Oldest message and file"} <= words
    assert "Throughput" not in words


def axes_of(figure: Figure, label: str) -> list[Any]:
    return [axes for axes in figure.axes if axes.get_ylabel() == label]


def test_an_alarm_far_above_the_data_does_not_flatten_it_and_is_named(figure: Figure) -> None:
    ages = axes_of(figure, "seconds")[0]
    words = [text.get_text() for text in ages.texts]
    assert any("file alarm at 7,200" in word for word in words)
    assert ages.get_ylim()[1] < 1_000


def test_dollars_have_their_sign_and_fields_are_words(figure: Figure) -> None:
    (dollars,) = axes_of(figure, "dollars")
    assert dollars.yaxis.get_major_formatter()(2, 0) == "$2"
    words = {text.get_text() for text in figure.texts}
    assert any(word.startswith("$") for word in words)
    assert {"time", "rows rejected", "used, MB"} <= words
    assert not any("_mb" in word or word.startswith("@") for word in words)


def test_errors_are_red_and_nothing_else_is(figure: Figure) -> None:
    def colours(label: str) -> set[str]:
        return {str(line.get_color()) for axes in axes_of(figure, label) for line in axes.lines}

    assert colours("rows") <= set(REDS)
    assert not colours("messages") & set(REDS)
