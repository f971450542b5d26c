"""The reference writer: real boto3 up to the request, behind it a scripted DynamoDB that refuses as the real one."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dynamodb.item_writer import NullWriter, WriteResult
from ingest.dynamodb.writers import SLICE_ITEMS, Boto3Writer
from ingest.errors import AccessDenied, IngestError, ServiceFault, TableMissing, Throttled, Unavailable
from ingest.feeds.feed import Feed
from ingest.items.items import Items, Refusal, build_items
from ingest.items.mapping import map_columns
from ingest.reading.rows import Rows
from tests.support.clients import session
from tests.support.fakes import no_heartbeat

FEED = Feed("f/", "Orders", "id", columns={"n": "N"})
Written = dict[str, dict[str, str]]


class ScriptedDynamoDB:
    """Answers BatchWriteItem: refuses a whole batch for one bad item, leaves items over, or fails, as scripted."""

    def __init__(
        self,
        *,
        refuse: Callable[[Written], bool] = lambda item: False,
        script: list[Exception | str | int] | None = None,
    ) -> None:
        self.table = session().resource("dynamodb").Table("Orders")
        self.table.meta.client.meta.events.register("before-call.dynamodb.BatchWriteItem", self._answer)  # type: ignore[arg-type]
        self.items: dict[str, Written] = {}
        self.batches: list[int] = []
        self._refuse = refuse
        self._script = iter(script or [])

    def _answer(self, params: dict[str, Any], **_: object) -> tuple[Any, dict[str, Any]]:
        requests = json.loads(params["body"])["RequestItems"]["Orders"]
        items: list[Written] = [request["PutRequest"]["Item"] for request in requests]
        self.batches.append(len(items))
        assert 0 < len(items) <= 25
        assert len({item["id"]["S"] for item in items}) == len(items), "the same key twice in one batch"
        step = next(self._script, 0)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, str):
            return failed(step, "scripted")
        if any(map(self._refuse, items)):
            return failed("ValidationException", "one of them is wrong")
        taken = len(items) - step
        self.items |= {item["id"]["S"]: item for item in items[:taken]}
        left = {"Orders": requests[taken:]} if step else {}
        return SimpleNamespace(status_code=200), {"UnprocessedItems": left}


def failed(code: str, message: str) -> tuple[Any, dict[str, Any]]:
    return SimpleNamespace(status_code=400), {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {}}


def items(count: int, numbers: dict[int, str] | None = None) -> Items:
    """Return items 0, 1, ...; `numbers` gives some of them a number."""
    columns = {
        "id": pa.array([str(n) for n in range(count)], pa.string()),
        "n": pa.array([(numbers or {}).get(n) for n in range(count)], pa.string()),
    }
    made, faults = build_items(Rows(pa.table(columns), None, []), map_columns(FEED, ("id", "n")))
    assert faults == []
    return made


@pytest.mark.parametrize("count", [0, 1, 25, 26, SLICE_ITEMS, SLICE_ITEMS + 1, 2 * SLICE_ITEMS + 30])
def test_all_items_are_put_in_batches(count: int) -> None:
    dynamodb = ScriptedDynamoDB()
    assert Boto3Writer(dynamodb.table).write(items(count), no_heartbeat) == WriteResult()
    assert set(dynamodb.items) == {str(n) for n in range(count)}
    assert sum(dynamodb.batches) == count


def test_items_are_sent_in_dynamodbs_types() -> None:
    dynamodb = ScriptedDynamoDB()
    Boto3Writer(dynamodb.table).write(items(2, {1: "1.50"}), no_heartbeat)
    assert dynamodb.items == {"0": {"id": {"S": "0"}}, "1": {"id": {"S": "1"}, "n": {"N": "1.50"}}}


def test_what_dynamodb_leaves_over_is_put_again() -> None:
    dynamodb = ScriptedDynamoDB(script=[5, 25, 1, 0, 3])
    assert Boto3Writer(dynamodb.table).write(items(60), no_heartbeat) == WriteResult()
    assert len(dynamodb.items) == 60


@pytest.mark.parametrize("bad", [{0}, {59}, {24, 25}, {3, 4, 5}, set(range(60)), {0, 30, 59}])
def test_refused_items_stand_alone_and_the_others_are_durable(bad: set[int]) -> None:
    dynamodb = ScriptedDynamoDB(refuse=lambda item: int(item["id"]["S"]) in bad)
    refusals = Boto3Writer(dynamodb.table).write(items(60), no_heartbeat).refusals
    assert refusals == [Refusal(row, "one of them is wrong") for row in sorted(bad)]
    assert set(dynamodb.items) == {str(n) for n in range(60) if n not in bad}


@settings(max_examples=settings.default.max_examples // 2)  # type: ignore[union-attr]
@given(st.integers(1, 80), st.sets(st.integers(0, 79), max_size=6))
def test_every_item_is_written_or_refused(count: int, bad: set[int]) -> None:
    dynamodb = ScriptedDynamoDB(refuse=lambda item: int(item["id"]["S"]) in bad)
    refused = {refusal.row for refusal in Boto3Writer(dynamodb.table).write(items(count), no_heartbeat).refusals}
    assert refused == {row for row in bad if row < count}
    assert set(dynamodb.items) == {str(n) for n in range(count) if n not in bad}


def test_one_refused_item_among_a_thousand_costs_few_requests() -> None:
    dynamodb = ScriptedDynamoDB(refuse=lambda item: item["id"]["S"] == "700")
    assert [
        refusal.row for refusal in Boto3Writer(dynamodb.table).write(items(SLICE_ITEMS), no_heartbeat).refusals
    ] == [700]
    assert len(dynamodb.batches) < 3 * SLICE_ITEMS / 25


def test_a_refused_item_of_a_later_slice_keeps_its_place() -> None:
    dynamodb = ScriptedDynamoDB(refuse=lambda item: item["id"]["S"] == "1010")
    result = Boto3Writer(dynamodb.table).write(items(SLICE_ITEMS + 20), no_heartbeat)
    assert [refusal.row for refusal in result.refusals] == [1010]


def test_a_number_boto3_cannot_send_is_a_refusal_of_its_item_alone() -> None:
    """38 digits at the lowest exponent: within what DynamoDB documents, beyond boto3's decimal context."""
    dynamodb = ScriptedDynamoDB()
    refusals = (
        Boto3Writer(dynamodb.table)
        .write(items(60, {7: "1.2222222222222222222222222222222222222E-130", 8: "1"}), no_heartbeat)
        .refusals
    )
    assert [refusal.row for refusal in refusals] == [7]
    assert "boto3" in refusals[0].message
    assert len(dynamodb.items) == 59


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("ProvisionedThroughputExceededException", Throttled),
        ("ThrottlingException", Throttled),
        ("RequestLimitExceeded", Throttled),
        ("InternalServerError", Unavailable),
        ("ResourceNotFoundException", TableMissing),
        ("AccessDeniedException", AccessDenied),
        ("ItemCollectionSizeLimitExceededException", ServiceFault),
        (EndpointConnectionError(endpoint_url="u"), Unavailable),
    ],
)
def test_a_failing_table_is_a_service_fault_that_names_it(step: Any, kind: type[IngestError]) -> None:
    dynamodb = ScriptedDynamoDB(script=[0, step])
    with pytest.raises(kind, match="writing to table Orders"):
        Boto3Writer(dynamodb.table).write(items(60), no_heartbeat)
    assert len(dynamodb.batches) == 2  # nothing is tried behind our back
    assert len(dynamodb.items) == 25


def test_a_failure_while_halving_is_a_service_fault() -> None:
    dynamodb = ScriptedDynamoDB(script=["ValidationException", "ThrottlingException"])
    with pytest.raises(Throttled):
        Boto3Writer(dynamodb.table).write(items(10), no_heartbeat)


def test_the_null_writer_takes_everything() -> None:
    assert NullWriter().write(items(5), no_heartbeat) == WriteResult()
