"""What the model has found, each in the smallest simulation that shows it."""

from collections.abc import Iterator

import pytest

from ingest.contract import RECONCILE_MESSAGE, Status
from ingest.errors import ObjectSuperseded
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Checkpoint
from ingest.worker.load import Load
from tests.model.check import check
from tests.model.deployments import FEED, HEAD, REFUSED, SIZES
from tests.model.scheduler import Act, Kind
from tests.model.simulation import STUCK_S, Kinds, ModelRun
from tests.support.fakes import FakeTable, RecordingRejects

KEY = "orders/b.csv"
ROWS = b"".join(b"k%d,%d\n" % (n % 4, 20 + n) for n in range(20))


class Loading:
    """One load of a file, which ends as scripted."""

    def __init__(self, data: bytes, *, breaks_at: int | None = None) -> None:
        self.table = FakeTable(refuse=lambda item: str(item["n"]) == REFUSED)
        self.rejects = RecordingRejects()
        self.checkpoints: list[Checkpoint] = []
        self.load = Load(
            feed=FEED,
            writer=self.table,
            rejects=self.rejects,
            at_checkpoint=self.checkpoints.append,
            sizes=SIZES,
        )
        self._data = data
        self._breaks_at = breaks_at

    def run(self, checkpoint: Checkpoint | None = None) -> RowCounts:
        return self.load.run(self._read, checkpoint=checkpoint)

    def _read(self, start: int, end: int | None) -> Iterator[bytes]:
        for at in range(start, len(self._data) if end is None else end):
            if at == self._breaks_at:
                raise ObjectSuperseded("It was overwritten.")
            yield self._data[at : at + 1]


def test_a_key_the_table_refused_is_written_later_whoever_loads_the_rest() -> None:
    """A row was counted as superseded by one that took the place of a refused one."""
    data = HEAD + b"k0,13\nk1,21\nk2,22\nk3,23\nk1,24\nk2,25\nk3,26\nk0,27\n" + ROWS
    whole = Loading(data)
    row_counts = whole.run()
    assert (row_counts.rows_read, row_counts.rows_rejected, row_counts.is_balanced) == (28, 1, True)
    assert len(whole.checkpoints) > 2
    for checkpoint in whole.checkpoints:
        assert Loading(data).run(checkpoint) == row_counts


def test_an_overwritten_object_leaves_the_rejects_of_its_last_part_to_others() -> None:
    """A slow worker put a part cut short over the whole one of a faster worker."""
    slow = Loading(HEAD + b"k0,x1\n" * 20, breaks_at=100)
    with pytest.raises(ObjectSuperseded):
        slow.run()
    assert len(slow.rejects.taken) > slow.rejects.durable == slow.load.row_counts.rows_rejected > 0
    assert slow.load.checkpoint is not None
    assert slow.load.row_counts == slow.load.checkpoint.row_counts


def test_an_object_that_is_gone_takes_nothing_from_what_was_counted() -> None:
    """A segment that went on at a checkpoint ended with no rows at all."""
    whole = Loading(HEAD + ROWS)
    whole.run()
    gone = Loading(HEAD + ROWS, breaks_at=0)
    with pytest.raises(ObjectSuperseded):
        gone.run(whole.checkpoints[0])
    assert gone.load.row_counts == whole.checkpoints[0].row_counts
    assert gone.load.checkpoint == whole.checkpoints[0]


def test_a_split_file_is_superseded_by_its_segments_when_a_newer_version_is_known() -> None:
    """Its segments were given up one by one, and then it was UNBALANCED."""
    simulation = ModelRun([])
    simulation.drop((KEY, HEAD + ROWS))
    planner = simulation.next_runner()
    assert planner is not None
    simulation.scheduler.run(planner)
    segments, simulation.queue.messages = simulation.queue.messages, []
    simulation.drop((KEY, HEAD + ROWS[6:]))
    simulation.run()
    simulation.queue.messages = segments
    simulation.run()
    check(simulation)
    assert [entry.status for entry in simulation.ledger.files()] == [Status.SUPERSEDED, Status.COMPLETE]


def test_an_older_version_is_not_complete_when_its_last_segment_ends() -> None:
    """All of it was loaded, but a newer version had come before."""
    simulation = ModelRun([])
    simulation.drop((KEY, HEAD + ROWS))
    for _ in range(2):  # the planner, and all segments but the last
        runner = simulation.next_runner()
        assert runner is not None
        simulation.scheduler.run(runner)
    (file,) = simulation.ledger.files()
    assert sum(map(len, file.ended.values())) == len(simulation.queue.messages) == 1
    simulation.ledger.newest[file.work.file.url] = "F"
    simulation.run()
    assert file.status == Status.SUPERSEDED


def test_a_segment_that_finds_its_object_gone_ends_the_file_before_itself() -> None:
    """The segment that ended last in between took the file for unbalanced; `Watch` looks at the order."""
    simulation = ModelRun([])
    simulation.drop((KEY, HEAD + ROWS))
    planner = simulation.next_runner()
    assert planner is not None
    simulation.scheduler.run(planner)
    simulation.drop((KEY, HEAD + ROWS[6:]), is_reported=False)
    simulation.run()
    check(simulation)
    assert [entry.status for entry in simulation.ledger.files()] == [Status.SUPERSEDED, Status.COMPLETE]


def test_an_object_whose_notification_died_with_two_workers_is_found_in_the_bucket() -> None:
    """Killed before and after it was noted as the newest, and never claimed: only the reconciler comes for it."""
    simulation = ModelRun([Act(0, Kind.KILL, 0), Act(4, Kind.KILL, 0)], most_received=2)
    simulation.drop((KEY, HEAD + b"a,20\n"))
    simulation.run()
    check(simulation)
    assert [entry.status for entry in simulation.ledger.files()] == [Status.COMPLETE]


def with_a_found_one_that_waited(kinds: Kinds | None = None) -> ModelRun:
    """Return a simulation in which an object was found, overwritten, and the newer version loaded, before anyone took
    the message for the first; and the reconciler is asked once more."""
    simulation = ModelRun([], kinds or Kinds())
    simulation.drop((KEY, HEAD + b"a,20\n"), is_reported=False)
    ask(simulation)
    found, simulation.queue.messages = simulation.queue.messages, []
    simulation.drop((KEY, HEAD + b"a,21\n"))
    simulation.run()
    simulation.clock.time_s += 60
    simulation.queue.messages = found
    simulation.run()
    ask(simulation)
    return simulation


def ask(simulation: ModelRun) -> None:
    """Let the reconciler look for what was dropped so far."""
    simulation.clock.time_s += STUCK_S
    simulation.queue.send([RECONCILE_MESSAGE])
    reconciler = simulation.next_runner()
    assert reconciler is not None
    simulation.scheduler.run(reconciler)


def test_a_reported_version_is_loaded_once_although_an_older_one_was_found_after_it() -> None:
    """It was taken for contents that had come back, and loaded as a version of its own."""
    simulation = with_a_found_one_that_waited()
    simulation.run()
    check(simulation)
    assert sorted(entry.status for entry in simulation.ledger.files()) == [Status.COMPLETE, Status.SUPERSEDED]


def with_a_deadly_file(kinds: Kinds | None = None, *, most_received: int) -> ModelRun:
    """Return a simulation in which one of four files of a batch kills each worker that reads it."""
    deadly = "orders/0.csv"
    simulation = ModelRun([], kinds or Kinds(), most_received=most_received, batch_size=4, deadly=deadly)
    for key in (deadly, "orders/a.csv", KEY, "orders/c.csv"):
        simulation.drop((key, HEAD + (ROWS if key == KEY else b"a,20\n")))
    return simulation


@pytest.mark.parametrize("most_received", [2, 3, 5, 9])
def test_a_file_that_kills_each_worker_stops_no_other_and_is_dead_lettered_with_its_reason(most_received: int) -> None:
    """All messages of its batch were dead-lettered with it, none with a reason."""
    simulation = with_a_deadly_file(most_received=most_received)
    simulation.run()
    check(simulation)
    statuses = {entry.work.file.key: entry.status for entry in simulation.ledger.files()}
    assert set(statuses.values()) - {statuses.pop("orders/0.csv")} == {Status.COMPLETE}
    assert {code for _, code, _ in simulation.dead_letters.dead_lettered} == {"worker_killed"}
    assert simulation.scheduler.deaths == max(2, most_received - 2)


def with_two_versions_at_once(first: int, second: int, kinds: Kinds | None = None) -> ModelRun:
    """Return a simulation in which a worker of a file stands still while a newer version of it is begun by another."""
    acts = [Act(first, Kind.SWITCH, 0), Act(second, Kind.SWITCH, 1)]
    simulation = ModelRun(acts, kinds or Kinds())
    simulation.drop((KEY, HEAD + b"a,20\n"))
    simulation.drop((KEY, HEAD + b"a,21\n"))
    return simulation


@pytest.mark.parametrize("first", range(12))
def test_two_versions_of_a_file_that_are_begun_at_the_same_moment_are_both_found(first: int) -> None:
    """Begun in the same HEAD, the one that another has just begun was forgotten: no one came for it."""
    for second in range(12):
        simulation = with_two_versions_at_once(first, second)
        simulation.run()
        check(simulation)


@pytest.mark.parametrize("first", range(46, 58, 3))
def test_a_retry_loads_the_newest_version_though_it_is_asked_for_an_older_one_of_the_same_contents(first: int) -> None:
    """Its worker's clock was late, so it seemed the older one; the object as found was passed over as known."""
    simulation = ModelRun([Act(first, Kind.GIVE_UP)], skews_s=(-90, 0))
    simulation.drop((KEY, HEAD + b"a,20\n"))
    worker = simulation.next_runner()
    assert worker is not None
    simulation.scheduler.run(worker)
    simulation.clock.time_s += 5
    simulation.drop((KEY, HEAD + b"a,20\n"))
    simulation.run()
    check(simulation)
    statuses = [entry.status for entry in simulation.ledger.files()]
    assert statuses == [Status.COMPLETE, Status.FAILED, Status.COMPLETE]


def test_a_retry_of_contents_that_came_back_is_not_taken_for_the_version_that_had_them_before() -> None:
    """A retry has no time of an event, by which the two differ: it was passed over."""
    simulation = ModelRun([])
    simulation.drop((KEY, HEAD + b"a,20\n"))
    simulation.run()
    simulation.clock.time_s += 60
    simulation.drop((KEY, HEAD + b"a,20\n"), is_reported=False)
    simulation.run()
    simulation.operator().retry(f"s3://landing/{KEY}", "start", most_calls=9)
    simulation.run()
    check(simulation)
    assert [entry.status for entry in simulation.ledger.files()] == [Status.COMPLETE] * 3


SMALL = (
    ("orders/a.csv", HEAD + b"".join(b"a%d,%d\n" % (n, 20 + n) for n in range(6))),
    ("orders/b.csv", HEAD + b"b,20\n"),
)
ALL_CALLS, FROM_START = 10, 2  # of GIVE_UP and of RETRY, for the first of two files


def test_an_undo_does_not_take_what_a_retry_left_that_was_cut_off_for_its_own_segments() -> None:
    """The segments that the retry had carried over were done, so the undo neither deleted their rows nor ended."""
    simulation = ModelRun([])
    simulation.drop((KEY, HEAD + ROWS))
    planner = simulation.next_runner()
    assert planner is not None
    simulation.scheduler.run(planner)
    operator = simulation.operator()
    first = simulation.next_runner()
    assert first is not None
    simulation.scheduler.run(first)
    operator.cancel(f"s3://landing/{KEY}", most_calls=9)
    assert "connection is gone" in str(operator.retry(f"s3://landing/{KEY}", "checkpoint", most_calls=2))
    simulation.clock.time_s += STUCK_S
    undo = operator.undo(operator.look(f"s3://landing/{KEY}"), most_calls=9)
    simulation.run()
    check(simulation)
    assert (undo.retry, simulation.table.items) == (2, {})


@pytest.mark.parametrize("first", range(20, 32, 2))
def test_an_undo_waits_until_a_worker_whose_file_was_cancelled_has_learnt_of_it(first: int) -> None:
    """It wrote for as long as it needed not renew its lease: rows came after the undo."""
    for second in (0, 3, 6):
        acts = [Act(first, Kind.SWITCH, 2), Act(second, Kind.GIVE_UP, ALL_CALLS), Act(0, Kind.UNDO, 0)]
        simulation = ModelRun(acts)
        for dropped in SMALL:
            simulation.drop(dropped)
        simulation.run()
        check(simulation)
        assert simulation.ledger.files()[0].status == Status.UNDONE


@pytest.mark.parametrize("third", range(40, 60, 5))
def test_a_retry_waits_until_a_worker_whose_undo_was_cancelled_has_learnt_of_it(third: int) -> None:
    """It deleted rows that the retry had written."""
    acts = [Act(44, Kind.UNDO, 0), Act(0, Kind.NOTIFY, 1), Act(third, Kind.SWITCH, 2)]
    acts += [Act(0, Kind.GIVE_UP, ALL_CALLS), Act(0, Kind.RETRY, FROM_START)]
    simulation = ModelRun(acts)
    for dropped in SMALL:
        simulation.drop(dropped)
    simulation.run()
    check(simulation)
    assert "cancelled" in [entry.error_code for entry in simulation.ledger.files() if entry.work.file.undo]


@pytest.mark.parametrize("is_ordered", [False, True])
def test_an_undo_does_not_make_an_object_known_that_was_put_since_with_the_same_contents(is_ordered: bool) -> None:
    """The model took the undo for a load of that object, and ended before the reconciler could find it."""
    simulation = ModelRun([], is_ordered=is_ordered)
    simulation.drop((KEY, HEAD + ROWS))
    simulation.run()
    loaded = dict(simulation.table.items)
    simulation.clock.time_s += 5
    simulation.drop((KEY, HEAD + ROWS), is_reported=False)
    operator = simulation.operator()
    operator.undo(operator.look(f"s3://landing/{KEY}"), most_calls=99)
    simulation.run()
    check(simulation)
    outcomes = [(entry.work.file.undo, entry.status) for entry in simulation.ledger.files()]
    assert outcomes == [(None, Status.UNDONE), (True, Status.COMPLETE), (None, Status.COMPLETE)]
    assert simulation.table.items.keys() == loaded.keys()
