"""A message whose work has no share of a table's write budget waits in the queue, and its deliveries do not count."""

import pytest

from ingest.contract import Status
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, not_noted
from ingest.dynamodb.write_stats import NOTHING_WRITTEN
from ingest.errors import WaitingForBudget
from ingest.feeds.feed import Feed, Feeds
from ingest.feeds.tables import TableLimits, limits_text
from ingest.items.items import Items
from tests.support.fakes import FakeTable
from tests.support.world import KEY, World, event


class FullTable(FakeTable):
    """A table whose budget others have, for some writes."""

    stats = NOTHING_WRITTEN
    parks = 2

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        if self.parks:
            self.parks -= 1
            raise WaitingForBudget("Table Orders waits for the write budget.")
        return super().write(items, heartbeat, taken)


@pytest.mark.parametrize("delivery", [1, 4])
def test_a_message_without_a_share_comes_back_in_a_minute_as_often_as_it_takes(delivery: int) -> None:
    world = World(writer=FullTable())
    world.take(event(KEY), delivery=delivery)
    for number in (1, 2):
        sent = world.queue.sent[-1]
        assert 60 <= sent.delay_s <= 90
        assert (sent.hops, sent.stalls, world.entry().status) == (number, 0, Status.WAITING)
        assert "waits for the write budget" in str(world.entry().error)
        world.take(sent.body, hops=sent.hops)
    assert len(world.queue.sent) == 2
    assert world.entry().status == Status.COMPLETE
    assert world.dead_letters.dead_lettered == []


def test_limits_are_kept_in_the_ledger_before_the_first_file_is_begun() -> None:
    world = World()
    limits = TableLimits(2000, {"07-19": 500})
    world.ledger.budgets.keep_limits({"Orders": "old", "Visits": "old"})
    feeds = {"orders": Feed("orders/", "Orders", "id"), "visits": Feed("visits/", "Visits", "id")}
    world.dispatcher = world.build(Feeds(feeds, {"Orders": limits}))
    world.take(event(KEY))
    assert world.ledger.budgets.limits(["Orders", "Visits"]) == {"Orders": limits_text(limits)}
