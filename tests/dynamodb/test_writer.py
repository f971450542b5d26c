"""The fast writer against a DynamoDB that throttles, fails, resets, lies and refuses: the items are all there."""

import gc
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from threading import Thread
from typing import Any, cast

import boto3
import pyarrow as pa
import pytest

from ingest.dynamodb.batches import Batch
from ingest.dynamodb.budget import member
from ingest.dynamodb.budget.holder import Limit, WriteBudget
from ingest.dynamodb.http.client import table_exchange
from ingest.dynamodb.item_writer import WriteResult
from ingest.dynamodb.rate_limit import ConcurrencyLimiter
from ingest.dynamodb.request_loop import RequestLoop
from ingest.dynamodb.write_stats import write_units
from ingest.dynamodb.writer import BatchWriter
from ingest.dynamodb.writers import Boto3Writer
from ingest.errors import AccessDenied, IngestError, OutOfTime, TableKeysDiffer, TableMissing, Throttled, Unavailable
from ingest.feeds.column import Column
from ingest.feeds.feed import Feed
from ingest.feeds.tables import TableLimits
from ingest.items.items import Items, Refusal, build_items
from ingest.items.mapping import map_columns
from ingest.reading.rows import Rows
from loadtest.simulator import Faults, Key, Settings, Simulation, Simulator, Table
from tests.support.fakes import no_heartbeat
from tests.support.memory_budgets import MemoryBudgets

pytestmark = [
    pytest.mark.allow_hosts(["127.0.0.1"]),
    # The sink's own sockets: clients that give up leave some to the garbage collector, which `sink` calls at once.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

FEED = Feed("f/", "Orders", "id", "n", columns={"n": "N", "note": Column()})
TEXT = pa.schema([(name, pa.string()) for name in ("id", "n", "note")])
TABLES = {"Orders": Table(Key("id"), Key("n", "N"))}


def items(count: int, *, note: str = 'ü\n"x"', table: str = "Orders") -> Items:
    columns = {"id": [f"c{n % 7}" for n in range(count)], "n": [str(n) for n in range(count)], "note": [note] * count}
    made, faults = build_items(Rows(pa.table(columns, schema=TEXT), None, []), map_columns(FEED, ("id", "n", "note")))
    assert not faults
    return made


@cache
def session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="k", aws_secret_access_key="s", region_name="eu-central-1")


MADE: list[Any] = []  # closed before the sink is


def writer(simulator: Simulator, table: str = "Orders", *, interleave: bool = True, **settings: Any) -> BatchWriter:
    client = session().client("dynamodb", endpoint_url=simulator.url)
    loop = RequestLoop[Batch](table, lambda: table_exchange(session(), client, table), **settings)
    made = BatchWriter(loop, interleave=interleave)
    MADE.extend([made, client])
    return made


def reference_writer(simulator: Simulator) -> Boto3Writer:
    resource = session().resource("dynamodb", endpoint_url=simulator.url)
    MADE.append(resource.meta.client)
    return Boto3Writer(resource.Table("Orders"))


@contextmanager
def simulator(**settings: Any) -> Iterator[Simulator]:
    with Simulator(Settings(**{"tables": TABLES, "keeps_items": True, **settings})) as running:
        try:
            yield running
        finally:
            while MADE:
                MADE.pop().close()
    gc.collect()


def kept(running: Simulator) -> set[tuple[str, int, str]]:
    found = running.written_items.items("Orders")
    return {(item["id"]["S"], int(item["n"]["N"]), item["note"]["S"]) for item in found}


def expected(count: int) -> set[tuple[str, int, str]]:
    return {(f"c{n % 7}", n, 'ü\n"x"') for n in range(count)}


@pytest.mark.parametrize("count", [0, 1, 25, 26, 1003])
def test_all_items_are_in_the_table_when_it_returns(count: int) -> None:
    with simulator() as running:
        assert writer(running).write(items(count), no_heartbeat) == WriteResult()
        assert kept(running) == expected(count)
        assert running.statistics.document()["requests"] == -(-count // 25)


def test_connections_are_kept_from_one_call_to_the_next() -> None:
    with simulator() as running:
        one = writer(running)
        for _ in range(3):
            one.write(items(500), no_heartbeat)
        assert running.statistics.document()["connections"] <= 20


@pytest.mark.parametrize(
    "faults",
    [
        Faults(internal_error=0.3),
        Faults(internal_error=0.9, seed=3),
        Faults(reset_before=0.15, reset_after=0.15),
        Faults(truncated=0.2, wrong_crc32=0.2),
        Faults(expired_token=0.1),
        Faults(
            internal_error=0.1, reset_before=0.1, reset_after=0.1, truncated=0.1, wrong_crc32=0.1, expired_token=0.05
        ),
    ],
    ids=str,
)
def test_whatever_fails_the_table_ends_with_exactly_the_items(faults: Faults) -> None:
    with simulator(faults=faults) as running:
        assert writer(running, chance=lambda: 0.05).write(items(400), no_heartbeat) == WriteResult()
        assert kept(running) == expected(400)


def test_a_slow_answer_holds_up_no_one_else_and_late_ones_are_asked_again() -> None:
    with simulator(faults=Faults(slow=0.1, slow_s=0.3)) as running:
        assert writer(running).write(items(1500), no_heartbeat) == WriteResult()
        assert kept(running) == expected(1500)


@pytest.mark.parametrize("units_per_s", [500, 2000])
def test_what_a_full_table_leaves_is_sent_again_until_it_is_taken(units_per_s: int) -> None:
    simulation = Simulation(mode="provisioned", provisioned_units_per_s=units_per_s, burst_s=0.2)
    with simulator(simulation=simulation) as running:
        assert writer(running).write(items(400), no_heartbeat) == WriteResult()
        assert kept(running) == expected(400)
        reported = running.statistics.document()
        assert reported["unprocessed"] + reported["throttled_requests"] > 0


@pytest.mark.parametrize("interleave", [False, True])
def test_rows_are_noted_as_taken_once_each_and_never_before_the_table_has_them(interleave: bool) -> None:
    simulation = Simulation(mode="provisioned", provisioned_units_per_s=2000, burst_s=0.05)
    noted: list[int] = []

    def note(rows: Sequence[int], skipped: str = "") -> None:
        noted.extend(rows)
        if len(noted) % 200 < len(rows):  # now and then
            assert set(noted) <= {n for _, n, _ in kept(running)}

    with simulator(simulation=simulation, faults=Faults(internal_error=0.1, reset_after=0.1)) as running:
        made = writer(running, chance=lambda: 0.05, interleave=interleave)
        assert made.write(items(600), no_heartbeat, note) == WriteResult()
        assert running.statistics.document()["unprocessed"] > 0
    assert sorted(noted) == list(range(600))


def test_both_writers_leave_the_same_table() -> None:
    tables = []
    for fast in (True, False):
        with simulator(simulation=Simulation(mode="provisioned", provisioned_units_per_s=1000, burst_s=0.1)) as running:
            made = writer(running) if fast else reference_writer(running)
            assert made.write(items(400), no_heartbeat) == WriteResult()
            tables.append(kept(running))
    assert tables[0] == tables[1] == expected(400)


def test_an_item_dynamodb_refuses_is_reported_and_the_others_are_written() -> None:
    with simulator() as running:
        mixed = items(60)
        columns = {attribute.name: attribute.values.to_pylist() for attribute in mixed.attributes}
        columns["id"][17] = columns["id"][42] = ""  # what the checks before would have found
        attributes = tuple(
            type(a)(a.name, a.type, pa.array(columns[a.name], a.values.type), a.write_null) for a in mixed.attributes
        )
        refusals = writer(running).write(Items(attributes, mixed.keys, range(60)), no_heartbeat).refusals
        assert [refusal.row for refusal in refusals] == [17, 42]
        assert all(isinstance(refusal, Refusal) and refusal.message for refusal in refusals)
        assert kept(running) == {row for row in expected(60) if row[1] not in (17, 42)}


@pytest.mark.parametrize(
    ("settings", "table", "kind"),
    [
        ({}, "Missing", TableMissing),
        ({"faults": Faults(unrecognized_client=1.0)}, "Orders", AccessDenied),
        ({"faults": Faults(expired_token=1.0)}, "Orders", AccessDenied),
    ],
)
def test_an_error_that_will_not_pass_ends_it_at_once(
    settings: dict[str, Any], table: str, kind: type[IngestError]
) -> None:
    with simulator(**settings) as running:
        with pytest.raises(kind, match=f"writing to table {table}"):
            writer(running, table).write(items(500), no_heartbeat)
        assert running.items == 0


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"faults": Faults(internal_error=1.0)}, Unavailable),
        ({"faults": Faults(reset_before=1.0)}, Unavailable),
        ({"simulation": Simulation(mode="provisioned", provisioned_units_per_s=0.001)}, Throttled),
    ],
)
def test_a_table_that_takes_nothing_for_too_long_is_a_service_fault(
    settings: dict[str, Any], kind: type[IngestError]
) -> None:
    with simulator(**settings) as running, pytest.raises(kind, match="Orders"):
        writer(running, patience_s=0.4).write(items(200), no_heartbeat)


def test_after_a_failure_it_may_be_used_again() -> None:
    with simulator(faults=Faults(internal_error=1.0)) as running:
        failing = writer(running, patience_s=0.2)
        with pytest.raises(Unavailable):
            failing.write(items(10), no_heartbeat)
    with simulator() as running:
        failing.loop.connect = writer(running).loop.connect
        MADE.append(failing)
        assert failing.write(items(10), no_heartbeat) == WriteResult()


def test_it_speaks_tls_to_those_it_trusts_and_to_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with simulator(tls=True) as running:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(running.ca_file))
        assert writer(running).write(items(100), no_heartbeat) == WriteResult()
        assert kept(running) == expected(100)
        monkeypatch.delenv("AWS_CA_BUNDLE")
        with pytest.raises(Unavailable, match="certificate"):
            writer(running, patience_s=0.2).write(items(1), no_heartbeat)


@pytest.mark.parametrize("requests", [1, 3])
def test_no_more_requests_are_under_way_than_the_flow_it_is_given_allows(requests: int) -> None:
    with simulator(latency_s=0.005) as running:
        limited = writer(running, limiter=ConcurrencyLimiter.fixed(requests))
        assert limited.write(items(500), no_heartbeat) == WriteResult()
        assert running.statistics.document()["max_in_flight"] == requests


def slow(**limits: Any) -> Simulation:
    """A table that takes little, and would for one key as much as for many, unless the limits say otherwise."""
    return Simulation(burst_s=0.1, **{"partition_units_per_s": 100_000.0, **limits})


def test_it_counts_what_the_table_counts() -> None:
    with simulator(simulation=slow(mode="provisioned", provisioned_units_per_s=400)) as running:
        counting = writer(running, limiter=ConcurrencyLimiter.fixed(20))
        counting.write(items(600), no_heartbeat)
        counts, reported = counting.stats, running.statistics.document()
        assert counts.requests == running.statistics.requests
        assert counts.throttled == counts.by_provisioned == reported["throttled_requests"] > 0
        assert counts.retries == counts.requests - 24
        whole = reported["unprocessed"] - counts.unprocessed  # items of requests that were throttled whole
        assert counts.throttled <= whole <= 25 * counts.throttled


@pytest.mark.parametrize(
    ("simulation", "reason"),
    [
        ({"partitions": 1, "partition_units_per_s": 400}, "by_key_range"),
        ({"mode": "provisioned", "provisioned_units_per_s": 400}, "by_provisioned"),
    ],
)
def test_it_counts_throttled_requests_by_the_reason_reported(simulation: dict[str, Any], reason: str) -> None:
    with simulator(simulation=slow(**simulation)) as running:
        counting = writer(running, limiter=ConcurrencyLimiter.fixed(20))
        counting.write(items(600), no_heartbeat)
        counts = counting.stats
        assert getattr(counts, reason) == counts.throttled == running.statistics.document()["throttled_requests"] > 0


@pytest.mark.parametrize("note", ["x", "ü" * 1100])
def test_it_counts_the_write_units_and_the_latency_of_what_was_taken(note: str) -> None:
    with simulator(simulation=slow(mode="provisioned", provisioned_units_per_s=600), latency_s=0.02) as running:
        counting = writer(running, limiter=ConcurrencyLimiter.fixed(8))
        counting.write(items(400, note=note), no_heartbeat)
        counts = counting.stats
        assert counts.units == 400 * (1 if note == "x" else 3) == write_units(items(400, note=note))
        assert counts.items == 400 + running.statistics.document()["unprocessed"]
        values = counts.latencies.sample(100)
        assert 16 <= len(values) <= counts.requests - counts.throttled
        assert values[0] >= 19


def test_both_writers_count_the_same_units() -> None:
    for make in (writer, reference_writer):
        with simulator() as running:
            counting = make(running)
            counting.write(items(60, note="ü" * 1100), no_heartbeat)
            assert (counting.stats.items, counting.stats.units) == (60, 180)


def test_counts_go_on_from_one_call_to_the_next() -> None:
    with simulator() as running:
        counting = writer(running)
        counting.write(items(100), no_heartbeat)
        before = counting.stats
        counting.write(items(75), no_heartbeat)
        assert (before.requests, counting.stats.since(before).requests) == (4, 3)


class Heartbeats:
    """Counts its calls; raises at one of them."""

    def __init__(self, *, raises_at: int | None = None) -> None:
        self.count = 0
        self._raises_at = raises_at

    def __call__(self) -> None:
        self.count += 1
        if self.count == self._raises_at:
            raise OutOfTime("The time is over, as scripted.")


class WatchedExchange:
    """An exchange that notes, for each time its caller waits for it, how long at most and after which heartbeat."""

    def __init__(self, exchange: Any, heartbeats: Heartbeats) -> None:
        self.waits: list[tuple[float, int]] = []
        self._exchange = exchange
        self._heartbeats = heartbeats

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)

    def poll(self, timeout_s: float) -> Any:
        self.waits.append((timeout_s, self._heartbeats.count))
        return self._exchange.poll(timeout_s)


def test_the_heartbeat_comes_before_each_request() -> None:
    heartbeat = Heartbeats()
    with simulator() as running:
        assert writer(running).write(items(500), heartbeat) == WriteResult()
        assert heartbeat.count >= running.statistics.requests == 20


def test_the_heartbeat_comes_at_least_once_a_second_while_it_waits() -> None:
    heartbeat = Heartbeats()
    with simulator(latency_s=2.3) as running:
        client = session().client("dynamodb", endpoint_url=running.url)
        watched = WatchedExchange(table_exchange(session(), client, "Orders"), heartbeat)
        waiting = BatchWriter(RequestLoop("Orders", lambda: cast(Any, watched)))
        MADE.extend([waiting, client])
        assert waiting.write(items(5), heartbeat) == WriteResult()
    assert max(timeout_s for timeout_s, _ in watched.waits) == 1
    assert len(watched.waits) >= 3
    assert all(later > earlier for (_, earlier), (_, later) in pairwise([(0.0, 0), *watched.waits]))


def test_what_a_heartbeat_raises_ends_the_write_and_nothing_is_sent_after_it() -> None:
    heartbeat = Heartbeats(raises_at=11)
    with simulator(latency_s=0.01) as running:
        ended = writer(running, limiter=ConcurrencyLimiter.fixed(2))
        with pytest.raises(OutOfTime):
            ended.write(items(1000), heartbeat)
        wait_until_all_connections_are_closed(running)
        assert heartbeat.count == 11
        assert running.statistics.requests <= 10


def wait_until_all_connections_are_closed(running: Simulator) -> None:
    """Wait until all that was sent has arrived, and nothing more can come."""
    until = time.monotonic() + 60
    while running.statistics.document()["open_connections"]:
        assert time.monotonic() < until, "a connection stays open"
        time.sleep(0.01)


def test_after_a_heartbeat_that_raised_it_may_be_used_again() -> None:
    with simulator() as running:
        ended = writer(running)
        with pytest.raises(OutOfTime):
            ended.write(items(300), Heartbeats(raises_at=3))
        assert ended.write(items(300), no_heartbeat) == WriteResult()
        assert kept(running) == expected(300)


@pytest.mark.parametrize(("interleave", "keys"), [(True, 7), (False, 1)])
def test_rows_of_one_partition_key_are_sent_apart_if_asked(interleave: bool, keys: int) -> None:
    by_key = items(700).take(sorted(range(700), key=lambda row: row % 7))
    with simulator() as running:
        assert (
            writer(running, interleave=interleave, limiter=ConcurrencyLimiter.fixed(1)).write(by_key, no_heartbeat)
            == WriteResult()
        )
        first = [item["id"]["S"] for item in running.written_items.items("Orders")[:25]]
        assert len(set(first)) == keys
        assert kept(running) == expected(700)


def test_what_is_sent_is_what_boto3_would_send() -> None:
    seen: list[Any] = []
    for fast in (True, False):
        with simulator() as running:
            (writer(running) if fast else reference_writer(running)).write(items(30), no_heartbeat)
            seen.append(sorted(map(json.dumps, running.written_items.items("Orders"))))
    assert seen[0] == seen[1]


# --- a table of other keys ---


@pytest.mark.parametrize(
    "table",
    [
        Table(Key("pk")),
        Table(Key("id", "N"), Key("n", "N")),
        Table(Key("id"), Key("n", "S")),
        Table(Key("id"), Key("m")),
        Table(Key("note")),
    ],
    ids=["other names", "partition key N", "sort key S", "another sort key", "one that all items share"],
)
@pytest.mark.parametrize("make", [writer, reference_writer])
def test_a_table_of_other_keys_ends_the_load_and_no_batch_is_halved(table: Table, make: Any) -> None:
    with simulator(tables={"Orders": table}) as running:
        one = make(running)
        with pytest.raises(TableKeysDiffer, match="Table Orders has other keys than the feed"):
            one.write(items(1000), no_heartbeat)
        requests = running.statistics.document()["requests"]
        assert requests <= ConcurrencyLimiter().most_in_flight  # those under way when the first answer came
        assert running.written_items.items("Orders") == []


# --- a write budget


def test_a_load_keeps_to_the_write_budget_of_its_table_whoever_else_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PUT_S", "READ_S", "WAIT_S"):
        monkeypatch.setattr(member, name, getattr(member, name) / 5)
    store, limit = MemoryBudgets(), TableLimits(400)
    budgets = [WriteBudget("Orders", store, Limit(limit, lambda: None)) for _ in range(2)]
    with simulator(latency_s=0.005) as sink:
        writers = [writer(sink, budget=budget) for budget in budgets]
        begun_s = time.monotonic()
        loads = [Thread(target=made.write, args=(items(300, table="Orders"), no_heartbeat)) for made in writers]
        for load in loads:
            load.start()
        for load in loads:
            load.join(60)
        seconds = time.monotonic() - begun_s
        for budget in budgets:
            budget.end()
        assert [made.stats.items for made in writers] == [300, 300]
    assert seconds > 600 / 400
    assert store.read_budget("Orders").entries == {}
