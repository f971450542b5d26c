"""What becomes of messages: files are claimed, loaded, closed and reported; what must come back comes back."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from ingest.contract import NO_FEED, RECONCILE_MESSAGE, Metric, Status
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, not_noted
from ingest.errors import (
    AllRowsRejected,
    IngestError,
    InternalFault,
    NoFeed,
    ObjectSuperseded,
    OutOfTime,
    ServiceFault,
    StillLoading,
    TableKeysDiffer,
    TableMissing,
    Throttled,
    TooManyRejects,
    Unavailable,
)
from ingest.feeds.feed import Feed, Feeds, RowLimit
from ingest.file import FileVersion
from ingest.items.items import Items, Refusal
from ingest.ledger.claims import Claimed, LeaseToken
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import NOTHING_CARRIED_OVER, WorkItem
from ingest.queue.messages import body_of, read_message
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment
from ingest.worker.lease import Timing
from ingest.worker.load import Sizes
from tests.support.fakes import FakeTable, SentMessage
from tests.support.world import CSV, EVENT_S, EVENTS, KEY, World, event

ROW_COUNTS = RowCounts(rows_read=4, rows_written=2, rows_rejected=1, rows_superseded=1, bytes_read=len(CSV))


# --- good files ---


def test_a_new_file_is_claimed_loaded_closed_and_reported_of() -> None:
    world = World()
    world.take(event(KEY))
    assert sorted(item["id"] for item in world.table.items.values()) == ["a", "b"]
    record = world.entry()
    assert (record.status, record.feed, record.attempts, record.until_s) == (Status.COMPLETE, "orders", 1, 0.0)
    assert record.outcome is not None
    assert record.outcome.row_counts == ROW_COUNTS
    assert record.outcome.rejects == f"s3://rejects/{KEY}/"
    assert record.reported
    assert [(file.key, feed, outcome) for file, feed, outcome in world.events.reported] == [
        (KEY, "orders", record.outcome)
    ]
    assert record.outcome.error is None
    assert world.rejects[KEY].durable == 1
    assert world.metrics.lines == [
        (
            "orders",
            {
                Metric.ROWS_READ: 4,
                Metric.ROWS_WRITTEN: 2,
                Metric.ROWS_REJECTED: 1,
                Metric.ROWS_SUPERSEDED: 1,
                Metric.BYTES_READ: len(CSV),
            },
        ),
        ("orders", {Metric.FILES_COMPLETED: 1, Metric.EVENT_TO_VISIBLE: pytest.approx(7.0)}),
    ]
    ((message, fields),) = world.logged
    assert message == "file closed"
    assert fields["file"] == f"s3://landing-example/{KEY}"
    assert (fields["status"], fields["feed"], fields["rows_read"], fields["error"]) == ("COMPLETE", "orders", 4, None)


def test_a_file_without_rejects_has_no_place_for_them() -> None:
    world = World()
    world.take(event("orders/b.csv"))
    outcome = world.entry("orders/b.csv").outcome
    assert outcome is not None
    assert outcome.rejects is None


def test_the_files_of_one_message_are_loaded_by_a_message_each() -> None:
    world = World()
    world.take(event(KEY, "orders/b.csv"), hops=2, stalls=1)
    assert world.ledger.entries == {}
    assert [(json.loads(sent.body), sent.hops, sent.stalls) for sent in world.queue.sent] == [
        (json.loads(event(key)), 2, 1) for key in (KEY, "orders/b.csv")
    ]


def test_a_message_that_asks_for_nothing_is_acked() -> None:
    world = World()
    world.take((EVENTS / "s3_test_event.json").read_text(encoding="utf-8"))
    assert (world.ledger.entries, world.metrics.lines, world.dead_letters.dead_lettered) == ({}, [], [])


@pytest.mark.parametrize("time", ["yesterday", "2026-13-45T99:00:00Z", ""])
def test_an_event_time_that_is_none_costs_only_its_metric(time: str) -> None:
    world = World()
    world.take(event(KEY, eventTime=time))
    assert world.entry().status == Status.COMPLETE
    assert Metric.EVENT_TO_VISIBLE not in world.metrics.sums("orders")
    assert world.metrics.sums("orders")[Metric.ROWS_READ] == 4


def test_a_clock_behind_s3s_measures_no_negative_time() -> None:
    world = World()
    world.clock.time_s = EVENT_S - 5
    world.take(event(KEY))
    assert world.metrics.sums("orders")[Metric.EVENT_TO_VISIBLE] == 0.0


def test_what_the_writer_met_is_reported_once_for_each_file() -> None:
    world = World(writer=FakeTable(requests_a_call=3))
    world.take(event(KEY))
    world.take(event("orders/b.csv"), message_id="m2")
    assert [values[Metric.REQUESTS_SENT] for _, values in world.metrics.lines if Metric.REQUESTS_SENT in values] == [
        3,
        3,
    ]


# --- the same file again ---


def test_the_same_notification_in_another_message_is_a_duplicate_and_acked() -> None:
    world = World()
    world.take(event(KEY), message_id="m1")
    world.take(event(KEY), message_id="m2")
    assert (world.entry().attempts, len(world.table.calls)) == (1, 1)
    assert world.metrics.sums("orders")[Metric.FILES_DUPLICATE] == 1
    assert world.metrics.sums("orders")[Metric.ROWS_READ] == 4
    assert world.logged[-1][1]["as"] == Metric.FILES_DUPLICATE


def test_a_file_another_message_is_loading_is_left_to_it() -> None:
    world = World()
    claim(world, "m2", 1)
    world.take(event(KEY), message_id="m1")
    assert world.table.calls == []
    assert world.metrics.sums("orders") == {Metric.FILES_DUPLICATE: 1}


def test_a_file_an_earlier_delivery_may_still_be_loading_comes_back() -> None:
    world = World()
    claim(world, "m1", 1)
    with pytest.raises(StillLoading):
        world.take(event(KEY), message_id="m1", delivery=2)
    assert (world.table.calls, world.metrics.lines) == ([], [])


def test_a_file_whose_holder_died_is_taken_over_when_its_lease_has_run_out() -> None:
    world = World()
    claim(world, "m1", 1)
    world.clock.time_s += 1000
    world.deadline_s += 1000
    world.take(event(KEY), message_id="m1", delivery=2)
    assert (world.entry().status, world.entry().attempts) == (Status.COMPLETE, 2)


def test_a_file_that_was_closed_by_a_worker_who_could_not_report_is_reported_of_by_the_next() -> None:
    world = World()
    world.events.error = Unavailable("the bus is down")
    with pytest.raises(Unavailable):
        world.take(event(KEY))
    assert (world.entry().status, world.entry().reported) == (Status.COMPLETE, False)
    world.events.error = None
    world.take(event(KEY), delivery=2)
    world.take(event(KEY), delivery=3)
    assert [outcome.row_counts for _, _, outcome in world.events.reported] == [ROW_COUNTS]
    assert len(world.table.calls) == 1


def claim(world: World, message_id: str, delivery: int) -> None:
    """Let somebody else hold the lease on the file."""
    file = FileVersion("landing-example", KEY, sequencer="0066F2")
    token = LeaseToken(message_id, delivery, world.deadline_s)
    claimed = world.ledger.leases.begin(file, feed="orders", token=token)
    assert isinstance(claimed, Claimed)


def test_an_older_version_is_stale_and_acked_and_a_newer_one_is_loaded() -> None:
    world = World()
    world.take(event(KEY, sequencer="0066F3"), message_id="m1")
    world.take(event(KEY, sequencer="0066F2FF"), message_id="m2")
    assert world.metrics.sums("orders")[Metric.FILES_STALE] == 1
    assert len(world.ledger.entries) == 1
    world.take(event(KEY, sequencer="0066F301"), message_id="m3")
    assert len(world.ledger.entries) == 2


# --- what is not to be loaded ---

BY_PRODUCTS = ("orders/_SUCCESS", "orders/.a.csv.crc", "orders/_temporary/0/a.csv", "orders/2026_$folder$")


@pytest.mark.parametrize("key", [*BY_PRODUCTS, "out/_SUCCESS", "out/.hidden/x.csv"])
def test_a_by_product_beside_a_good_file_is_recorded_and_raises_no_alarm(key: str) -> None:
    world = World()
    for number, name in enumerate((key, KEY, key)):
        world.take(event(name), message_id=f"m{number}")
    record = world.entry(key)
    feed = "orders" if key.startswith("orders/") else NO_FEED
    assert (record.status, record.feed, record.attempts, record.reported) == (Status.IGNORED, feed, 0, True)
    assert world.entry(KEY).status == Status.COMPLETE
    assert [file.key for file, _, _ in world.events.reported] == [KEY]
    assert world.metrics.sums(feed)[Metric.FILES_IGNORED] == 2
    assert Metric.FILES_FAILED not in world.metrics.sums(feed)
    assert world.logged[0] == (
        "file skipped",
        {"file": f"s3://landing-example/{key}", "version": record.work.file.version, "as": Metric.FILES_IGNORED},
    )
    assert list(world.ledger.open_files(feed)) == []


def test_what_stands_for_a_folder_is_ignored_but_a_full_object_of_that_name_is_not() -> None:
    world = World()
    marker = (EVENTS / "s3_folder_marker.json").read_text(encoding="utf-8")
    world.take(marker)
    assert world.entry("orders/2026/").status == Status.IGNORED
    world.objects.contents["orders/2026/"] = CSV
    world.take(marker.replace('"size": 0', '"size": 24').replace('"0066F2A1', '"0066F3A1'))
    assert [entry.status for entry in world.ledger.files()] == [Status.IGNORED, Status.COMPLETE]


@pytest.mark.parametrize(
    ("exclude", "include", "keys"),
    [
        ((), ("*.csv",), ["orders/a.csv", "orders/b.csv", "orders/_temporary/c.csv"]),
        (("b.*", "_temporary/"), (), ["orders/a.csv", "orders/_SUCCESS", "orders/notes.txt"]),
        (("b.*",), ("*.csv", "notes.*"), ["orders/a.csv", "orders/notes.txt", "orders/_temporary/c.csv"]),
    ],
)
def test_a_feed_says_what_of_its_prefix_is_loaded(
    exclude: tuple[str, ...], include: tuple[str, ...], keys: list[str]
) -> None:
    world = World()
    names = ("a.csv", "b.csv", "_SUCCESS", "notes.txt", "_temporary/c.csv")
    world.objects.contents |= {f"orders/{name}": CSV for name in names}
    feeds = Feeds({"orders": Feed("orders/", "Orders", "id", exclude=exclude, include=include)})
    world.dispatcher = world.build(feeds)
    for name in names:
        world.take(event(f"orders/{name}"))
    loaded = {entry.work.file.key: entry.status for entry in world.ledger.files()}
    assert sorted(key for key, status in loaded.items() if status == Status.COMPLETE) == sorted(keys)
    assert sorted(loaded.values()) == [Status.COMPLETE] * len(keys) + [Status.IGNORED] * (5 - len(keys))


def test_what_was_begun_is_loaded_to_its_end_though_a_deployment_excludes_it() -> None:
    world = World()
    claim(world, "m1", 1)
    world.clock.time_s += 1000
    world.deadline_s += 1000
    world.dispatcher = world.build(Feeds({"orders": Feed("orders/", "Orders", "id", exclude=("a.csv",))}))
    world.take(event(KEY), message_id="m1", delivery=2)
    assert (world.entry().status, world.entry().attempts) == (Status.COMPLETE, 2)


@pytest.mark.parametrize("asked_again", ["notification", "backfill"])
def test_what_was_ignored_is_loaded_once_a_deployment_takes_it_and_someone_asks(asked_again: str) -> None:
    world = World()
    world.dispatcher = world.build(Feeds({"orders": Feed("orders/", "Orders", "id", exclude=("a.csv",))}))
    world.take(event(KEY))
    assert not world.ledger.queries.knows(world.entry().work.file)
    world.dispatcher = world.build(Feeds({"orders": Feed("orders/", "Orders", "id")}))
    found = FileVersion("landing-example", KEY, etag=world.entry().work.file.etag, size_bytes=len(CSV))
    world.take(event(KEY) if asked_again == "notification" else body_of(WorkItem(found)), message_id="m2")
    last = list(world.ledger.files())[-1]
    assert (last.status, last.attempts, last.reported) == (Status.COMPLETE, 1, True)
    assert len(world.events.reported) == 1


def test_an_operator_may_have_an_ignored_object_loaded() -> None:
    world = World()
    world.objects.contents["orders/_SUCCESS"] = CSV
    world.take(event("orders/_SUCCESS"))
    (ignored,) = world.ledger.files()
    again = replace(ignored.work.file, retry=1)
    assert world.ledger.transitions.retry(again, feed="orders", begun=NOTHING_CARRIED_OVER)
    world.take(body_of(WorkItem(again)))
    assert [entry.status for entry in world.ledger.files()] == [Status.IGNORED, Status.COMPLETE]


# --- file faults: recorded, reported, acked ---


def test_a_key_of_no_feed_is_recorded_as_failed_and_acked() -> None:
    world = World()
    world.take(event("elsewhere/a.csv"))
    record = world.entry("elsewhere/a.csv")
    assert (record.status, record.feed) == (Status.FAILED, NO_FEED)
    assert record.outcome is not None
    assert isinstance(record.outcome.error, NoFeed)
    assert world.metrics.sums(NO_FEED)[Metric.FILES_FAILED] == 1
    assert world.logged[-1][1]["error"] == "no_feed"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"name\nx\n", "bad_header"),
        (b"PK\x03\x04", "not_csv"),
        (b"\x1f\x8b\x08", "bad_compression"),
    ],
)
def test_a_file_fault_is_recorded_and_acked(data: bytes, code: str) -> None:
    world = World()
    world.objects.contents[KEY] = data
    world.take(event(KEY))
    outcome = world.entry().outcome
    assert outcome is not None
    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (Status.FAILED, code)
    assert world.metrics.sums("orders")[Metric.FILES_FAILED] == 1
    world.take(event(KEY), message_id="m2")
    assert world.metrics.sums("orders")[Metric.FILES_DUPLICATE] == 1  # it is not tried again


def test_too_many_rejects_keep_the_row_counts_of_what_was_written() -> None:
    world = World(limit=RowLimit(count=0))
    world.take(event(KEY))
    outcome = world.entry().outcome
    assert outcome is not None
    assert isinstance(outcome.error, TooManyRejects)
    assert outcome.row_counts == ROW_COUNTS
    assert world.metrics.sums("orders")[Metric.ROWS_WRITTEN] == 2
    assert Metric.EVENT_TO_VISIBLE not in world.metrics.sums("orders")


@pytest.mark.parametrize("after", [0, 1, 2])
def test_an_object_gone_or_overwritten_is_superseded_and_acked(after: int) -> None:
    world = World()
    world.objects.breaks[KEY] = (after, ObjectSuperseded("overwritten"))
    world.take(event(KEY))
    assert world.entry().status == Status.SUPERSEDED
    assert world.metrics.sums("orders")[Metric.FILES_SUPERSEDED] == 1


# --- service faults: recorded, and the message comes back ---


@pytest.mark.parametrize("error", [Unavailable("down"), TableMissing("none")])
def test_a_service_fault_leaves_the_file_waiting_and_comes_back(error: IngestError) -> None:
    world = World()
    world.objects.breaks[KEY] = (1, error)
    with pytest.raises(type(error)):
        world.take(event(KEY))
    record = world.entry()
    assert (record.status, record.until_s, record.error) == (Status.WAITING, 0.0, error)
    assert world.metrics.lines == [("orders", {Metric.FILES_RETRIED: 1})]  # rows are counted when they count
    del world.objects.breaks[KEY]
    world.take(event(KEY), delivery=2)
    assert (world.entry().status, world.entry().attempts) == (Status.COMPLETE, 2)
    assert world.metrics.sums("orders")[Metric.ROWS_READ] == 4


# --- what is left goes on later, in a new message ---


def test_a_message_that_finds_too_little_time_is_handed_over_untouched() -> None:
    world = World(deadline_s=Timing().stop_before_end_s - 1)
    world.take(event(KEY), hops=3)
    assert world.ledger.entries == {}
    assert world.queue.sent == [SentMessage(event(KEY), hops=4, feed="orders")]


def test_time_that_runs_out_before_any_progress_is_handed_over_once_and_then_comes_back() -> None:
    world = World(deadline_s=Timing().stop_before_end_s + 5)
    world.clock.tick_s = 2
    world.take(event(KEY))
    assert world.entry().status == Status.WAITING
    assert (world.table.calls, world.queue.sent) == ([], [SentMessage(event(KEY), 1, 1, delay_s=20, feed="orders")])
    world.deadline_s = world.clock.time_s + Timing().stop_before_end_s + 5
    with pytest.raises(OutOfTime):
        world.take(event(KEY), message_id="m2", hops=1, stalls=1)


def test_a_table_that_takes_nothing_is_handed_over_once_and_then_comes_back() -> None:
    world = World(writer=FakeTable(fail_after=0, error=Throttled("full")))
    world.take(event(KEY))
    assert (world.entry().status, world.queue.sent[0].stalls) == (Status.WAITING, 1)
    with pytest.raises(Throttled):
        world.take(world.queue.sent[0].body, message_id="m2", stalls=1)
    sums = world.metrics.sums("orders")
    assert (sums[Metric.FILES_RETRIED], sums[Metric.ROWS_READ], sums[Metric.ROWS_WRITTEN]) == (2, 0, 0)
    assert sums[Metric.BYTES_READ] == len(b"id,n\n")  # by the first one; it is counted once


def test_a_message_that_cannot_be_sent_again_comes_back() -> None:
    world = World(deadline_s=0)
    world.queue.error = Unavailable("the queue is down")
    with pytest.raises(Unavailable):
        world.take(event(KEY))


def test_a_lost_lease_comes_back_and_leaves_the_other_workers_word() -> None:
    world = World()

    class Slow(FakeTable):
        def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
            world.clock.time_s += 1000  # the lease has run out: somebody else takes over
            world.deadline_s += 1000
            claim(world, "m1", 2)
            return WriteResult()

    world.writer = Slow()
    with pytest.raises(ServiceFault, match="lost"):
        world.take(event(KEY))
    assert (world.entry().lease, world.entry().status) == ("m1/2/", Status.LOADING)
    assert world.metrics.lines == []


def test_a_ledger_that_fails_touches_no_table_and_comes_back() -> None:
    world = World()

    def failing(*args: object, **more: object) -> None:
        raise Unavailable("the ledger is down")

    world.ledger.begin = failing  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        world.take(event(KEY))
    assert world.table.calls == []


def test_a_bug_is_recorded_and_comes_back_with_its_cause() -> None:
    world = World()
    bug = KeyError("a row's content")
    world.objects.breaks[KEY] = (1, bug)
    with pytest.raises(InternalFault, match="KeyError") as caught:
        world.take(event(KEY))
    assert caught.value.__cause__ is bug
    assert "content" not in str(caught.value)
    assert world.entry().status == Status.WAITING


# --- messages of no known kind ---


@pytest.mark.parametrize("body", ["hello", "{}", (EVENTS / "s3_removed.json").read_text(encoding="utf-8")])
def test_an_unknown_message_is_dead_lettered_with_its_reason_and_acked(body: str) -> None:
    world = World()
    world.take(body)
    ((dead_lettered, code, reason),) = world.dead_letters.dead_lettered
    assert (dead_lettered, code) == (body, "unknown_message")
    assert reason.startswith("The message is") or reason.startswith("The message has")
    assert world.metrics.sums(NO_FEED) == {Metric.MESSAGES_UNKNOWN: 1}
    assert world.logged == [("message dead-lettered", {"message_id": "m1", "reason": reason})]


def test_an_unknown_message_that_cannot_be_dead_lettered_comes_back() -> None:
    world = World()
    world.dead_letters.error = Unavailable("the queue is down")
    with pytest.raises(Unavailable):
        world.take("hello")
    assert world.metrics.lines == []


# --- what is reported to whom ---

SECRET = "4111-1111-1111-1111"


def secretive(world: World) -> Iterator[Callable[[], None]]:
    """Yield files that hold a secret and end in every way a file can end."""
    endings: list[tuple[bytes, Exception | None]] = [
        (b"id,n\n%s,1\n%s,x\n%s\n" % ((SECRET.encode(),) * 3), None),
        (b"%s,n\n1,2\n" % SECRET.encode(), None),
        (b'id,n\n"%s' % SECRET.encode(), None),
        (b"id,n\na," + SECRET.encode() * 9, None),
        (b"id,n\na,1\n", RuntimeError(SECRET)),
        (b"id,n\na,1\n", Throttled("slow")),
    ]
    for number, (data, error) in enumerate(endings):
        key = f"orders/{number}.csv"
        world.objects.contents[key] = data
        if error:
            world.objects.breaks[key] = (1, error)
        yield lambda key=key: world.take(event(key))  # type: ignore[misc]


def test_no_row_data_is_in_logs_or_metrics() -> None:
    class Refusing(FakeTable):
        def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
            return WriteResult([Refusal(row, f"no such thing as {SECRET}") for row in range(len(items))])

    world = World(writer=Refusing(), limit=RowLimit(count=0))
    for take in secretive(world):
        try:
            take()
        except ServiceFault as fault:
            assert SECRET not in str(fault)
    assert len(world.logged) == 7  # the throttled one is put back and handed over
    assert SECRET not in repr(world.logged)
    assert SECRET not in repr(world.metrics.lines)
    assert SECRET in repr([rejects.taken for rejects in world.rejects.values()])


# --- a wrong table, and nothing but rejects ---

DIFFERS = TableKeysDiffer("Nothing can be written to table Orders: it has another key.")


@pytest.mark.parametrize("segment_bytes", [64 << 20, 5], ids=["as a whole", "split"])
def test_a_file_whose_table_has_other_keys_fails_and_nothing_is_written_or_split(segment_bytes: int) -> None:
    world = World(segment_bytes=segment_bytes)
    world.table_fault = DIFFERS
    world.take(event(KEY))
    outcome = world.entry().outcome
    assert outcome is not None
    assert (outcome.status, outcome.error, outcome.rejects) == (Status.FAILED, DIFFERS, None)
    assert (outcome.row_counts.rows_read, world.table.calls, world.queue.sent) == (0, [], [])
    assert world.rejects[KEY].taken == []
    world.take(event(KEY), message_id="m2")
    assert world.metrics.sums("orders")[Metric.FILES_DUPLICATE] == 1  # it is not tried again


def test_a_segment_whose_table_was_created_again_with_other_keys_fails_its_file() -> None:
    world = World(segment_bytes=5)
    world.take(event(KEY))
    world.table_fault = DIFFERS
    world.take(world.queue.sent[0].body, message_id="s0")
    assert (world.entry().status, world.entry().error) == (Status.FAILED, DIFFERS)
    assert world.table.calls == []


def test_a_table_that_cannot_be_looked_at_now_brings_the_message_back() -> None:
    world = World()
    world.table_fault = Throttled("too many questions")
    world.take(event(KEY))
    assert (world.entry().status, world.table.calls) == (Status.WAITING, [])
    (later,) = world.queue.sent
    world.table_fault = None
    world.take(later.body, message_id="m2")
    assert world.entry().status == Status.COMPLETE


def test_a_file_whose_table_is_missing_costs_only_itself() -> None:
    world = World()
    world.table_fault = TableMissing("Table Orders does not exist.")
    with pytest.raises(TableMissing):
        world.take(event(KEY))
    world.table_fault = None
    world.take(event("orders/b.csv"), message_id="m2")
    assert (world.entry().status, world.entry("orders/b.csv").status) == (Status.WAITING, Status.COMPLETE)


def test_a_file_of_nothing_but_rejects_fails_and_its_rejects_are_kept() -> None:
    world = World()
    world.objects.contents[KEY] = b"id,n\n" + b"a,x\n" * 11
    world.take(event(KEY))
    outcome = world.entry().outcome
    assert outcome is not None and isinstance(outcome.error, AllRowsRejected)
    assert (outcome.status, outcome.row_counts.rows_rejected) == (Status.FAILED, 11)
    assert (outcome.rejects, world.rejects[KEY].durable) == (f"s3://rejects/{KEY}/", 11)
    assert world.metrics.sums("orders")[Metric.ROWS_REJECTED] == 11


@pytest.mark.parametrize(
    ("rows", "status"),
    [(b"a,x\n" * 30, Status.FAILED), (b"a,x\n" * 29 + b"b,1\n", Status.COMPLETE), (b"a,x\n" * 10, Status.COMPLETE)],
    ids=["all are rejects", "the last is good", "ten rejects"],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_that_all_rows_of_a_split_file_are_rejects_is_known_when_its_last_segment_ends(
    rows: bytes, status: str, backwards: bool
) -> None:
    world = World(segment_bytes=12, sizes=Sizes(block=12))
    world.objects.contents[KEY] = b"id,n\n" + rows
    world.take(event(KEY))
    messages = world.queue.sent[::-1] if backwards else world.queue.sent
    assert len(messages) > 2
    for number, message in enumerate(messages):
        assert world.entry().status == Status.SPLIT
        world.take(message.body, message_id=f"s{number}")
    assert world.entry().status == status
    (reported,) = world.events.reported
    assert (reported[2].status, reported[2].row_counts.rows_read) == (status, rows.count(b"\n"))
    assert isinstance(reported[2].error, AllRowsRejected) == (status == Status.FAILED)


def test_a_split_file_whose_first_1000_rows_are_all_rejects_fails_whatever_its_other_segments_hold() -> None:
    world = World(segment_bytes=5000, sizes=Sizes(block=500))
    world.objects.contents[KEY] = b"id,n\n" + b"a,x\n" * 1200 + b"b,1\n" * 1200
    world.take(event(KEY))
    last, first = world.queue.sent[-1], world.queue.sent[0]
    world.take(last.body, message_id="s1")
    world.take(first.body, message_id="s0")
    outcome = world.entry().outcome
    assert outcome is not None and isinstance(outcome.error, AllRowsRejected)
    assert (outcome.status, len(world.events.reported)) == (Status.FAILED, 1)


# --- message groups ---


def test_the_parts_of_a_message_have_the_group_of_their_feed() -> None:
    world = World()
    removed = event("orders/c.csv", eventName="ObjectRemoved:Delete")
    parts = [event(KEY), event("orders/b.csv"), event("nowhere.csv"), removed]
    records = [record for part in parts for record in json.loads(part)["Records"]]
    world.take(json.dumps({"Records": records}))
    assert [message.feed for message in world.queue.sent] == ["orders", "orders", "-", None]
    assert [read_message(message.body) for message in world.queue.sent[:3]] == [
        read_message(part) for part in parts[:3]
    ]


@pytest.mark.parametrize(
    ("body", "feed"),
    [
        (event(KEY), "orders"),
        (body_of(WorkItem(FileVersion("b", KEY), Segment(Position(5, 2), Position(9, 3)))), "orders"),
        (event(KEY, eventName="ObjectRestore:Completed"), "orders"),
        (RECONCILE_MESSAGE, None),
        ("{}", None),
    ],
    ids=["notification", "segment", "restored", "reconcile", "unknown"],
)
def test_every_message_of_a_file_has_the_group_of_its_feed(body: str, feed: str | None) -> None:
    assert World().dispatcher.feed_of(body) == feed
