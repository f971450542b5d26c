"""What no message brings to its end is found: stuck work is sent again, and given up if that does not help."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from ingest.aws.clock import iso_day
from ingest.contract import NO_FEED, Metric, Status
from ingest.errors import ObjectArchived, Throttled
from ingest.feeds.feed import Feed, Feeds
from ingest.file import FileVersion
from ingest.ledger.claims import LeaseToken
from ingest.ledger.work_item import WorkItem
from ingest.queue.messages import Reconcile, Restored, body_of, read_message
from ingest.worker.reconcile import (
    ARCHIVED_DAYS,
    DAY_S,
    LONG_QUEUE,
    LOOKS_AT_ALL_S,
    MOST_FAILED,
    Findings,
    Reconciler,
)
from tests.support.fakes import SentMessage
from tests.support.world import BUCKET, EVENT_S, KEY, World, event

STUCK_S = 3600.0
FILE = FileVersion(BUCKET, KEY, etag="e", sequencer="0A", size_bytes=24)


def world() -> World:
    """A world in which every object is known."""
    made = World()
    made.objects.contents = {KEY: b"id,n\na,1\n"}
    return made


FEEDS = Feeds({"orders": Feed("orders/", "Orders", "id")})


def reconciler(world: World) -> Reconciler:
    return Reconciler(FEEDS, world.services, bucket=BUCKET, stuck_s=STUCK_S)


def look(world: World) -> Findings:
    return reconciler(world).run()


def try_once(world: World, message_id: str = "m") -> None:
    """Claim the file and put it back without progress."""
    now_s = world.clock.time_s
    token = LeaseToken(message_id, 1, now_s + 60, "w")
    world.ledger.leases.note_newest(FILE)
    world.ledger.leases.claim(WorkItem(FILE), feed="orders", token=token)
    world.ledger.leases.put_back(WorkItem(FILE), token, None, Throttled("full"))


def test_work_whose_message_may_still_come_is_left_alone() -> None:
    made = world()
    try_once(made)
    made.clock.time_s += STUCK_S - 1
    assert look(made).is_nothing
    assert made.queue.sent == []


def test_work_that_no_one_has_touched_for_long_is_sent_again_once_in_that_time() -> None:
    made = world()
    try_once(made)
    made.clock.time_s += STUCK_S
    assert look(made).files_sent_again == 1
    assert look(made).files_sent_again == 0
    (message,) = made.queue.sent
    assert read_message(message.body) == WorkItem(FILE)
    assert message.feed == "orders"


def test_work_whose_lease_holds_is_never_sent_again() -> None:
    made = world()
    token = LeaseToken("m", 1, made.clock.time_s + 10 * STUCK_S, "w")
    made.ledger.leases.claim(WorkItem(FILE), feed="orders", token=token)
    made.clock.time_s += 2 * STUCK_S
    assert look(made).is_nothing


def test_a_file_no_one_can_finish_fails_with_the_last_error_and_what_to_do() -> None:
    made = world()
    for number in range(4):
        try_once(made, f"m{number}")
        made.clock.time_s += STUCK_S
        findings = look(made)
    assert findings.files_given_up == 1
    (entry,) = made.ledger.files()
    assert entry.status == Status.FAILED
    ((_, _, outcome),) = made.events.reported
    assert outcome.error is not None
    assert outcome.error.code == "given_up"
    assert "full" in str(outcome.error)
    assert str(outcome.error).endswith("retry the file.")


def test_a_file_that_is_only_late_is_not_given_up() -> None:
    made = world()
    try_once(made)
    for _ in range(10):  # its messages wait in the queue, and no one has come to them
        made.clock.time_s += STUCK_S
        assert look(made).files_given_up == 0


def test_behind_a_long_queue_nothing_is_sent_again() -> None:
    made = world()
    try_once(made)
    made.queue.sent = [SentMessage("x")] * LONG_QUEUE
    made.clock.time_s += STUCK_S
    assert look(made).files_sent_again == 0


def test_an_outcome_that_was_not_reported_is_reported() -> None:
    made = world()
    made.events.error = Throttled("the bus is busy")
    with pytest.raises(Throttled):
        made.take(f'{{"ingest":"file","file":{{"bucket":"{BUCKET}","key":"{KEY}","etag":"e","sequencer":"0A"}}}}')
    made.events.error = None
    assert look(made).outcomes_reported == 0  # whoever closed it may be about to report
    made.clock.time_s += 61
    assert look(made).outcomes_reported == 1
    assert [outcome.status for _, _, outcome in made.events.reported] == [Status.COMPLETE]


def oldest(world: World, feed: str = "orders") -> list[object]:
    """Return the ages that were reported, one for each look."""
    metric = Metric.OLDEST_UNFINISHED_FILE
    return [values[metric] for name, values in world.metrics.lines if name == feed and metric in values]


def test_the_age_of_the_oldest_file_that_has_not_ended_is_reported_for_each_feed() -> None:
    made = world()
    try_once(made)
    made.clock.time_s += 100
    look(made)
    younger = WorkItem(replace(FILE, key="orders/b.csv"))
    made.ledger.leases.claim(younger, feed="orders", token=LeaseToken("n", 1, 0, "w"))
    made.clock.time_s += 50
    look(made)
    assert oldest(made) == [100, 150]


def test_where_no_file_is_unfinished_its_age_is_0_so_that_an_alarm_sees_it() -> None:
    made = world()
    made.take(f'{{"ingest":"file","file":{{"bucket":"{BUCKET}","key":"{KEY}","etag":"e","sequencer":"0A"}}}}')
    made.metrics.lines.clear()
    made.clock.time_s += 100
    look(made)
    assert oldest(made) == [0.0]


def test_a_file_that_is_given_up_is_not_unfinished_any_more() -> None:
    made = world()
    for number in range(4):
        try_once(made, f"m{number}")
        made.clock.time_s += STUCK_S
        look(made)
    assert oldest(made) == [STUCK_S, 2 * STUCK_S, 3 * STUCK_S, 0.0]


def test_a_file_that_has_ended_and_was_not_reported_of_is_not_unfinished() -> None:
    made = world()
    made.events.error = Throttled("the bus is busy")
    with pytest.raises(Throttled):
        made.take(f'{{"ingest":"file","file":{{"bucket":"{BUCKET}","key":"{KEY}","etag":"e","sequencer":"0A"}}}}')
    made.events.error = None
    look(made)
    assert oldest(made) == [0.0]


def test_what_has_no_feed_is_reported_of_only_while_it_is_unfinished() -> None:
    made = world()
    look(made)
    assert oldest(made, NO_FEED) == []
    made.ledger.leases.claim(WorkItem(FILE), feed=NO_FEED, token=LeaseToken("n", 1, 0, "w"))
    made.clock.time_s += 30
    look(made)
    assert oldest(made, NO_FEED) == [30]


@pytest.mark.parametrize(("age_s", "found"), [(STUCK_S - 1, 0), (STUCK_S + 1, 1), (STUCK_S + 100_000, 0)])
def test_an_object_no_one_was_reported_of_is_found_within_a_day(age_s: float, found: int) -> None:
    made = world()
    made.objects.changed_s[KEY] = made.clock.time_s - age_s
    assert look(made).objects_not_known == found
    assert len(made.queue.sent) == found


def test_an_object_that_is_known_is_not_found() -> None:
    made = world()
    made.objects.changed_s[KEY] = EVENT_S
    try_once(made)
    made.clock.time_s = EVENT_S + STUCK_S + 1
    assert look(made).objects_not_known == 0


def test_contents_that_come_back_are_found() -> None:
    """A, B, and A again, whose notification was lost: the first A was taken for it, and B stayed in the table."""
    made = world()
    for message_id, sequencer, etag in (("m1", "0A", "e"), ("m2", "0B", "b")):
        body = json.loads(event(KEY, sequencer=sequencer))
        body["Records"][0]["s3"]["object"]["eTag"] = etag
        made.take(json.dumps(body), message_id=message_id)
    made.objects.changed_s[KEY] = EVENT_S + 10
    made.clock.time_s = EVENT_S + STUCK_S + 11
    made.deadline_s = made.clock.time_s + 900
    made.queue.sent.clear()
    assert look(made).objects_not_known == 1
    made.take(made.queue.sent[-1].body, message_id="m3")
    assert [entry.status for entry in made.ledger.files() if entry.work.file.etag == "e"] == [Status.COMPLETE] * 2
    assert look(made).objects_not_known == 0


def test_the_same_contents_put_again_are_found_by_their_age() -> None:
    made = world()
    try_once(made)
    made.objects.changed_s[KEY] = EVENT_S + 10
    made.clock.time_s = EVENT_S + STUCK_S + 11
    assert look(made).objects_not_known == 1


@pytest.mark.parametrize("key", ["orders/_SUCCESS", "orders/.a.csv.crc", "orders/2026/", "orders/_temporary/0/a.csv"])
def test_an_object_that_is_not_to_be_loaded_is_not_found(key: str) -> None:
    made = world()
    made.objects.contents = {KEY: b"id,n\na,1\n", key: b""}
    made.objects.changed_s = dict.fromkeys(made.objects.contents, made.clock.time_s - STUCK_S - 1)
    assert look(made).objects_not_known == 1
    (message,) = made.queue.sent
    work = read_message(message.body)
    assert isinstance(work, WorkItem) and work.file.key == KEY


def test_an_object_that_was_ignored_and_is_to_be_loaded_now_is_found() -> None:
    made = world()
    made.objects.changed_s[KEY] = made.clock.time_s - STUCK_S - 1
    made.ledger.transitions.ignore(FILE, "orders")
    assert look(made).objects_not_known == 1


RECONCILE = '{"ingest": "reconcile"}'


def test_a_run_keeps_its_message_hidden_and_its_lease_while_it_works() -> None:
    """A run of 80 s was joined by a second one, then by more, and its message was dead-lettered."""
    made = world()
    made.objects.contents = {f"orders/{n}.csv": b"id,n\na,1\n" for n in range(8000)}
    made.objects.changed_s = dict.fromkeys(made.objects.contents, made.clock.time_s - 2 * STUCK_S)
    kept: list[float] = []
    others: list[Findings] = []

    def unknown(files: Iterable[FileVersion]) -> Iterator[FileVersion]:
        made.clock.time_s += 10 * (len(list(files)) > 0)
        others.append(look(made))
        return iter(())

    made.ledger.unknown = unknown  # type: ignore[method-assign]
    began_s = made.clock.time_s
    found = reconciler(made).run(token=LeaseToken("m", 1, 0.0), keep=lambda: kept.append(made.clock.time_s))
    assert made.clock.time_s == began_s + 80
    assert found.is_nothing
    assert len(others) == 8
    assert all(other.is_busy for other in others)
    assert all(later - earlier <= 20 for earlier, later in pairwise([began_s, *kept, made.clock.time_s]))
    made.ledger.unknown = lambda files: iter(())  # type: ignore[method-assign]
    assert not look(made).is_busy  # the turn is over


def test_a_run_hands_over_before_its_function_is_stopped_and_goes_on_where_it_was() -> None:
    made = world()
    made.objects.contents = {f"orders/{n:04}.csv": b"id,n\na,1\n" for n in range(3500)}
    made.objects.changed_s = dict.fromkeys(made.objects.contents, made.clock.time_s - 2 * STUCK_S)
    asked: list[str] = []

    def unknown(files: Iterable[FileVersion]) -> Iterator[FileVersion]:
        made.clock.time_s += 100
        asked.extend(file.key for file in files)
        return iter(())

    made.ledger.unknown = unknown  # type: ignore[method-assign]
    made.deadline_s, body = made.clock.time_s + 245, RECONCILE
    for hop in range(1, 5):
        made.queue.sent.clear()
        made.take(body, message_id=f"m{hop}")
        if not made.queue.sent:
            break
        (message,) = made.queue.sent
        assert (message.hops, message.stalls) == (1, 0)
        made.deadline_s, body = made.clock.time_s + 245, message.body
    assert hop == 2
    assert asked == sorted(made.objects.contents)
    assert made.ledger.looked[-1].until_s == pytest.approx(made.clock.time_s - 400 - STUCK_S)


def test_an_event_bus_that_is_down_does_not_stop_the_rest() -> None:
    made = world()
    made.events.error = Throttled("the bus is down")
    for number in range(3):
        key = f"orders/{number}.csv"
        made.objects.contents[key] = b"id,n\na,1\n"
        with pytest.raises(Throttled):
            made.take(f'{{"ingest":"file","file":{{"bucket":"{BUCKET}","key":"{key}","etag":"e","sequencer":"0A"}}}}')
    try_once(made)
    lost = "orders/lost.csv"
    made.objects.contents[lost] = b"id,n\na,1\n"
    made.objects.changed_s = {lost: made.clock.time_s}
    made.clock.time_s += STUCK_S
    made.queue.sent.clear()
    found = look(made)
    assert (found.not_looked_after, found.files_sent_again, found.objects_not_known) == (1, 1, 1)
    made.events.error = None
    assert look(made).outcomes_reported == 3


def test_an_object_is_asked_for_once_and_again_when_a_whole_day_is_looked_at() -> None:
    made = world()
    made.objects.changed_s = {KEY: made.clock.time_s}
    asked: list[float] = []

    def unknown(files: Iterable[FileVersion]) -> Iterator[FileVersion]:
        asked.extend(made.clock.time_s - began_s for _ in files)
        return iter(())

    made.ledger.unknown = unknown  # type: ignore[method-assign]
    began_s = made.clock.time_s
    for n in range(4 * 30):  # every quarter of an hour, for more than a day
        made.clock.time_s = began_s + n * 900
        made.deadline_s = made.clock.time_s + 900
        made.take(RECONCILE, message_id=f"m{n}")
    hours = [round(second / 3600, 2) for second in asked]
    assert hours[:5] == [1.0, 1.25, 1.5, 1.75, 2.0]  # an hour is looked at again
    assert len(hours) <= 5 + 5


def test_a_run_behind_a_long_queue_is_made_good_later() -> None:
    """No window is left out, however long nothing was looked for."""
    made = world()
    made.take(RECONCILE)
    made.objects.changed_s = {KEY: made.clock.time_s}
    made.queue.sent = [SentMessage("x")] * LONG_QUEUE
    made.deadline_s += 4 * DAY_S
    for _ in range(3):
        made.clock.time_s += DAY_S
        made.take(RECONCILE)
    made.queue.sent = []
    made.clock.time_s += 900
    made.take(RECONCILE)
    (found,) = [read_message(message.body) for message in made.queue.sent]
    assert isinstance(found, WorkItem)
    assert found.file.key == KEY


def test_a_feed_with_more_open_files_than_one_run_can_see_does_not_go_round_for_ever() -> None:
    made = world()
    try_once(made)
    made.deadline_s = made.clock.time_s + 45
    run = reconciler(made)
    first = run.run(token=LeaseToken("m", 1, 0.0), end_s=made.clock.time_s).rest
    assert first == Reconcile("open orders", "", made.clock.time_s - STUCK_S)
    second = run.run(first, token=LeaseToken("n", 1, 0.0), end_s=made.clock.time_s).rest
    assert second is not None
    assert second.step != first.step


# --- archived objects ---


def archived(retry: int | None = None) -> World:
    """A world in which a file has failed because its object was archived, and half an hour has passed."""
    made = world()
    made.objects.breaks[KEY] = (0, ObjectArchived("It is archived."))
    made.take(body_of(WorkItem(replace(FILE, retry=retry))))
    made.clock.time_s += STUCK_S / 2
    assert made.entry().error_code == "archived"
    return made


def test_an_archived_object_whose_restore_event_was_lost_is_loaded() -> None:
    made = archived()
    assert look(made).objects_restored == 0  # it cannot be read yet
    del made.objects.breaks[KEY]
    assert look(made).objects_restored == 1
    (message,) = made.queue.sent
    assert (read_message(message.body), message.feed) == (Restored(FILE), "orders")
    made.deadline_s += DAY_S
    made.take(message.body, message_id="m2")
    assert [entry.status for entry in made.ledger.files()] == [Status.FAILED, Status.COMPLETE]
    assert look(made).objects_restored == 0


@pytest.mark.parametrize("days", [29, 31])
def test_it_is_looked_for_30_days(days: int) -> None:
    made = archived()
    del made.objects.breaks[KEY]
    made.clock.time_s += days * DAY_S
    assert look(made).objects_restored == (days < ARCHIVED_DAYS)


def test_a_service_that_does_not_answer_stops_nothing_else() -> None:
    made = archived()

    def failing(file: FileVersion) -> bool:
        raise Throttled("slow")

    made.objects.is_readable = failing  # type: ignore[method-assign]
    found = look(made)
    assert (found.not_looked_after, found.objects_restored) == (1, 0)


def test_not_more_than_a_thousand_failed_files_of_a_feed_are_looked_at() -> None:
    made, looked = archived(), list[FileVersion]()
    (failed,) = made.ledger.ended_files("orders", Status.FAILED, iso_day(made.clock.time_s))
    files = (replace(failed, work=WorkItem(replace(FILE, key=f"orders/{n}.csv"))) for n in range(2000))
    made.ledger.ended_files = lambda feed, *_, **__: files if feed == "orders" else iter(())  # type: ignore[method-assign, assignment]
    made.objects.is_readable = lambda file: looked.append(file) is not None  # type: ignore[method-assign]
    look(made)
    assert len(looked) == MOST_FAILED


def test_only_now_and_then_is_it_looked_for_archived_objects() -> None:
    made = archived()
    del made.objects.breaks[KEY]
    scheduled = LeaseToken("m", 1, 0.0, "w")
    counts = []
    for _ in range(3):
        counts.append(reconciler(made).run(token=scheduled).objects_restored)
        made.clock.time_s += LOOKS_AT_ALL_S / 2
    assert counts == [1, 0, 1]  # its message was not taken
