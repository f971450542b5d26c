"""What an observed run drops, and how it reads what the function reported."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from loadtest.dashboard_run.emitted import MetricSamples, add_concurrency, read_log
from loadtest.dashboard_run.run import TABLE_UNITS_PER_S
from loadtest.dashboard_run.uploads import SEQUENCERS, TimedDrop, perform, schedule


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
    assert {"orders", "visits", "bad_rows", "large", "broken", "again", "poison", "burst", "orphan"} == {
        drop.kind for drop in drops
    }


def test_bad_rows_have_no_number_for_a_quantity() -> None:
    ((key, data),) = performed(TimedDrop(0, "bad_rows", 3)).dropped.items()
    lines = data.decode().splitlines()[1:]
    assert key.startswith("orders/") and sum(",many," in line for line in lines) == -(-len(lines) // 40)


def test_notifications_of_a_file_come_again_older_and_twice_newer() -> None:
    assert performed(TimedDrop(0, "again", 3)).sent == list(SEQUENCERS)


def test_metrics_are_read_once_for_each_set_of_dimensions() -> None:
    samples = MetricSamples(100.0)
    directive = {"Namespace": "N", "Dimensions": [["Stack"], ["Stack", "Feed"]], "Metrics": [{"Name": "M"}]}
    document = {"_aws": {"Timestamp": 103_500, "CloudWatchMetrics": [directive]}, "Stack": "s", "Feed": "f"}
    lines = [json.dumps({**document, "M": value}) for value in ([2, 2, 5], 2)]
    read_log([(0, line) for line in lines], samples, function="x")
    assert [(one["dimensions"], one["values"]) for one in samples.document()] == [
        ({"Feed": "f", "Stack": "s"}, [[3, 2.0, 3], [3, 5.0, 1]]),
        ({"Stack": "s"}, [[3, 2.0, 3], [3, 5.0, 1]]),
    ]


def test_what_was_reported_before_the_beginning_is_left_out() -> None:
    samples = MetricSamples(100.0)
    samples.add("N", "M", {}, 99.9, 1)
    assert samples.document() == []


def test_invocations_are_read_from_the_lines_lambda_writes_and_counted_at_once() -> None:
    samples = MetricSamples(100.0)
    report = (
        "REPORT RequestId: r\tDuration: {} ms\tBilled Duration: 1 ms\tMemory Size: 1769 MB\tMax Memory Used: 115 MB"
    )
    events = [(103.5, report.format(2500)), (104.0, report.format(1000.0)), (105.0, "END RequestId: r")]
    found = read_log(events, samples, function="f")
    assert [(run["used_mb"], run["size_mb"]) for run in found["memory"]] == [(115, 1769)] * 2
    add_concurrency(found["memory"], samples, function="f")
    found = values(samples)
    assert found["Duration"] == [[3, 2500.0, 1], [4, 1000.0, 1]]
    assert max(value for _, value, _ in found["ConcurrentExecutions"]) == 2
    assert Counter(second for second, value, _ in found["ConcurrentExecutions"] if value == 2) == {3: 1}


def test_files_that_ended_are_kept_but_not_those_that_only_warmed_up() -> None:
    lines = [
        json.dumps({"message": "file closed", "file": f"s3://b/{key}"}) for key in ("orders/a", "visits/warm-up-1")
    ]
    found = read_log([(0, line) for line in [*lines, "no JSON", "{broken"]], MetricSamples(0), function="f")
    assert [line["file"] for line in found["closed"]] == ["s3://b/orders/a"]


def test_the_local_dashboard_shows_the_limit_that_the_tables_have() -> None:
    stages = json.loads((Path(__file__).parents[3] / "cdk.json").read_text())["context"]["stages"]
    assert stages["local"]["prices"]["table_write_units"] == TABLE_UNITS_PER_S
