"""With `newest = "file"` each item has its file's order value: the same from each attempt, segment and worker."""

from typing import Any

import pytest

from ingest.errors import OutOfTime, TableMissing
from ingest.feeds.feed import ORDER_ATTRIBUTE, Feed, Feeds
from ingest.ledger.claims import order_text
from ingest.worker.lease import Timing
from ingest.worker.load import Sizes
from tests.recovery.test_retry import Operator
from tests.support.world import KEY, World, event

ROWS = b"id,n\n" + b"".join(b"k%02d,%d\n" % (n, n) for n in range(40))
EVENT_MS = 1_795_342_272_345
FEEDS = Feeds({"orders": Feed("orders/", "Orders", "id", columns={"n": "N"}, newest="file")})


class Ordered(World):
    """A world whose feed is ordered by file; it is split at `segment_bytes`."""

    def __init__(self, *, segment_bytes: int = 10**6, **named: Any) -> None:
        super().__init__(**named)
        sizes = Sizes(block=40, cell=60, window=80)
        self.dispatcher = self.build(FEEDS, timing=Timing(checkpoint_s=0), segment_bytes=segment_bytes, sizes=sizes)
        self.objects.contents = {KEY: ROWS}

    @property
    def orders(self) -> set[str]:
        """The order values of all items, without their lines."""
        return {str(item[ORDER_ATTRIBUTE]).partition("#")[0] for item in self.table.items.values()}

    def pass_time(self, seconds: float) -> None:
        self.clock.time_s += seconds
        self.deadline_s += seconds

    def take_sent(self) -> None:
        """Do what was put in the queue."""
        while self.queue.sent:
            self.take(self.queue.sent.pop(0).body, message_id=f"s{len(self.queue.sent)}")


def test_it_is_the_time_of_the_event() -> None:
    world = Ordered()
    world.take(event(KEY))
    assert world.orders == {order_text(EVENT_MS)}
    lines = sorted(str(item[ORDER_ATTRIBUTE]).rpartition("#")[2] for item in world.table.items.values())
    assert lines == [f"{line:012d}" for line in range(2, 42)]


def test_segments_have_that_of_their_file() -> None:
    world = Ordered(segment_bytes=100)
    world.take(event(KEY))
    assert len(world.queue.sent) > 2
    world.pass_time(100)
    world.take_sent()
    assert (world.orders, len(world.table.items)) == ({order_text(EVENT_MS)}, 40)


def test_whoever_goes_on_has_that_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Ordered()
    fails, carry_out = iter([False, False, True]), world.table.write

    def write(*arguments: Any, **named: Any) -> Any:
        if next(fails, False):
            raise OutOfTime("The function's time ended.")
        return carry_out(*arguments, **named)

    monkeypatch.setattr(world.table, "write", write)
    world.take(event(KEY))
    assert 0 < len(world.table.items) < 40
    world.pass_time(100)
    world.take_sent()
    assert (world.orders, len(world.table.items)) == ({order_text(EVENT_MS)}, 40)


def test_a_retry_keeps_the_place_of_its_file() -> None:
    world = Ordered()
    world.take(event(KEY))
    world.pass_time(5000)
    Operator(world).retry()
    world.take_sent()
    assert world.orders == {order_text(EVENT_MS)}


def test_a_retry_as_the_newest_has_the_time_of_the_operator_and_the_next_version_is_newer_still() -> None:
    world = Ordered()
    world.take(event(KEY))
    world.pass_time(5000)
    operator = Operator(world)
    for now_ms in (EVENT_MS + 5_007_000, EVENT_MS + 5_007_001):
        operator.retry(as_newest=True)
        world.take_sent()
        assert world.orders == {order_text(now_ms)}
    world.take(event(KEY, sequencer="0066F3"), message_id="m2")
    assert world.orders == {order_text(EVENT_MS + 5_007_002)}


def test_a_file_that_is_begun_anew_with_other_settings_keeps_its_place() -> None:
    world = Ordered()
    world.table_fault = TableMissing("It does not exist.")
    with pytest.raises(TableMissing):
        world.take(event(KEY))
    world.table_fault = None
    world.pass_time(5000)
    world.dispatcher = world.build(Feeds({"orders": Feed("orders/", "Orders", "id", newest="file")}))
    world.take(event(KEY))
    assert world.table.items == {}
    world.take_sent()
    assert (world.orders, len(world.ledger.files())) == ({order_text(EVENT_MS)}, 2)
