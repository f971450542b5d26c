"""A file undone: what still names it is deleted, and nothing else; no message of the file writes it again."""

from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest

from ingest.contract import Metric, Status
from ingest.dynamodb.item_writer import Heartbeat, ItemWriter, Taken, WriteResult, not_noted
from ingest.dynamodb.write_stats import NOTHING_WRITTEN, WriteStats
from ingest.errors import FileMissing, ObjectSuperseded, SettingsFault, StillLoading, Unavailable
from ingest.feeds.feed import Feed, Feeds, Lineage, Operation
from ingest.feeds.writing import undo_attribute
from ingest.file import FileVersion
from ingest.items.items import Items
from ingest.ledger.claims import LeaseToken
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Entry, WorkItem
from ingest.queue.messages import body_of
from ingest.recovery.retry import cancel_file
from ingest.recovery.undo import Undo, Undoing, undo_settings
from ingest.worker.lease import Timing
from ingest.worker.load import Sizes
from ingest.worker.ports import Services, WorkerServices
from tests.model.operator import Cut
from tests.recovery.test_retry import FakeCopies, Operator
from tests.support.fakes import FakeTable, RecordingMetrics
from tests.support.world import CSV, KEY, World, event

ROWS = b"id,n\n" + b"".join(b"k%02d,%d\n" % (n, n) for n in range(40))
FEED = Feed("orders/", "Orders", "id", columns={"n": "N"}, lineage=Lineage(row="_row"))
BY_FILE = msgspec.structs.replace(FEED, newest="file", lineage=Lineage())


@dataclass
class Deleting:
    """Deletes the items of a table that name the file, one after another; fails before the call of a number."""

    table: FakeTable
    feed: Feed
    fail_before: list[int]
    stats: WriteStats = NOTHING_WRITTEN

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        result = WriteResult()
        for row in range(len(items)):
            heartbeat()
            if self.fail_before and not self.fail_before[0]:
                self.fail_before.pop()
                raise Unavailable("The connection was cut.")
            self.fail_before[:] = [count - 1 for count in self.fail_before]
            one = self.table.undo(items.take([row]), str(undo_attribute(self.feed)))
            taken([row], next(iter(one.skipped), ""))
            result += one.placed([row])
        return result


class Undoable(World):
    """A world whose feed can be undone. It is asked for deletes by settings with `write = "undo"` alone."""

    def __init__(self, feed: Feed = FEED, *, segment_bytes: int = 10**6, data: bytes = CSV) -> None:
        super().__init__()
        self.fail_before: list[int] = []
        self.gone: set[str] = set()
        self.objects.contents = {KEY: data}
        self.deploy(feed, segment_bytes=segment_bytes)

    def deploy(self, feed: Feed, *, segment_bytes: int = 10**6) -> None:
        timing, sizes = Timing(checkpoint_s=0), Sizes(block=40, cell=60, window=80)
        self.dispatcher = self.build(Feeds({"orders": feed}), timing=timing, segment_bytes=segment_bytes, sizes=sizes)

    @property
    def services(self) -> WorkerServices:
        return replace(super().services, writer_for=self._writer_for)

    def _writer_for(self, feed: Feed) -> ItemWriter:
        return Deleting(self.table, feed, self.fail_before) if feed.write == "undo" else self.writer

    def attempts(self, key: str = KEY) -> list[Entry]:
        return list(self.ledger.queries.versions("landing-example", key))

    def undo(self, *, most_calls: int = 10**6) -> FileVersion:
        """Undo the file as an operator does whose connection is gone after some calls; deliver nothing."""
        run = self._undo(most_calls)
        return run.run(run.look(self.attempts()))

    def look(self) -> Undoing:
        return self._undo(10**6).look(self.attempts())

    def _undo(self, most_calls: int) -> Undo:
        calls = [most_calls]

        def call() -> None:
            calls[0] -= 1
            if calls[0] < 0:
                raise Unavailable("The operator's connection is gone.")

        services = Services(
            ledger=Cut(self.ledger, call),  # type: ignore[arg-type]
            listing=self.objects,
            queue=Cut(self.queue, call),  # type: ignore[arg-type]
            rejects_url=lambda file: "s3://rejects/",
            metrics=RecordingMetrics(),
            events=self.events,
            clock=self.clock,
            log=lambda message, fields: None,
        )
        return Undo(services, self._find)

    def _find(self, file: FileVersion) -> FileVersion:
        if file.etag in self.gone:
            raise ObjectSuperseded(f"{file.url} was overwritten.")
        return file

    def deliver(self) -> None:
        """Let the function take all there is, also what it gives back."""
        for number in range(1000):
            if not self.queue.sent:
                return
            message = self.queue.sent.pop(0)
            try:
                self.take(message.body, message_id=f"d{number}")
            except Unavailable:
                self.queue.sent.append(message)
        raise AssertionError("it never ends")

    @property
    def statuses(self) -> list[str]:
        return [f"{'undo ' if entry.work.file.undo else ''}{entry.status}" for entry in self.attempts()]


def loaded(feed: Feed = FEED, **named: Any) -> Undoable:
    """Return a world in which a file was loaded."""
    world = Undoable(feed, **named)
    world.take(event(KEY))
    world.deliver()
    assert world.statuses == ["COMPLETE"]
    return world


# --- what it does ---


@pytest.mark.parametrize("feed", [FEED, BY_FILE, msgspec.structs.replace(FEED, write="insert", lineage=Lineage())])
def test_the_items_that_still_name_the_file_are_deleted_and_counted(feed: Feed) -> None:
    world = loaded(feed, data=ROWS)
    other = dict.fromkeys(("_row", "_order"), "00000001795342272345#" + "f" * 20 + "#000000000002")
    world.table.items["k03",] = {"id": "k03", "n": 9, **other}
    world.table.items["k04",] = {"id": "k04", "n": 9}
    world.table.items["other",] = {"id": "other", **other}
    del world.table.items["k05",]
    world.undo()
    world.deliver()
    assert set(world.table.items) == {("k03",), ("k04",), ("other",)}
    assert world.statuses == ["UNDONE", "undo COMPLETE"]
    undone, undo = world.attempts()
    assert undo.row_counts == RowCounts(40, 37, 0, 0, len(ROWS), rows_replaced=2, rows_absent=1)
    assert undone.row_counts == RowCounts(40, 40, 0, 0, len(ROWS))
    file, _, outcome = world.events.reported[-1]
    assert (file.undo, outcome.status, outcome.row_counts) == (True, Status.COMPLETE, undo.row_counts)
    sums = world.metrics.sums("orders")
    assert (sums[Metric.FILES_UNDONE], sums[Metric.FILES_COMPLETED], sums[Metric.ROWS_SKIPPED]) == (1, 1, 3)


def test_the_file_is_undone_in_the_ledger_before_the_function_hears_of_it() -> None:
    world = loaded()
    world.undo()
    assert world.statuses == ["UNDONE", "undo WAITING"]
    assert len(world.table.items) == 2
    assert world.ledger.queries.unreported(world.attempts()[0].work.file) is None


def test_rows_that_were_rejected_need_their_keys_only_and_no_limit_ends_an_undo() -> None:
    world = loaded(data=b"id,n\na,1\nb,x\n,3\na,4\n")
    world.undo()
    world.deliver()
    assert world.table.items == {}
    undo = world.attempts()[-1]
    assert undo.row_counts == RowCounts(4, 1, 1, 1, 20, rows_absent=1)


def test_no_message_of_an_undone_file_writes_it_again() -> None:
    world = loaded(data=ROWS, segment_bytes=100)
    segments = [entry.work for entry in world.ledger.queries.segments(world.attempts()[0].work.file)]
    world.undo()
    world.deliver()
    for number, body in enumerate([event(KEY), *map(body_of, segments), body_of(world.attempts()[0].work)]):
        world.take(body, message_id=f"late{number}")
        world.deliver()
    assert (world.table.items, world.statuses) == ({}, ["UNDONE", "undo COMPLETE"])
    assert world.ledger.queries.knows(replace(world.attempts()[0].work.file, sequencer=None, changed=None))


def test_a_large_file_is_undone_in_segments_and_whoever_goes_on_begins_where_another_was_cut_off() -> None:
    world = loaded(data=ROWS, segment_bytes=100)
    for calls in (3, 5, 1, 9, 2):
        world.fail_before = [calls]
        if world.statuses == ["COMPLETE"]:
            world.undo()
        world.deliver()
    world.fail_before = []
    world.deliver()
    assert (world.table.items, world.statuses) == ({}, ["UNDONE", "undo COMPLETE"])
    undo = world.attempts()[-1]
    assert undo.segments > 2
    assert undo.row_counts.is_balanced
    assert (undo.row_counts.rows_read, undo.row_counts.rows_rejected) == (40, 0)


def test_a_version_that_was_replaced_by_a_newer_one_can_be_undone() -> None:
    world = loaded(data=ROWS)
    world.take(event(KEY, sequencer="0066F3"), message_id="m2")
    for key in (("k00",), ("k01",)):
        world.table.items[key]["_row"] = world.attempts()[0].work.file.file_id + "#000000000002"
    older = [entry for entry in world.attempts() if entry.work.file.sequencer == "0066F2"]
    run = world._undo(10**6)
    run.run(run.look(older))
    world.deliver()
    assert len(world.table.items) == 38
    assert world.statuses == ["UNDONE", "undo COMPLETE", "COMPLETE"]


def test_it_follows_the_settings_that_the_file_was_loaded_with() -> None:
    world = loaded(data=ROWS)
    world.deploy(Feed("orders/", "Others", "n", write="update"))
    world.undo()
    world.deliver()
    assert (world.table.items, world.statuses) == ({}, ["UNDONE", "undo COMPLETE"])


@pytest.mark.parametrize("deployed", [FEED, Feed("others/", "Others", "id")], ids=["the same", "none"])
def test_an_undo_whose_settings_cannot_be_read_ends_and_loads_nothing(deployed: Feed) -> None:
    world = loaded()
    world.undo()
    world.table.items.clear()
    undo = world.attempts()[-1]
    del world.ledger.kept_settings[undo.settings]
    world.deploy(deployed)
    world.deliver()
    assert (world.table.items, world.statuses) == ({}, ["UNDONE", "undo FAILED"])


# --- asked for again ---


def test_whatever_broke_off_is_completed_by_asking_again() -> None:
    calls = 4  # settings, the old entry, the new one, the message
    for most_calls in range(calls + 1):
        world = loaded(data=ROWS, segment_bytes=100)
        try:
            world.undo(most_calls=most_calls)
            assert most_calls == calls
        except Unavailable:
            assert most_calls < calls
            assert world.statuses in (["COMPLETE"], ["UNDONE"], ["UNDONE", "undo WAITING"])
            assert len(world.table.items) == 40
            world.undo()
        world.deliver()
        assert (world.table.items, world.statuses) == ({}, ["UNDONE", "undo COMPLETE"])


def test_an_undo_that_is_open_goes_on_and_one_that_is_complete_is_refused() -> None:
    world = loaded(data=ROWS)
    first = world.undo()
    world.queue.sent.clear()
    assert world.look().going_on is not None
    assert world.undo() == first
    world.deliver()
    assert world.table.items == {}
    with pytest.raises(SettingsFault, match="was undone already"):
        world.undo()


def test_an_undo_that_failed_is_begun_again() -> None:
    world = loaded(data=ROWS)
    world.undo()
    operator = Operator(world)
    outcome = cancel_file(world.services, world.attempts()[-1])
    assert "cancelled the undo" in str(outcome.error)
    world.queue.sent.clear()
    world.undo()
    world.deliver()
    assert (world.table.items, world.statuses) == ({}, ["UNDONE", "undo FAILED", "undo COMPLETE"])
    assert operator.again(world.attempts()[0]) is False


def test_what_was_undone_can_be_loaded_again_by_a_retry_from_the_start_alone() -> None:
    world = loaded(data=ROWS)
    before = dict(world.table.items)
    world.undo()
    operator = Operator(world)
    operator.copies = FakeCopies()
    with pytest.raises(StillLoading, match="is being undone"):
        operator.retry()
    world.deliver()
    with pytest.raises(SettingsFault, match="was undone; --from start"):
        operator.retry("checkpoint")
    operator.retry()
    world.deliver()
    assert world.statuses == ["UNDONE", "undo COMPLETE", "COMPLETE"]
    assert world.table.items == before
    world.undo()
    world.deliver()
    assert (world.table.items, world.statuses[2:]) == ({}, ["UNDONE", "undo COMPLETE"])


def test_an_undo_that_was_looked_at_before_another_attempt_began_is_refused() -> None:
    world = loaded(data=ROWS)
    looked = world.look()
    operator = Operator(world)
    operator.copies = FakeCopies()
    operator.retry()
    for expected in (["COMPLETE", "WAITING"], ["COMPLETE", "COMPLETE"]):
        assert world.statuses == expected
        with pytest.raises(StillLoading, match="or was meanwhile"):
            world._undo(10**6).run(looked)
        world.deliver()
    assert len(world.table.items) == 40


# --- refused ---

REFUSED: dict[str, Any] = {
    "updates items": {"write": "update"},
    "which have attributes of other files": {"operation": Operation("n", update=("1",))},
    "its feed deletes": {"write": "delete"},
    "do not name the file": {"lineage": Lineage(file="f")},
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_a_feed_writes_that_cannot_be_undone_is_refused(why: str) -> None:
    world = loaded(msgspec.structs.replace(FEED, **REFUSED[why]))
    with pytest.raises(SettingsFault, match=why):
        world.look()
    assert world.statuses == ["COMPLETE"]


def test_a_file_that_is_still_loading_is_refused() -> None:
    world = Undoable()
    file = FileVersion("landing-example", KEY, etag="e", sequencer="0A")
    world.ledger.claim(WorkItem(file), feed="orders", token=LeaseToken("m1", 1, 1e12), order_ms=1)
    with pytest.raises(StillLoading, match="is LOADING: it is still to be loaded"):
        world.look()


def test_a_file_with_a_segment_that_a_worker_still_holds_is_refused() -> None:
    world = loaded(data=ROWS, segment_bytes=100)
    entry = world.ledger.segment_entries(world.attempts()[0].work.file)[0]
    entry.status, entry.until_s = Status.LOADING, world.clock.time_s + 30
    with pytest.raises(StillLoading, match="its worker holds the lease for another 30 s"):
        world.look()


def test_a_file_that_was_cancelled_while_a_worker_had_it_is_refused_until_its_lease_would_have_run_out() -> None:
    world = Undoable()
    file = FileVersion("landing-example", KEY, etag="e", sequencer="0A")
    world.ledger.claim(WorkItem(file), feed="orders", token=LeaseToken("m1", 1, 1e12), order_ms=1)
    cancel_file(world.services, world.attempts()[0])
    world.clock.time_s += 50
    with pytest.raises(StillLoading, match="wait another 10 s"):
        world.look()
    world.clock.time_s += 10
    with pytest.raises(SettingsFault, match="does not have the settings"):  # for no reason of time
        world.look()


def test_a_file_whose_object_is_gone_is_refused() -> None:
    world = loaded()
    world.gone = {world.attempts()[0].work.file.etag or ""}
    with pytest.raises(FileMissing, match="only it has the keys to delete"):
        world.undo()
    assert world.statuses == ["COMPLETE"]


def test_a_file_of_which_nothing_was_loaded_is_refused() -> None:
    world = Undoable()
    world.ledger.ignore(FileVersion("landing-example", KEY, etag="e", sequencer="0A"), "orders")
    with pytest.raises(SettingsFault, match="is IGNORED: nothing of it was loaded"):
        world.look()


def test_attempts_in_two_places_of_the_order_are_undone_only_where_the_last_has_replaced_the_others() -> None:
    world = loaded(BY_FILE, data=ROWS)
    Operator(world).retry(as_newest=True)
    world.deliver()
    assert world.look().last.order_ms != world.attempts()[0].order_ms
    last = world.ledger.files()[-1]
    last.status = Status.FAILED
    with pytest.raises(SettingsFault, match="loaded as the newest and not to its end"):
        world.look()


def test_attempts_with_other_keys_are_named() -> None:
    world = loaded(data=ROWS)
    world.deploy(msgspec.structs.replace(FEED, partition_key="n"))
    Operator(world).retry()
    world.deliver()
    first, last = world.attempts()
    assert world.look().not_found == (first.work.file.version,)
    assert world.look().loaded == (first, last)


def test_the_settings_of_an_undo_ask_for_keys_and_what_names_the_file_alone() -> None:
    world = loaded(data=ROWS)
    settings = world.look().settings
    assert settings.feed.write == "undo"
    assert undo_settings(settings) == settings
    assert undo_attribute(settings.feed) == "_row"
    assert settings.fingerprint != world.attempts()[0].settings
