"""A file loaded again: its row counts are right, whatever the attempt before left, and no late worker disturbs them."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from ingest.contract import Status
from ingest.errors import (
    FileMissing,
    GivenUp,
    IngestError,
    ObjectSuperseded,
    SettingsFault,
    StillLoading,
    TableMissing,
    TooManyRejects,
    Unavailable,
)
from ingest.feeds.feed import Feed, Feeds, RowLimit
from ingest.file import FileVersion
from ingest.ledger.claims import LeaseToken, Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Checkpoint, Entry, SegmentPlan, WorkItem
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment
from ingest.recovery.retry import Retried, Retry
from ingest.worker.ports import Services
from tests.support.fakes import FakeTable, RecordingEvents, RecordingMetrics
from tests.support.memory_ledger import at
from tests.support.world import BUCKET, CSV, KEY, World, event

FOUR = RowCounts(rows_read=4, rows_written=2, rows_rejected=1, rows_superseded=1, bytes_read=len(CSV))


class FakeCopies:
    """The rejects of attempts, by the offset of each part."""

    def __init__(self) -> None:
        self.parts: dict[str, set[int]] = {}

    def any_of(self, file: FileVersion) -> bool:
        return bool(self.parts.get(file.version))

    def copy(self, old: FileVersion, new: FileVersion, *, wanted: Callable[[int], bool]) -> None:
        self.parts[new.version] = set(filter(wanted, self.parts.get(old.version, set())))


class Operator:
    """Somebody who retries files of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.copies = FakeCopies()
        self.events = RecordingEvents()

    def retry(self, start: Any = "start", key: str = KEY, *, as_newest: bool = False) -> Retried:
        return self._retry().run(self.attempts(key), start, as_newest=as_newest)

    def again(self, entry: Entry) -> bool:
        """Load what lies in the bucket now again, with the contents of an entry."""
        file = replace(entry.work.file, sequencer=None, event_time=None, retry=None)
        return self._retry().again(file, self.attempts(entry.work.file.key))

    def _retry(self) -> Retry:
        world = self.world
        services = Services(
            ledger=world.ledger,
            listing=_Listing(world),
            queue=world.queue,
            rejects_url=world.services.rejects_url,
            metrics=RecordingMetrics(),
            events=self.events,
            clock=world.clock,
            log=lambda message, fields: None,
        )
        return Retry(services, self.copies)

    def attempts(self, key: str = KEY) -> list[Entry]:
        works = [entry.work for entry in self.world.ledger.files() if entry.work.file.key == key]
        return [entry for entry in map(self.world.ledger.queries.entry, works) if entry]

    def deliver(self) -> None:
        """Let the function take all there is, one message after another."""
        while self.world.queue.sent:
            body = self.world.queue.sent.pop(0).body
            self.world.take(body, message_id=f"r{len(body)}-{body[-40:]}")


class _Listing:
    """The bucket of a world. Its objects have the eTags of the notifications, unless they were overwritten."""

    def __init__(self, world: World) -> None:
        self._world = world

    def under(self, bucket: str, prefix: str, *, after: str = "") -> Any:
        for file, changed_s in self._world.objects.under(bucket, prefix):
            etags = {r.work.file.etag for r in self._world.ledger.files() if r.work.file.key == file.key}
            overwritten = self._world.objects.changed_s.get(file.key)
            yield replace(file, etag="new" if overwritten else next(iter(etags), "e")), changed_s


def broken(error: IngestError) -> World:
    """A world whose table fails."""
    return World(writer=FakeTable(error=error, fail_after=0))


def failed(world: World) -> Operator:
    """An operator of a world in which the file had too many rejects."""
    world.take(event(KEY))
    assert world.entry().status == Status.FAILED
    return Operator(world)


def test_a_file_that_failed_is_loaded_again_by_another_name_and_the_failure_stays_on_record() -> None:
    world = World(limit=RowLimit(count=0))
    operator = failed(world)
    fixed = Feed("orders/", "Orders", "id", columns={"n": "N"})
    world.dispatcher = world.build(Feeds({"orders": fixed}))
    retried = operator.retry()
    assert (retried.is_new, retried.messages, retried.ended, retried.kept) == (True, 1, None, RowCounts())
    waiting = operator.attempts()[1]
    assert (waiting.status, waiting.attempts, waiting.work.file.retry) == (Status.WAITING, 0, 1)
    operator.deliver()
    assert [entry.status for entry in operator.attempts()] == [Status.FAILED, Status.COMPLETE]
    assert operator.attempts()[1].row_counts == FOUR


def test_a_file_that_no_feed_took_is_loaded_when_a_feed_takes_it() -> None:
    key = "later/a.csv"
    world = World()
    world.objects.contents[key] = world.objects.contents[KEY]
    world.take(event(key))
    operator = Operator(world)
    (entry,) = operator.attempts(key)
    assert entry.status == Status.FAILED
    assert "later/a.csv" in (entry.error or "")
    later = Feed("later/", "Later", "id", columns={"n": "N"})
    world.dispatcher = world.build(Feeds({**world.feeds.feeds, "later": later}))
    operator.retry(key=key)
    operator.deliver()
    assert [entry.status for entry in operator.attempts(key)] == [Status.FAILED, Status.COMPLETE]
    assert operator.attempts(key)[1].row_counts == FOUR


def test_a_complete_file_is_loaded_again_as_often_as_asked() -> None:
    world = World()
    world.take(event(KEY))
    operator = Operator(world)
    for number in (1, 2, 3):
        assert operator.retry().file.retry == number
        operator.deliver()
    assert [entry.status for entry in operator.attempts()] == [Status.COMPLETE] * 4
    assert {entry.row_counts for entry in operator.attempts()} == {FOUR}


def test_asked_twice_it_is_loaded_once() -> None:
    world = World()
    world.take(event(KEY))
    operator = Operator(world)
    first, second = operator.retry(), operator.retry()
    assert (first.file, first.is_new, second.file, second.is_new) == (second.file, True, first.file, False)
    assert len(world.queue.sent) == 2
    operator.deliver()
    assert [entry.status for entry in operator.attempts()] == [Status.COMPLETE] * 2


def test_a_crash_before_the_message_is_fixed_by_asking_again() -> None:
    world = World()
    world.take(event(KEY))
    operator = Operator(world)
    world.queue.error = Unavailable("The queue is away.")
    with pytest.raises(Unavailable):
        operator.retry()
    world.queue.error = None
    assert operator.retry().is_new is False
    operator.deliver()
    assert [entry.status for entry in operator.attempts()] == [Status.COMPLETE] * 2


def test_a_file_that_is_being_loaded_is_refused_for_as_long_as_its_lease_holds() -> None:
    world = World()
    file = FileVersion(BUCKET, KEY, etag="d41d8cd98f00b204e9800998ecf8427e", sequencer="0066F2")
    at(world.ledger, 1.0).leases.claim(
        WorkItem(file), feed="orders", token=LeaseToken("m1", 1, world.clock.time_s + 40)
    )
    operator = Operator(world)
    for start in ("start", "checkpoint"):
        with pytest.raises(StillLoading, match=r"is being loaded: .* for another 40 s"):
            operator.retry(start)
    assert world.queue.sent == []
    world.clock.time_s += 41
    retried = operator.retry()
    assert retried.is_new and retried.ended == file
    operator.deliver()
    assert [entry.status for entry in operator.attempts()] == [Status.SUPERSEDED, Status.COMPLETE]
    assert [outcome.status for _, _, outcome in operator.events.reported] == [Status.SUPERSEDED]


def test_a_file_is_refused_while_a_segment_of_it_is_held() -> None:
    world = World()
    file = FileVersion(BUCKET, KEY, etag="e", sequencer="0A", size_bytes=len(CSV))
    segment = Segment(Position(5, 2), Position(len(CSV), 6))
    token = LeaseToken("m1", 1, world.clock.time_s + 40)
    at(world.ledger, 1.0).leases.claim(WorkItem(file), feed="orders", token=token)
    at(world.ledger, 1.0).transitions.add_segment(file, segment)
    at(world.ledger, 1.0).transitions.split(file, token, SegmentPlan(segment.end, 1), head_bytes=5)
    at(world.ledger, 1.0).leases.claim(WorkItem(file, segment), feed="orders", token=token)
    with pytest.raises(StillLoading, match=r"bytes 5-\d+ of s3://landing-example/orders/a.csv is being loaded"):
        Operator(world).retry()


def test_a_worker_that_comes_back_late_counts_only_in_its_own_attempt() -> None:
    world = World()
    file = FileVersion(BUCKET, KEY, etag="e", sequencer="0A", size_bytes=len(CSV))
    late = LeaseToken("m1", 1, world.clock.time_s - 1)
    at(world.ledger, 1.0).leases.claim(WorkItem(file), feed="orders", token=late)
    operator = Operator(world)
    operator.retry()
    with pytest.raises(IngestError):  # it has lost its lease: the attempt has ended
        at(world.ledger, 2.0).transitions.end_file(file, late, Outcome(Status.COMPLETE, RowCounts(), 1.0))
    operator.deliver()
    assert operator.attempts()[1].row_counts == FOUR


def test_a_stuck_file_goes_on_at_its_checkpoint_as_the_attempt_it_is() -> None:
    world = broken(TableMissing("No table."))
    with pytest.raises(TableMissing):
        world.take(event(KEY))
    operator = Operator(world)
    retried = operator.retry("checkpoint")
    assert (retried.is_new, retried.messages) == (False, 1)
    world.writer = world.table
    operator.deliver()
    (entry,) = operator.attempts()
    assert (entry.status, entry.row_counts) == (Status.COMPLETE, FOUR)


def test_a_file_that_is_done_has_no_checkpoint() -> None:
    world = World()
    world.take(event(KEY))
    with pytest.raises(SettingsFault, match="is COMPLETE and has no checkpoint"):
        Operator(world).retry("checkpoint")


def test_a_failed_file_goes_on_where_all_was_counted_and_takes_the_rejects_before_that_along() -> None:
    world = World()
    file = FileVersion(BUCKET, KEY, etag="e", sequencer="0A", size_bytes=len(CSV))
    token = LeaseToken("m1", 1, world.clock.time_s)
    at(world.ledger, 1.0).leases.claim(WorkItem(file), feed="orders", token=token)
    reached = CSV.index(b"b,2")
    checkpoint = Checkpoint(Position(reached, 3), Position(reached, 3), RowCounts(1, 1, 0, 0, reached))
    ahead = RowCounts(3, 2, 1, 0, reached + 8)
    error = TooManyRejects("Too many.")
    at(world.ledger, 2.0).transitions.end_file(file, token, Outcome(Status.FAILED, ahead, 1.0, None, error, checkpoint))
    at(world.ledger, 2.0).transitions.note_reported(file, "orders", Status.FAILED)
    operator = Operator(world)
    operator.copies.parts[file.version] = {5, reached - 1, reached, reached + 4}
    retried = operator.retry("checkpoint")
    assert (retried.is_new, retried.kept) == (True, checkpoint.row_counts)
    assert operator.copies.parts[retried.file.version] == {5, reached - 1}
    operator.deliver()
    old, new = operator.attempts()
    assert (old.status, old.row_counts) == (Status.FAILED, ahead)
    assert (new.status, new.row_counts) == (Status.COMPLETE, FOUR)


def split_and_given_up(world: World) -> FileVersion:
    """A file in three segments: one done, one stopped half way, one never begun."""
    file = FileVersion(BUCKET, KEY, etag="e", sequencer="0A", size_bytes=len(CSV))
    ends = [5, 9, 13, len(CSV)]
    segments = [Segment(Position(a, n + 2), Position(b, n + 3)) for n, (a, b) in enumerate(pairwise(ends))]
    token = LeaseToken("m1", 1, world.clock.time_s)
    ledger = world.ledger
    at(ledger, 1.0).leases.note_newest(file)
    at(ledger, 1.0).leases.claim(WorkItem(file), feed="orders", token=token)
    for segment in segments:
        at(ledger, 1.0).transitions.add_segment(file, segment)
    at(ledger, 1.0).transitions.split(file, token, SegmentPlan(segments[-1].end, 3), head_bytes=5)
    for segment, is_whole, row_counts in ((0, True, RowCounts(1, 1, 0, 0, 4)), (1, False, RowCounts(1, 1, 0, 0, 4))):
        work = WorkItem(file, segments[segment])
        at(ledger, 1.0).leases.claim(work, feed="orders", token=token)
        if not is_whole:
            at(ledger, 1.0).transitions.give_up(file, Outcome(Status.FAILED, RowCounts(), 1.0, None, GivenUp("No.")))
        at(ledger, 1.0).transitions.end_segment(work, token, row_counts, is_whole=is_whole)
    at(ledger, 2.0).transitions.note_reported(file, "orders", Status.FAILED)
    return file


def test_a_split_file_that_was_given_up_loads_only_the_segments_that_are_not_done() -> None:
    world = World(segment_bytes=5)
    file = split_and_given_up(world)
    operator = Operator(world)
    operator.copies.parts[file.version] = {5, 10, 20}
    retried = operator.retry("checkpoint")
    assert (retried.messages, retried.kept.rows_read) == (3, 1)  # the file, to plan to its end, and two segments
    assert operator.copies.parts[retried.file.version] == {5}
    operator.deliver()
    old, new = operator.attempts()
    assert (old.status, old.row_counts.rows_read) == (Status.FAILED, 1)
    assert new.status == Status.COMPLETE
    assert (new.row_counts.rows_read, new.row_counts.bytes_read, new.row_counts.is_balanced) == (4, len(CSV), True)
    assert sorted(str(key) for (key,) in world.table.items) == ["b"]  # a was there already


def test_a_retry_from_the_start_has_nothing_of_one_from_the_checkpoint_that_broke_off() -> None:
    world = World(segment_bytes=5)
    split_and_given_up(world)
    operator = Operator(world)
    begin, world.ledger.retry = world.ledger.retry, _break_off  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        operator.retry("checkpoint")
    world.ledger.retry = begin  # type: ignore[method-assign]
    assert operator.retry().file.retry == 2
    operator.deliver()
    _, new = operator.attempts()
    assert (new.status, new.row_counts.rows_read) == (Status.COMPLETE, 4)


def _break_off(*_: Any, **__: Any) -> bool:
    raise Unavailable("The connection was cut.")


def test_a_file_with_a_newer_version_is_not_retried() -> None:
    world = World()
    world.take(event(KEY))
    operator = Operator(world)
    at(world.ledger, 1.0).leases.note_newest(FileVersion(BUCKET, KEY, etag="f", sequencer="0066F3"))
    world.objects.changed_s[KEY] = 5.0
    with pytest.raises(ObjectSuperseded, match=r"A newer version of s3://landing-example/orders/a\.csv is known"):
        operator.retry()


def test_contents_that_came_back_are_loaded_by_a_retry_of_the_version_that_had_them() -> None:
    """A, B, A: it was refused, because B was newer; and B, because it was overwritten."""
    world = World()
    world.take(event(KEY))
    at(world.ledger, 1.0).leases.note_newest(FileVersion(BUCKET, KEY, etag="f", sequencer="0066F3"))
    operator = Operator(world)
    retried = operator.retry()
    assert (retried.is_new, retried.messages, retried.file.sequencer) == (True, 1, None)
    operator.deliver()
    assert [entry.status for entry in operator.attempts()] == [Status.COMPLETE] * 2
    first, found = operator.attempts()
    assert operator.again(first)
    operator.deliver()
    assert [entry.work.file.retry for entry in operator.attempts()] == [None, None, 1]
    assert operator.attempts()[-1].work.file.first_version == found.work.file.first_version


def test_a_file_that_is_known_is_loaded_again_unless_it_is_open() -> None:
    world = World(limit=RowLimit(count=0))
    operator = failed(world)
    assert operator.again(operator.attempts()[0])
    assert not operator.again(operator.attempts()[0])  # it waits for its message
    operator.deliver()
    assert [entry.status for entry in operator.attempts()] == [Status.FAILED, Status.FAILED]


def test_a_newer_version_ends_a_retry() -> None:
    world = World()
    world.take(event(KEY))
    operator = Operator(world)
    operator.retry()
    at(world.ledger, 1.0).leases.note_newest(FileVersion(BUCKET, KEY, etag="f", sequencer="0066F3"))
    operator.deliver()
    assert [entry.status for entry in operator.attempts()] == [Status.COMPLETE, Status.SUPERSEDED]


def test_an_object_that_is_gone_or_overwritten_is_not_retried() -> None:
    world = World()
    world.take(event(KEY))
    operator = Operator(world)
    world.objects.changed_s[KEY] = 5.0
    with pytest.raises(ObjectSuperseded, match="has been overwritten since"):
        operator.retry()
    del world.objects.contents[KEY]
    with pytest.raises(FileMissing, match="no longer exists in its bucket"):
        operator.retry()
    assert world.queue.sent == []


def test_the_first_notification_come_again_late_does_not_disturb_a_retry() -> None:
    world = World()
    world.take(event(KEY))
    operator = Operator(world)
    operator.retry()
    operator.deliver()
    world.take(event(KEY), message_id="late")
    assert [entry.status for entry in operator.attempts()] == [Status.COMPLETE] * 2
