"""Items written one by one: what is sent, what is counted, and what a table that throttles, cuts or refuses gets."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, pairwise
from typing import Any

import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from ingest.dynamodb.item_writer import ResumableWriter, WriteResult
from ingest.dynamodb.rate_limit import ConcurrencyLimiter
from ingest.dynamodb.single_requests import WriteRules, single_requests
from ingest.dynamodb.single_writer import SINGLE_LIMITER, SingleWriter
from ingest.dynamodb.writers import WriterFactory
from ingest.errors import OutOfTime, TableKeysDiffer, Throttled
from ingest.feeds.feed import Feed, KeyAttribute
from ingest.items.items import Items
from loadtest.simulator import Faults, Key, Settings, Simulation, Simulator, Table
from tests.support import tables
from tests.support.clients import session
from tests.support.examples import HALF
from tests.support.fakes import no_heartbeat
from tests.support.tables import any_items, attribute, meaning, read_strictly
from tests.support.write_modes import CHANGES, feed_of, items_of

pytestmark = [
    pytest.mark.allow_hosts(["127.0.0.1"]),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@contextmanager
def simulator(**settings: Any) -> Iterator[tuple[Simulator, Callable[..., SingleWriter]]]:
    """Give a simulator of the table Orders, and what makes a feed's writer to it."""
    made: list[Any] = []

    def writer_for(feed: Feed, **limits: Any) -> SingleWriter:
        dynamodb = session().resource("dynamodb", endpoint_url=running.url)
        writer = WriterFactory(session(), Config(), dynamodb=dynamodb.meta.client).writer_for(feed)
        assert isinstance(writer, SingleWriter)
        for name, value in limits.items():
            setattr(writer.loop, name, value)
        made.extend([writer, dynamodb.meta.client])
        return writer

    with Simulator(Settings(**{"tables": {"Orders": Table(Key("id"))}, "keeps_items": True, **settings})) as running:
        try:
            yield running, writer_for
        finally:
            for one in made:
                one.close()
    gc.collect()


INSERT, NEWEST, UPDATE = feed_of(write="insert"), feed_of(newest="v"), feed_of(write="update")


def rows(number: int, **more: str) -> list[dict[str, str | None]]:
    return [{"id": f"k{n}", "v": str(n), **more} for n in range(number)]


def kept(running: Simulator) -> dict[str, str]:
    return {item["id"]["S"]: item["v"]["N"] for item in running.written_items.items("Orders")}


def expected(number: int) -> dict[str, str]:
    return {f"k{n}": str(n) for n in range(number)}


# --- what is sent ---


def sent(items: Items, rules: WriteRules, **how: Any) -> list[tuple[int, str, dict[str, Any]]]:
    """Return the row, the operation and the body of each request."""
    made = single_requests(items, "Orders", rules, **{"interleave": False, "now_s": 0.0, **how})
    return [(request.rows[0], request.operation, read_strictly(request.body)) for request in made]


def with_keys(items: Items) -> Items:
    """Return items with one more attribute, which is their key."""
    key = attribute("\0key", "S", [f"k{row}" for row in range(len(items))])
    return Items((*items.attributes, key), (KeyAttribute("\0key", "S", ""),), range(len(items)))


@given(any_items())
def test_a_put_holds_the_item_as_a_batch_does(items: Items) -> None:
    made = sent(with_keys(items), WriteRules(is_insert=True))
    assert [row for row, _, _ in made] == list(range(len(items)))
    found = [{name: meaning(value) for name, value in body["Item"].items() if name != "\0key"} for _, _, body in made]
    assert found == tables.sent_by_boto3(items)


@given(any_items(), st.lists(st.booleans(), min_size=5, max_size=5))
def test_an_update_names_what_it_sets_and_removes_and_nothing_else(items: Items, removes: list[bool]) -> None:
    attributes = [replace(a, remove_null=some) for a, some in zip(items.attributes, removes, strict=False)]
    removed = {a.name: a.values.is_null().to_pylist() for a in attributes if a.remove_null and not a.write_null}
    made = sent(with_keys(replace(items, attributes=tuple(attributes))), WriteRules("update"))
    for (row, _, body), item in zip(made, tables.sent_by_boto3(items), strict=True):
        names, values = body.get("ExpressionAttributeNames", {}), body.get("ExpressionAttributeValues", {})
        sets, _, gone = body.get("UpdateExpression", "").partition("REMOVE ")
        pairs = [pair.split("=") for pair in sets.strip().removeprefix("SET ").split(",") if pair]
        assert {names[name]: meaning(values[value]) for name, value in pairs} == item
        assert {names[name] for name in gone.split(",") if name} == {name for name in removed if removed[name][row]}
        assert names.keys() == {name for name, _ in pairs} | {name for name in gone.split(",") if name}
        assert values.keys() == {value for _, value in pairs}
        assert all(member not in ({}, "") for member in body.values())


def test_rows_of_one_partition_key_are_sent_apart_if_asked() -> None:
    keys = tuple(KeyAttribute(name, "S", name) for name in ("p", "s"))
    columns = (attribute("p", "S", ["a"] * 20 + ["b"] * 20), attribute("s", "S", [str(n) for n in range(40)]))
    items = Items(columns, keys, range(40))
    made = sent(items, WriteRules(is_insert=True), interleave=True)
    assert all(one["Item"]["p"] != other["Item"]["p"] for (_, _, one), (_, _, other) in pairwise(made))
    assert [int(body["Item"]["s"]["S"]) for _, _, body in made] == [row for row, _, _ in made]
    assert sorted(row for row, _, _ in made) == list(range(40))


def test_each_row_is_sent_by_the_operation_it_asks_for() -> None:
    feed = feed_of(operation=CHANGES, newest="v")
    items = items_of(feed, [{"id": op, "v": "1", "op": op} for op in "UDIDU"])
    made = sent(items, WriteRules.of(feed))
    assert sorted((row, operation) for row, operation, _ in made) == [
        (0, "UpdateItem"),
        (1, "DeleteItem"),
        (2, "PutItem"),
        (3, "DeleteItem"),
        (4, "UpdateItem"),
    ]


# --- what becomes of it ---


@pytest.mark.parametrize("number", [0, 1, 700])
@pytest.mark.parametrize("feed", [INSERT, NEWEST, UPDATE], ids=["insert", "newest", "update"])
def test_all_items_are_in_the_table_when_it_returns(number: int, feed: Feed) -> None:
    noted: list[int] = []
    with simulator() as (running, writer_for):
        result = writer_for(feed).write(
            items_of(feed, rows(701)).slice(0, number), no_heartbeat, lambda rows, _: noted.extend(rows)
        )
        assert result == WriteResult()
        assert kept(running) == expected(number)
        assert running.statistics.requests == number
    assert sorted(noted) == list(range(number))


def test_what_is_skipped_is_noted_by_why_and_no_row_twice() -> None:
    noted: list[tuple[int, str]] = []
    with simulator(faults=Faults(throttled=0.1, reset_after=0.1)) as (_, writer_for):
        writer_for(INSERT).write(items_of(INSERT, rows(100)[::2], file_id="c" * 20), no_heartbeat)
        items = items_of(INSERT, rows(100))
        result = writer_for(INSERT).write(
            items, no_heartbeat, lambda rows, why: noted.extend((row, why) for row in rows)
        )
    assert result == WriteResult(skipped={"exists": list(range(0, 100, 2))})
    assert sorted(noted) == [(row, "" if row % 2 else "exists") for row in range(100)]


def test_a_small_table_gets_all_rows_in_the_end_and_is_not_asked_for_much_more_than_it_takes() -> None:
    simulation = Simulation(mode="provisioned", provisioned_units_per_s=400, burst_s=0.1)
    with simulator(simulation=simulation) as (running, writer_for):
        writer = writer_for(NEWEST)
        assert writer.write(items_of(NEWEST, rows(1200)), no_heartbeat) == WriteResult()
        assert kept(running) == expected(1200)
        counts = writer.stats
        assert counts.throttled == counts.by_provisioned == running.statistics.document()["throttled_requests"] > 0
        assert counts.retries == counts.requests - 1200 < 3 * 1200


def test_it_counts_requests_and_write_units_also_of_conditions_that_are_refused() -> None:
    with simulator() as (_, writer_for):
        writer, large = writer_for(NEWEST), "x" * 2000
        writer.write(items_of(NEWEST, rows(40, note=large)), no_heartbeat)
        assert (writer.stats.items, writer.stats.units, writer.stats.requests) == (40, 80, 40)
        older: list[dict[str, str | None]] = [{**row, "v": "-1"} for row in rows(40)]
        assert len(writer.write(items_of(NEWEST, older), no_heartbeat).skipped["older"]) == 40
        assert (writer.stats.items, writer.stats.units) == (80, 120)
        assert sum(writer.stats.latencies.counts) == 80


def test_more_requests_may_be_under_way_than_of_batches() -> None:
    with simulator(latency_s=0.2) as (running, writer_for):
        writer = writer_for(INSERT)
        assert writer.loop.limiter == SINGLE_LIMITER
        writer.write(items_of(INSERT, rows(3000)), no_heartbeat)
        assert running.statistics.document()["max_in_flight"] == 256


def test_a_table_of_other_keys_ends_the_load() -> None:
    with simulator(tables={"Orders": Table(Key("pk"))}) as (running, writer_for):
        with pytest.raises(TableKeysDiffer, match="Table Orders has other keys than the feed"):
            writer_for(INSERT, limiter=ConcurrencyLimiter.fixed(4)).write(items_of(INSERT, rows(100)), no_heartbeat)
        assert running.statistics.requests <= 4


def test_a_table_that_takes_nothing_for_too_long_is_a_service_fault() -> None:
    with simulator(faults=Faults(throttled=1.0)) as (_, writer_for), pytest.raises(Throttled, match="Orders"):
        writer_for(INSERT, _patience_s=0.4).write(items_of(INSERT, rows(10)), no_heartbeat)


@pytest.mark.parametrize("feed", [INSERT, NEWEST, UPDATE], ids=["insert", "newest", "update"])
@pytest.mark.parametrize("stops_at", [1, 150, 290])
def test_who_goes_on_after_a_stop_writes_the_rest_and_counts_each_row_once(feed: Feed, stops_at: int) -> None:
    """Some requests were under way: their rows were written, and no one knows."""
    beats = iter(range(stops_at))

    def stops() -> None:
        if next(beats, None) is None:
            raise OutOfTime("The time is over, as scripted.")

    items = items_of(feed, rows(300))
    with simulator(faults=Faults(reset_after=0.05)) as (running, writer_for):
        first, second = ResumableWriter(writer_for(feed)), ResumableWriter(writer_for(feed))
        with pytest.raises(OutOfTime):
            first.write(items, stops)
        second.begin(first.written)
        assert second.write(items, no_heartbeat) == WriteResult()
        assert kept(running) == expected(300)


# --- any order of the same versions ---


VERSIONS = feed_of(operation=CHANGES, newest="v", tombstone="1d")
CHANGE = st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.sampled_from("ID"))
NUMBERS = count()


@pytest.fixture(scope="module")
def orders() -> Iterator[tuple[Simulator, SingleWriter]]:
    """One table for all examples, and its writer."""
    with simulator() as (running, writer_for):
        yield running, writer_for(VERSIONS)


@HALF
@given(st.lists(CHANGE, max_size=12, unique_by=lambda change: change[:2]), st.randoms(use_true_random=False))
def test_whatever_the_order_of_versions_the_newest_of_each_key_stays(
    orders: tuple[Simulator, SingleWriter], changes: list[tuple[str, int, str]], order: Any
) -> None:
    (running, writer), prefix = orders, str(next(NUMBERS))
    newest = {key: (version, op) for key, version, op in sorted(changes, key=lambda change: change[1])}
    order.shuffle(changes)
    for key, version, op in changes:
        row: dict[str, str | None] = {"id": prefix + key, "v": str(version), "op": op}
        writer.write(items_of(VERSIONS, [row]), no_heartbeat)
    items = running.written_items.items("Orders")
    mine = {item["id"]["S"][-1]: item for item in items if item["id"]["S"][:-1] == prefix}
    assert {key: (int(item["v"]["N"]), "D" if "_deleted" in item else "I") for key, item in mine.items()} == newest
