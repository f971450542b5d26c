"""Whatever an alarm or a widget watches is what the deployed function really reports, in the local stack."""

import json
from typing import Any

import pytest

from infra import bundle
from infra.local.synth import synthesise
from infra.monitoring.run import fields_of
from infra.monitoring.template import MetricName, watched, widgets_of
from ingest.contract import METRIC_NAMESPACE, Dimension
from loadtest.scenarios.observe.command import FEEDS, observe
from tests.support.rare_metrics import reported_rarely

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("monitoring")]

SECONDS = 15.0


@pytest.fixture(scope="module")
def observed() -> dict[str, Any]:
    """What a mixed load reported: good and bad rows, failed, split, doubled and stale files, poison, throttles."""
    return observe(seconds=SECONDS, seed=1, patience_s=180, say=lambda line: None)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    (path,) = synthesise(FEEDS, code=bundle.build(bundle.HOST, FEEDS)).glob("*.template.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_every_metric_that_is_watched_is_reported_with_these_dimensions(
    observed: dict[str, Any], template: dict[str, Any]
) -> None:
    emitted = {
        MetricName(one["namespace"], one["name"], tuple(sorted(one["dimensions"].items())))
        for one in observed["metrics"]
    }
    ours = {metric for metric in watched(template) if metric.namespace == METRIC_NAMESPACE}
    ours -= {metric for metric in ours if (Dimension.FEED, "orphans") in metric.dimensions}  # its table is missing
    stack = ((Dimension.STACK, observed["stack"]),)
    by_the_reporter = {MetricName(METRIC_NAMESPACE, name, stack) for one in reported_rarely("x") for name in one.values}
    assert ours - emitted - by_the_reporter == set()
    assert len(ours & emitted) >= 20  # most of it was seen, not argued


def test_every_field_of_a_log_query_is_in_the_lines_it_asks_for(
    observed: dict[str, Any], template: dict[str, Any]
) -> None:
    queries = [w["properties"]["query"] for w in widgets_of(template) if w["type"] == "log"]
    (failures, slowest) = [query for query in queries if "file closed" in query]
    lines = observed["log"]["closed"]
    failed = [line for line in lines if line["status"] == "FAILED"]
    assert failed and fields_of(failures) <= set(failed[0]) | {"@timestamp"}
    assert all(fields_of(slowest) <= set(line) for line in lines)
