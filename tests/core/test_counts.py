"""Why DynamoDB took less than it was given."""

import json
from dataclasses import astuple, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import Metric
from ingest.core.counts import WriteCounts, throttled_request

COUNTS = st.builds(WriteCounts, *(st.integers(0, 1000) for _ in fields(WriteCounts)))


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
    assert throttled_request(answer(reason, member=member)) == WriteCounts(throttled=1, **{name: 1})


def test_a_request_with_several_reasons_counts_once_for_each() -> None:
    told = answer(
        "TableWriteKeyRangeThroughputExceeded", "IndexWriteKeyRangeThroughputExceeded", "TableWriteAccountLimitExceeded"
    )
    assert throttled_request(told) == WriteCounts(throttled=1, by_key_range=1, by_account=1)


@pytest.mark.parametrize(
    "told", [b"", b"{}", b"[]", b'"x"', b"\xff", b'{"ThrottlingReasons":[]}', b'{"ThrottlingReasons":[1]}']
)
def test_an_answer_that_tells_no_reason_counts_as_other(told: bytes) -> None:
    assert throttled_request(told) == WriteCounts(throttled=1, by_other=1)


@given(COUNTS, COUNTS)
def test_what_came_since_is_what_was_added(before: WriteCounts, more: WriteCounts) -> None:
    assert before.plus(more).since(before) == more


@given(COUNTS)
def test_every_count_is_a_metric(counts: WriteCounts) -> None:
    assert list(counts.metrics().values()) == list(astuple(counts))
    assert set(counts.metrics()) <= set(vars(Metric).values())
