"""A table that takes long for one block: what it has is saved within the block, and nothing of it is sent again."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.contract import Status
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, not_noted
from ingest.dynamodb.write_stats import NOTHING_WRITTEN, WriteStats
from ingest.errors import Throttled
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.items.items import Items, Refusal
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import NO_ITEMS, Checkpoint, WrittenItems
from ingest.rejects.reject import Reject
from ingest.worker import load as load_module
from ingest.worker.load import Load, Sizes
from tests.support.fakes import FakeObjects, RecordingRejects, reading
from tests.support.items import python_items
from tests.support.world import World, event

FEED = Feed("f/", "Table", "id", columns={"n": "N"}, csv=Csv(max_record_bytes=1024))
SIZES = Sizes(block=300, cell=360, window=900)
REFUSED = "13"


@dataclass
class BreakingTable:
    """Takes items one by one, in the order of `shuffle`, and breaks after `most`; `sent` counts each row put."""

    shuffle: int = 1
    most: int | None = None
    items: dict[Any, Any] = field(default_factory=dict)
    sent: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    stats: WriteStats = NOTHING_WRITTEN

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        refusals, rows = [], python_items(items)
        order = sorted(range(len(rows)), key=lambda row: (row * self.shuffle) % 101)
        for row in order:
            if self.most == 0:
                raise Throttled("The table takes no more, as scripted.")
            self.most = None if self.most is None else self.most - 1
            item = rows[row]
            if str(item.get("n")) == REFUSED:
                refusals.append(Refusal(row, "refused, as scripted"))
                continue
            self.items[item["id"]] = item
            self.sent[item["id"], item["note"]] += 1
            taken(range(row, row + 1) if self.shuffle == 1 else [row])
            heartbeat()
        return WriteResult(sorted(refusals, key=lambda refusal: refusal.row))


@dataclass
class Loaded:
    """What loads, one after another, left of a file."""

    table: BreakingTable
    rejects: dict[int, Reject] = field(default_factory=dict)
    row_counts: RowCounts | None = None
    loads: int = 0


def load_on(data: bytes, breaks: Sequence[int], *, shuffle: int = 1) -> Loaded:
    """Load a file by as many loads as it takes, each of which goes on where the one before broke off."""
    left = Loaded(BreakingTable(shuffle))
    begin: Checkpoint | None = None
    for most in [*breaks, None]:
        rejects = RecordingRejects()
        left.table.most, left.loads = most, left.loads + 1
        load = Load(feed=FEED, writer=left.table, rejects=rejects, ends_early=False, sizes=SIZES)
        try:
            left.row_counts = load.run(reading(data, 50), checkpoint=begin)
        except Throttled:
            assert load.checkpoint is not None
            assert begin is None or load.has_moved == (load.checkpoint != begin)
            begin = as_the_ledger_has_it(load.checkpoint)
        durable = rejects.taken if left.row_counts else rejects.taken[: rejects.durable]
        left.rejects |= {reject.byte_offset: reject for reject in durable}
        if left.row_counts:
            break
    return left


def as_the_ledger_has_it(checkpoint: Checkpoint) -> Checkpoint:
    return replace(checkpoint, written=WrittenItems.unpacked(checkpoint.written.packed()))


ROWS = st.lists(
    st.tuples(st.integers(0, 14), st.sampled_from(["1", "2", "x", REFUSED])).map(lambda row: f"k{row[0]},{row[1]}"),
    max_size=60,
)


@settings(max_examples=150)
@given(rows=ROWS, breaks=st.lists(st.integers(0, 12), max_size=12), shuffle=st.sampled_from([1, 37]))
def test_a_file_that_is_broken_off_anywhere_in_a_block_ends_as_if_never_and_no_row_is_sent_twice(
    rows: list[str], breaks: list[int], shuffle: int
) -> None:
    data = ("id,n,note\n" + "".join(f"{row},row {number}\n" for number, row in enumerate(rows))).encode()
    whole, parts = load_on(data, []), load_on(data, breaks, shuffle=shuffle)
    assert parts.row_counts == whole.row_counts
    assert parts.rejects == whole.rejects
    assert parts.table.items == whole.table.items
    assert set(parts.table.sent.values()) <= {1}


@settings(max_examples=100)
@given(
    rows=st.lists(
        st.sampled_from(['k1,1,"a\nb"\n', "k1,2,x\r\n", "k2,x,y\n", 'k3,3,"a\r\n\r\nb"\n', "\n", 'k4,"4" z\n', "k2\n"])
    ),
    lines=st.integers(1, 9),
)
def test_a_block_taken_in_parts_of_few_rows_ends_as_one_taken_at_once(rows: list[str], lines: int) -> None:
    data = ("id,n,note\n" + "".join(rows)).encode()
    with pytest.MonkeyPatch.context() as patch:
        whole = load_on(data, [])
        patch.setattr(load_module, "PART_LINES", lines)
        parts = load_on(data, [2, 3])
    assert (parts.row_counts, parts.rejects, parts.table.items) == (whole.row_counts, whole.rejects, whole.table.items)
    assert sorted(parts.rejects) == list(parts.rejects)


# --- what is remembered ---


def test_more_refusals_than_the_ledger_keeps_are_all_sent_again() -> None:
    rows = [f"k{number},{REFUSED}" for number in range(150)]
    data = ("id,n,note\n" + "\n".join(rows) + "\n").encode()
    sizes = Sizes(block=1500, cell=10_000)
    load = Load(feed=FEED, writer=BreakingTable(), rejects=RecordingRejects(), ends_early=False, sizes=sizes)
    assert load.run(reading(data, 50)).rows_rejected == 150
    assert load.checkpoint is not None
    assert load.checkpoint.written == NO_ITEMS


def test_a_writer_that_says_nothing_is_known_to_have_written_only_whole_calls() -> None:
    class Silent(BreakingTable):
        def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
            return super().write(items, heartbeat)

    data = b"id,n,note\n" + b"".join(b"k%d,1,x\n" % number for number in range(4))
    load = Load(feed=FEED, writer=Silent(most=3), rejects=RecordingRejects())
    with pytest.raises(Throttled):
        load.run(reading(data, 50))
    assert load.checkpoint is not None
    assert (load.has_moved, load.checkpoint.written.complete) == (False, 0)


@pytest.mark.parametrize("count", [1, 840_000])
def test_what_is_kept_of_a_block_is_small_where_rows_are_written_in_order(count: int) -> None:
    written = WrittenItems(3, b"\1" * (count // 2) + b"\0" * (count // 2), ((2, "no such key", "refused_by_dynamodb"),))
    assert len(written.packed()) < 1500
    assert WrittenItems.unpacked(written.packed()) == written


# --- by functions, in virtual time ---


@dataclass
class SlowTable:
    """Takes some items a second, of the world's time; a heartbeat before each request, as the real writer has it."""

    world: World
    rows_per_s: float
    sent: int = 0
    stats: WriteStats = NOTHING_WRITTEN

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        for start in range(0, len(items), 25):
            heartbeat()
            rows = range(start, min(start + 25, len(items)))
            self.world.clock.time_s += len(rows) / self.rows_per_s
            self.sent += len(rows)
            taken(rows)
        return WriteResult()


def test_a_table_of_25_write_units_gets_a_file_of_6_mb_in_the_time_its_rows_take_and_each_row_once() -> None:
    rows = 120_000
    data = b"id,n,note\n" + b"".join(b"k%08d,%d,%s\n" % (i, i, b"y" * 32) for i in range(rows))
    world = World()
    world.objects = FakeObjects({"orders/slow.csv": data}, portion=1 << 20)
    world.dispatcher = world.build(world.feeds)
    world.writer = table = SlowTable(world, 25)
    message, started_s = event("orders/slow.csv"), world.clock.time_s
    for number in range(12):
        world.deadline_s = world.clock.time_s + 900
        world.take(message, message_id=f"m{number}")
        if world.entry("orders/slow.csv").status == Status.COMPLETE:
            break
        assert world.queue.sent[-1].stalls == 0
    outcome = world.entry("orders/slow.csv").outcome
    assert outcome is not None
    assert (outcome.status, outcome.row_counts.rows_written) == (Status.COMPLETE, rows)
    assert table.sent <= 1.01 * rows
    assert world.clock.time_s - started_s < 1.1 * rows / 25


def test_a_worker_that_is_killed_within_a_block_loses_half_a_minute_of_writing() -> None:
    world = World()
    world.objects.contents["orders/slow.csv"] = b"id,n\n" + b"".join(b"k%d,1\n" % i for i in range(10_000))

    class Killed(BaseException):
        pass

    class Dying(SlowTable):
        def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
            def beat() -> None:
                heartbeat()
                if self.sent >= 5_000:
                    raise Killed

            return super().write(items, beat, taken)

    world.writer = Dying(world, 25)
    with pytest.raises(Killed):
        world.take(event("orders/slow.csv"))
    checkpoint = world.entry("orders/slow.csv").checkpoint
    assert checkpoint is not None
    assert (checkpoint.row_counts.rows_read, checkpoint.written.complete) == (0, 0)
    assert checkpoint.written.done.count(1) >= 5_000 - 30 * 25
