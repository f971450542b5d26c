"""The metric lines the deployed function writes to its log in the local stack."""

from collections.abc import Iterator
from typing import Any

import pytest

from ingest.contract import RECONCILE_MESSAGE, Metric
from ingest.metrics.emf import Value
from loadtest.scenarios.figures import MetricLine, read_emf

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]

FEED = "measured"
ROWS = {
    "rows_read": Metric.ROWS_READ,
    "rows_written": Metric.ROWS_WRITTEN,
    "rows_rejected": Metric.ROWS_REJECTED,
    "rows_superseded": Metric.ROWS_SUPERSEDED,
    "bytes_read": Metric.BYTES_READ,
}


def reported_by(stack: Any) -> Iterator[MetricLine]:
    """Yield the metrics emitted so far; each line that looks like metrics must be valid."""
    for line in stack.log_lines():
        if '"_aws"' in line:
            reported = read_emf(line)
            assert reported is not None, line
            yield reported


def values_of(stack: Any, metric: str, feed: str = FEED) -> list[float]:
    """Return all values of a metric that were emitted for a feed."""
    found: list[Value] = [
        reported.values[metric]
        for reported in reported_by(stack)
        if reported.feed == feed and metric in reported.values
    ]
    return [number for value in found for number in ([value] if isinstance(value, (int, float)) else value)]


def readings(meter: str, count: int, *, bad: int = 0, note: str = "") -> bytes:
    lines = [f"{meter},{n},{note}\n" for n in range(count)] + [f"{meter},x{n},{note}\n" for n in range(bad)]
    return ("meter,at,note\n" + "".join(lines)).encode()


def reported_of_files(stack: Any) -> dict[str, list[float]]:
    outcomes = (Metric.FILES_COMPLETED, Metric.FILES_FAILED, Metric.FILES_DUPLICATE)
    return {metric: values_of(stack, metric) for metric in outcomes}


def test_what_is_reported_of_good_bad_failed_split_and_doubled_files_adds_up_to_the_ledger(
    stack: Any, pytestconfig: pytest.Config
) -> None:
    files = {
        "good": readings("good", 30),
        "bad": readings("bad", 20, bad=5) + b"bad,7,again\n",
        "failed": readings("failed", 10, bad=40),
        "headless": b"no,head\n1,2\n",
        "large": readings("large", 2500, note="x" * 8000),  # three segments of 8 MiB
    }
    with stack.without_notifications():
        etag = stack.drop(f"{FEED}/doubled.csv", readings("doubled", 3))
    for name, data in files.items():
        stack.drop(f"{FEED}/{name}.csv", data)
    notice = stack.notification(f"{FEED}/doubled.csv", sequencer="0A", etag=etag, size=len(readings("doubled", 3)))
    stack.send(notice, notice)
    entries = {name: stack.final_entry(f"{FEED}/{name}.csv") for name in (*files, "doubled")}
    stack.wait_until_quiet()
    outcomes = stack.wait_for(
        lambda: next((o for o in [reported_of_files(stack)] if sum(map(len, o.values())) >= 7), None)
    )
    assert outcomes == {Metric.FILES_COMPLETED: [1] * 4, Metric.FILES_FAILED: [1] * 2, Metric.FILES_DUPLICATE: [1]}
    for name, metric in ROWS.items():
        assert sum(values_of(stack, metric)) == sum(int(entry[name]) for entry in entries.values()), metric
    assert [int(entries["bad"][name]) for name in ROWS][:4] == [26, 20, 5, 1]
    assert values_of(stack, Metric.SEGMENTS_DONE) == [1] * 3
    assert len(values_of(stack, Metric.EVENT_TO_VISIBLE)) == 4
    assert_writing_is_reported(stack, entries, is_fast=pytestconfig.getoption("writer") != "boto3")
    stacks = {reported.stack for reported in reported_by(stack)}
    assert len(stacks) == 1


def assert_writing_is_reported(stack: Any, entries: dict[str, Any], *, is_fast: bool) -> None:
    written = {name: int(entry["rows_written"]) for name, entry in entries.items()}
    units = sum(written.values()) + 7 * written["large"]  # its items are of 8 units, the others of 1
    assert sum(values_of(stack, Metric.WRITE_UNITS)) == units
    assert sum(values_of(stack, Metric.ITEMS_SENT)) == sum(written.values())  # nothing was throttled
    assert set(values_of(stack, Metric.UNPROCESSED_SHARE)) == {0}
    assert max(values_of(stack, Metric.ROWS_PER_SECOND)) > 0  # 0 where all rows of a file were rejected
    if is_fast:
        requests = sum(values_of(stack, Metric.REQUESTS_SENT))
        latencies = values_of(stack, Metric.REQUEST_LATENCY)
        assert 0 < len(latencies) <= requests
        assert all(0 < value < 60_000 for value in latencies)


def test_the_reconciler_reports_the_age_of_the_oldest_file_also_where_there_is_none(stack: Any) -> None:
    before = len(values_of(stack, Metric.OLDEST_UNFINISHED_FILE))
    stack.send(RECONCILE_MESSAGE)
    ages = stack.wait_for(
        lambda: next((a for a in [values_of(stack, Metric.OLDEST_UNFINISHED_FILE)] if len(a) > before), None)
    )
    assert ages[-1] >= 0
    assert len(values_of(stack, Metric.OLDEST_UNFINISHED_FILE, "catalog")) > 0
