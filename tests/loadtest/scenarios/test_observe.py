"""What an observed run drops, and how it reads what the function reported."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from ingest.contract import Metric
from ingest.metrics.emf import emf_line
from loadtest.scenarios.figures import FunctionLog, Invocation
from loadtest.scenarios.observe.command import (
    BURST_FILES,
    LARGE_ROWS,
    SEQUENCERS,
    TABLE_UNITS_PER_S,
    MetricSamples,
    TimedDrop,
    perform,
    schedule,
)


class RecordingStackClient:
    """Keeps what is dropped and sent."""

    def __init__(self) -> None:
        self.dropped: dict[str, bytes] = {}
        self.sent: list[str] = []

    def drop(self, key: str, data: bytes) -> str:
        self.dropped[key] = data
        return "etag"

    def send(self, body: str) -> None:
        self.sent.append(body)

    def notification(self, key: str, *, sequencer: str, etag: str, size: int) -> str:
        return sequencer


def performed(drop: TimedDrop) -> Any:
    stack_client: Any = RecordingStackClient()
    perform(drop, stack_client, seed=1)
    return stack_client


def values(samples: MetricSamples) -> dict[str, Any]:
    return {one["name"]: one["values"] for one in samples.document()}


def test_a_run_has_a_steady_stream_and_everything_that_can_go_wrong() -> None:
    drops = schedule(60, seed=1)
    assert [drop.at_s for drop in drops] == sorted(drop.at_s for drop in drops)
    assert drops == schedule(60, seed=1) != schedule(60, seed=2)
    assert {"orders", "visits", "bad_rows", "large", "broken", "again", "poison", "burst", "orphans"} == {
        drop.kind for drop in drops
    }


def test_bad_rows_have_no_number_for_a_quantity() -> None:
    ((key, data),) = performed(TimedDrop(0, "bad_rows", 3)).dropped.items()
    head, *lines = [line.split(",") for line in data.decode().splitlines()]
    bad = [line for line in lines if not line[head.index("quantity")].lstrip("-").replace(".", "").isdigit()]
    assert key.startswith("orders/") and 0 < len(bad) < len(lines) / 20


def test_a_large_file_is_large_and_a_burst_is_many() -> None:
    ((_, data),) = performed(TimedDrop(0, "large", 3)).dropped.items()
    assert data.count(b"\n") == LARGE_ROWS + 1 and len(data) > LARGE_ROWS * 8000
    burst = [drop for drop in schedule(60, seed=1) if drop.kind == "burst"]
    assert len({data for drop in burst for data in performed(drop).dropped.values()}) == BURST_FILES


def test_notifications_of_a_file_come_again_older_and_twice_newer() -> None:
    assert performed(TimedDrop(0, "again", 3)).sent == list(SEQUENCERS)


def test_metrics_count_once_for_the_stack_and_once_for_the_feed() -> None:
    samples = MetricSamples(100.0)
    values = [[2, 2, 5], 2]
    lines = [(0.0, emf_line("s", "f", {Metric.REQUEST_LATENCY: value}, at_s=103.5)) for value in values]
    samples.add_log(FunctionLog.of(lines), function="x")
    assert [(one["dimensions"], one["values"]) for one in samples.document()] == [
        ({"Feed": "f", "Stack": "s"}, [[3, 2.0, 3], [3, 5.0, 1]]),
        ({"Stack": "s"}, [[3, 2.0, 3], [3, 5.0, 1]]),
    ]


def test_what_was_reported_before_the_beginning_is_left_out() -> None:
    samples = MetricSamples(100.0)
    samples.add("N", "M", {}, 99.9, 1)
    assert samples.document() == []


def test_invocations_are_counted_at_once() -> None:
    samples = MetricSamples(100.0)
    ran = [Invocation(103.5, 2.5, 1769, 115), Invocation(104.0, 1.0, 1769, 115)]
    samples.add_log(FunctionLog(invocations=ran), function="f")
    found = values(samples)
    assert found["Duration"] == [[3, 2500.0, 1], [4, 1000.0, 1]]
    assert max(value for _, value, _ in found["ConcurrentExecutions"]) == 2
    assert Counter(second for second, value, _ in found["ConcurrentExecutions"] if value == 2) == {3: 1}


def test_the_local_dashboard_shows_the_limit_that_the_tables_have() -> None:
    stages = json.loads((Path(__file__).parents[3] / "cdk.json").read_text())["context"]["stages"]
    assert stages["local"]["prices"]["table_write_units"] == TABLE_UNITS_PER_S
