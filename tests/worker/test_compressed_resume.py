"""A file that must be expanded again up to its checkpoint: its lease is kept, and it ends if that is too far."""

import bz2
import gzip
from collections.abc import Callable, Generator
from random import Random

import pytest

from ingest.contract import Status
from ingest.errors import Throttled
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.file import FileVersion
from ingest.ledger.work_item import Checkpoint
from ingest.reading import compression
from ingest.worker import load as load_module
from ingest.worker.load import Load, Sizes
from tests.support.fakes import FakeObjects, FakeTable, RecordingRejects, reading
from tests.support.world import World, event

CHANCE = Random(1)
ROWS = b"".join(b"k%06d,%d,%s\n" % (n, n, CHANCE.randbytes(32).hex().encode()) for n in range(10_000))
TEXT = b"id,n,note\n" + ROWS
SIZES = Sizes(block=50_000, cell=50_000, window=100_000)
PORTION = 32 * 1024
KEY = "orders/a.csv.gz"


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "EXPANDED_PORTION_BYTES", PORTION)
    monkeypatch.setattr(load_module, "HEARTBEAT_BYTES", PORTION)


PACKED = {
    "gzip": (gzip.compress(TEXT, 1), Csv(max_record_bytes=1024)),
    "bzip2": (bz2.compress(TEXT, 1), Csv(max_record_bytes=1024)),
    "two-byte characters": (TEXT.decode().encode("utf-16"), Csv(max_record_bytes=1024, encoding="utf-16")),
}


@pytest.mark.parametrize("name", PACKED)
def test_heartbeats_come_while_a_file_is_expanded_up_to_its_checkpoint(name: str) -> None:
    data, csv = PACKED[name]
    feed, found = Feed("f/", "Table", "id", csv=csv), list[Checkpoint]()
    whole = Load(feed=feed, writer=FakeTable(), rejects=RecordingRejects(), at_checkpoint=found.append, sizes=SIZES)
    whole.run(reading(data, PORTION))
    happened: list[str] = []
    again = Load(
        feed=feed,
        writer=FakeTable(),
        rejects=RecordingRejects(),
        heartbeat=lambda: happened.append("heartbeat"),
        before_block=lambda: happened.append("block"),
        sizes=SIZES,
    )
    assert again.run(reading(data, PORTION), checkpoint=found[-2]) == whole.row_counts
    assert happened.index("block") >= found[-2].window.text_byte // PORTION - 2 > 10


class SlowObjects(FakeObjects):
    """Objects each portion of which takes some of the world's time; `look` is called before each."""

    world: World
    seconds = 0.0
    look: Callable[[], None] = staticmethod(lambda: None)

    def portions(
        self, file: FileVersion, start: int = 0, end: int | None = None, *, ahead: int = 0
    ) -> Generator[bytes, None, None]:
        for portion in super().portions(file, start, end, ahead=ahead):
            self.world.clock.time_s += self.seconds
            self.look()
            yield portion


def half_loaded() -> tuple[World, SlowObjects]:
    """Return a world with a compressed file that was put back near its end."""
    world = World(writer=FakeTable(fail_after=12, error=Throttled("full")))
    world.objects = objects = SlowObjects({KEY: gzip.compress(TEXT, 1)}, portion=PORTION)
    objects.world = world
    world.dispatcher = world.build(world.feeds, sizes=SIZES)
    world.take(event(KEY))
    assert world.entry(KEY).status == Status.WAITING
    world.writer = world.table
    return world, objects


def take(world: World) -> None:
    world.deadline_s = world.clock.time_s + 900
    world.take(event(KEY), message_id="m2")


def test_the_lease_holds_while_a_file_is_expanded_up_to_its_checkpoint() -> None:
    world, objects = half_loaded()
    left_s: list[float] = []
    objects.seconds = 25.0
    objects.look = lambda: left_s.append(world.entry(KEY).until_s - world.clock.time_s)
    take(world)
    assert len(left_s) * objects.seconds > 5 * 60
    assert min(left_s) > 0
    assert world.entry(KEY).status == Status.COMPLETE


def test_a_checkpoint_that_no_function_can_come_to_ends_the_file() -> None:
    world, objects = half_loaded()
    objects.seconds = 85.0
    take(world)
    outcome = world.entry(KEY).outcome
    assert outcome is not None
    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (Status.FAILED, "checkpoint_out_of_reach")
    assert "a function has 900 s" in str(outcome.error)
    assert outcome.row_counts.rows_written > 5_000
    assert world.queue.sent[1:] == []


def test_a_function_with_little_time_left_puts_it_back_for_another() -> None:
    world, objects = half_loaded()
    objects.seconds = 25.0
    world.deadline_s = world.clock.time_s + 200
    world.take(event(KEY), message_id="m2")
    assert (world.entry(KEY).status, world.queue.sent[-1].stalls) == (Status.WAITING, 1)
    take(world)
    assert world.entry(KEY).status == Status.COMPLETE
