"""What is reported of rows adds up to the row counts in the ledger, whatever becomes of a file and its workers."""

from collections.abc import Callable

import pytest

from ingest.contract import Metric, Status
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, not_noted
from ingest.dynamodb.write_stats import NOTHING_WRITTEN, WriteStats
from ingest.errors import IngestError, LeaseLost, ObjectSuperseded, Throttled, TooManyRejects
from ingest.feeds.feed import RowLimit
from ingest.file import FileVersion
from ingest.items.items import Items
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.worker.lease import Timing
from ingest.worker.load import Sizes
from tests.support.fakes import FakeTable
from tests.support.world import KEY, World, event

SIZES = Sizes(block=20, cell=36, window=48)
ROWS = "".join(f"k{n % 17},{'x' if n % 5 == 3 else n}\n" for n in range(60))
DATA = b"id,n\n" + ROWS.encode()
COUNTED = {
    "rows_read": Metric.ROWS_READ,
    "rows_written": Metric.ROWS_WRITTEN,
    "rows_rejected": Metric.ROWS_REJECTED,
    "rows_superseded": Metric.ROWS_SUPERSEDED,
    "bytes_read": Metric.BYTES_READ,
}


class KilledError(BaseException):
    """Ends a worker as SIGKILL does: nothing of ours may catch it."""


class ThenWriter(FakeTable):
    """A table with which something happens before the call of a number."""

    def __init__(self, call: int, then: Callable[[], None]) -> None:
        super().__init__()
        self.then = {call: then}

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        self.then.pop(len(self.calls), lambda: None)()
        return super().write(items, heartbeat)


def fails(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def small_steps(writer: FakeTable | None = None, *, segment_bytes: int = 10**6, limit: RowLimit | None = None) -> World:
    """A world in which a checkpoint is saved every few rows, with one file of 60."""
    timing = Timing(lease_s=60, checkpoint_s=0, stop_before_end_s=45)
    world = World(writer=writer, timing=timing, sizes=SIZES, segment_bytes=segment_bytes, limit=limit)
    world.objects.contents = {KEY: DATA}
    return world


def reported(world: World) -> RowCounts:
    sums = world.metrics.sums("orders")
    return RowCounts(**{name: int(sums.get(metric, 0)) for name, metric in COUNTED.items()})


def in_ledger(world: World) -> RowCounts:
    return world.entry().row_counts


def lines_with(world: World, metric: str) -> list[float]:
    return [value for _, values in world.metrics.lines if isinstance(value := values.get(metric), (int, float))]


def take_segments(world: World) -> None:
    """Do what was put in the queue, each message by a worker of its own."""
    for number, message in enumerate(world.queue.sent):
        world.take(message.body, message_id=f"s{number}")


# --- small and large files ---


def test_the_rows_of_a_small_file_are_reported_once_when_it_ends() -> None:
    world = World()
    world.take(event(KEY))
    assert reported(world) == in_ledger(world) == world.entry().row_counts
    assert len(lines_with(world, Metric.ROWS_READ)) == 1


def test_the_rows_of_a_file_are_reported_at_each_checkpoint_and_at_its_end() -> None:
    world = small_steps()
    world.take(event(KEY))
    assert reported(world) == in_ledger(world)
    assert reported(world).rows_read == 60
    assert len(lines_with(world, Metric.ROWS_READ)) > 5
    assert all(count > 0 for count in lines_with(world, Metric.BYTES_READ))


def test_the_rows_of_a_split_file_are_reported_by_its_segments_and_not_again_with_it() -> None:
    world = small_steps(segment_bytes=100)
    world.take(event(KEY))
    assert reported(world) == RowCounts(bytes_read=len(b"id,n\n"))  # the head is in no segment
    assert len(world.queue.sent) > 2
    assert {message.feed for message in world.queue.sent} == {"orders"}
    take_segments(world)
    assert world.entry().status == Status.COMPLETE
    assert reported(world) == in_ledger(world)
    assert reported(world).bytes_read == len(DATA)
    assert world.metrics.sums("orders")[Metric.SEGMENTS_DONE] == len(world.queue.sent)
    assert lines_with(world, Metric.FILES_COMPLETED) == [1]


def test_a_duplicate_adds_nothing() -> None:
    world = small_steps()
    world.take(event(KEY))
    world.take(event(KEY), message_id="m2")
    assert reported(world) == in_ledger(world)


# --- files that end early ---


def test_a_file_that_fails_midway_has_reported_the_rows_it_has_written() -> None:
    world = small_steps(limit=RowLimit(count=7))
    world.take(event(KEY))
    assert world.entry().status == Status.FAILED
    assert reported(world) == in_ledger(world)
    assert 8 < reported(world).rows_written < 40


def test_a_split_file_that_fails_has_reported_the_rows_of_all_its_segments() -> None:
    world = small_steps(segment_bytes=100, limit=RowLimit(count=3))
    world.take(event(KEY))
    take_segments(world)
    (_, _, outcome), *others = world.events.reported
    assert isinstance(outcome.error, TooManyRejects) and not others
    assert reported(world) == in_ledger(world)
    assert reported(world).rows_written > 0


def test_a_file_superseded_midway_has_reported_the_rows_that_count() -> None:
    world = small_steps(ThenWriter(6, fails(ObjectSuperseded("overwritten"))))
    world.take(event(KEY))
    assert world.entry().status == Status.SUPERSEDED
    assert reported(world) == in_ledger(world)
    assert 0 < reported(world).rows_written < 40


def test_a_file_with_a_wrong_header_reports_no_rows() -> None:
    world = small_steps()
    world.objects.contents[KEY] = b"no,head\n1,2\n"
    world.take(event(KEY))
    assert lines_with(world, Metric.FILES_FAILED) == [1]
    assert (reported(world), in_ledger(world)) == (NOTHING, NOTHING)


# --- killed, put back, too late ---


@pytest.mark.parametrize("call", range(1, 20, 3))
def test_a_killed_worker_has_reported_its_rows_up_to_the_last_checkpoint_and_whoever_goes_on_the_rest(
    call: int,
) -> None:
    world = small_steps(ThenWriter(call, fails(KilledError())))
    with pytest.raises(KilledError):
        world.take(event(KEY))
    assert reported(world) == in_ledger(world)
    so_far = reported(world).rows_read
    world.clock.time_s += 61
    world.take(event(KEY), delivery=2)
    assert world.entry().status == Status.COMPLETE
    assert reported(world) == in_ledger(world)
    assert so_far <= reported(world).rows_read == 60


@pytest.mark.parametrize("call", range(1, 20, 3))
def test_work_put_back_has_reported_its_rows_and_goes_on_behind_them(call: int) -> None:
    world = small_steps(ThenWriter(call, fails(Throttled("full"))))
    world.take(event(KEY))
    assert world.entry().status == Status.WAITING
    assert reported(world) == in_ledger(world)
    world.take(world.queue.sent[0].body, message_id="m2", stalls=1)
    assert world.entry().status == Status.COMPLETE
    assert reported(world) == in_ledger(world)


def test_a_worker_that_lost_its_lease_reports_no_rows_that_another_reports() -> None:
    world = small_steps()
    world.writer = ThenWriter(8, lambda: another_takes_over(world))
    with pytest.raises(LeaseLost):
        world.take(event(KEY))
    assert world.entry().status == Status.COMPLETE
    assert reported(world) == in_ledger(world)


def another_takes_over(world: World) -> None:
    world.clock.time_s += 61
    world.take(event(KEY), message_id="m1", delivery=2)


def test_an_outcome_reported_by_another_reports_no_rows_again() -> None:
    world = small_steps()
    world.events.error = Throttled("the bus is busy")
    with pytest.raises(IngestError):
        world.take(event(KEY))
    assert reported(world) == in_ledger(world)
    world.events.error = None
    world.take(event(KEY), delivery=2)
    assert lines_with(world, Metric.FILES_COMPLETED) == [1]
    assert reported(world) == in_ledger(world)


# --- how fast ---


def test_rows_per_second_are_those_written_since_it_reported_last() -> None:
    world = small_steps()
    world.clock.tick_s = 0.01
    world.take(event(KEY))
    rates, rows = lines_with(world, Metric.ROWS_PER_SECOND), lines_with(world, Metric.ROWS_WRITTEN)
    assert len(rates) == len(rows) > 5
    seconds = sum(written / rate for written, rate in zip(rows, rates, strict=True) if rate)
    assert 0 < seconds <= world.clock.time_s - (world.deadline_s - 900)


def test_a_file_that_takes_no_measurable_time_reports_no_rate() -> None:
    world = World()
    world.take(event(KEY))
    assert lines_with(world, Metric.ROWS_PER_SECOND) == []


# --- what writing met ---


class SlowTable(FakeTable):
    """A table that takes ten requests and many seconds for each call, and calls the heartbeat between them."""

    def __init__(self, world: Callable[[], World]) -> None:
        super().__init__()
        self._world = world

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        for _ in range(10):
            self.stats = self.stats.plus(WriteStats(requests=1, items=1, units=2))
            self._world().clock.time_s += 2
            heartbeat()
        return super().write(items, heartbeat)


def test_while_a_slow_table_is_written_to_what_it_meets_is_reported_every_few_seconds() -> None:
    worlds: list[World] = []
    worlds.append(World(writer=SlowTable(lambda: worlds[0])))
    world = worlds[0]
    world.take(event(KEY))
    assert lines_with(world, Metric.REQUESTS_SENT) == [3, 3, 3, 1]
    assert world.metrics.sums("orders")[Metric.WRITE_UNITS] == 20
    assert len(lines_with(world, Metric.ROWS_READ)) == 1


def test_what_a_writer_met_before_is_not_reported_again() -> None:
    world = World(writer=FakeTable(requests_a_call=3))
    world.take(event(KEY))
    world.take(event("orders/b.csv"), message_id="m2")
    assert lines_with(world, Metric.REQUESTS_SENT) == [3, 3]


def test_what_writing_met_is_reported_though_the_work_is_given_back() -> None:
    table = FakeTable(fail_after=0, error=Throttled("full"))
    world = World(writer=table)
    table.stats = NOTHING_WRITTEN

    def met(items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        table.stats = WriteStats(requests=4, items=100, throttled=4, by_key_range=4)
        raise Throttled("full")

    table.write = met  # type: ignore[method-assign]
    world.take(event(KEY))
    sums = world.metrics.sums("orders")
    assert (sums[Metric.REQUESTS_THROTTLED], sums[Metric.THROTTLED_BY_KEY_RANGE]) == (4, 4)
    assert Metric.THROTTLED_BY_ACCOUNT not in sums


def test_what_writing_met_is_reported_by_a_worker_whose_rows_do_not_count() -> None:
    world = small_steps()
    table = ThenWriter(8, lambda: setattr(world.entry(), "lease", "another's"))
    table.requests_a_call = 1
    world.writer = table
    with pytest.raises(LeaseLost):
        world.take(event(KEY))
    assert world.metrics.sums("orders")[Metric.REQUESTS_SENT] == len(table.calls) >= 9


# --- values ---


def test_metrics_never_name_a_file() -> None:
    world = small_steps()
    world.take(event(KEY))
    assert KEY not in repr(world.metrics.lines)
    assert FileVersion("b", KEY).url not in repr(world.metrics.lines)
