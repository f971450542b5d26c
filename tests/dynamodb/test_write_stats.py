"""Why DynamoDB took less than it was given."""

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import Metric
from ingest.dynamodb.write_stats import BUCKETS, NOTHING_WRITTEN, Latencies, WriteStats, throttled_request

NUMBERS = [field.name for field in fields(WriteStats) if field.name != "latencies"]
LATENCIES = st.just(Latencies()) | st.dictionaries(st.integers(0, BUCKETS - 1), st.integers(1, 60)).map(
    lambda some: Latencies(tuple(some.get(bucket, 0) for bucket in range(BUCKETS)))
)
COUNTS = st.builds(WriteStats, **{name: st.integers(0, 1000) for name in NUMBERS}, latencies=LATENCIES)


def answer(*reasons: str, member: str = "ThrottlingReasons") -> bytes:
    return json.dumps(
        {"__type": "x#ThrottlingException", member: [{"reason": r, "resource": "t"} for r in reasons]}
    ).encode()


@pytest.mark.parametrize("member", ["ThrottlingReasons", "throttlingReasons"])
@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("TableWriteKeyRangeThroughputExceeded", "by_key_range"),
        ("IndexWriteKeyRangeThroughputExceeded", "by_key_range"),
        ("TableWriteAccountLimitExceeded", "by_account"),
        ("TableWriteMaxOnDemandThroughputExceeded", "by_maximum"),
        ("TableWriteProvisionedThroughputExceeded", "by_provisioned"),
        ("SomethingNew", "by_other"),
    ],
)
def test_each_reason_has_its_count(reason: str, name: str, member: str) -> None:
    assert throttled_request(answer(reason, member=member)) == WriteStats(throttled=1, **{name: 1})


def test_a_request_with_several_reasons_counts_once_for_each() -> None:
    reported = answer(
        "TableWriteKeyRangeThroughputExceeded", "IndexWriteKeyRangeThroughputExceeded", "TableWriteAccountLimitExceeded"
    )
    assert throttled_request(reported) == WriteStats(throttled=1, by_key_range=1, by_account=1)


@pytest.mark.parametrize(
    "reported", [b"", b"{}", b"[]", b'"x"', b"\xff", b'{"ThrottlingReasons":[]}', b'{"ThrottlingReasons":[1]}']
)
def test_an_answer_that_reports_no_reason_counts_as_other(reported: bytes) -> None:
    assert throttled_request(reported) == WriteStats(throttled=1, by_other=1)


@given(COUNTS, COUNTS)
def test_what_came_since_is_what_was_added(before: WriteStats, more: WriteStats) -> None:
    since = before.plus(more).since(before)
    assert [getattr(since, name) for name in NUMBERS] == [getattr(more, name) for name in NUMBERS]
    assert since.latencies.sample(100) == more.latencies.sample(100)


@given(COUNTS)
def test_every_count_is_a_metric_and_nothing_else_is_but_share_and_latency(counts: WriteStats) -> None:
    reported = counts.metrics()
    assert set(reported) <= set(Metric)
    share, latency = reported.pop(Metric.UNPROCESSED_SHARE, None), reported.pop(Metric.REQUEST_LATENCY, [])
    values = [getattr(counts, name) for name in NUMBERS]
    assert list(reported.values()) == [*values[:6], *filter(None, values[6:])]  # others cost nothing
    assert share == (min(100, 100 * counts.unprocessed / counts.items) if counts.items else None)
    assert latency == counts.latencies.sample(100)


def test_a_writer_that_met_nothing_has_nothing_to_report() -> None:
    before = WriteStats(items=5, latencies=Latencies((1,) * BUCKETS))
    assert NOTHING_WRITTEN.is_nothing
    assert before.since(before).is_nothing
    assert not WriteStats(throttled=1).is_nothing
    assert not before.since(NOTHING_WRITTEN).is_nothing


def test_the_share_left_unprocessed_is_in_percent_of_what_was_sent() -> None:
    assert WriteStats(items=200, requests=8, unprocessed=50).metrics()[Metric.UNPROCESSED_SHARE] == 25.0
