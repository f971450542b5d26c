"""What the model's workers are deployed with: each deployment differs from the first in one setting."""

from dataclasses import dataclass, replace

from msgspec.structs import replace as replace_feed

from ingest.feeds.feed import Feed, Feeds, Lineage, RowLimit
from ingest.worker.load import Sizes
from tests.model.watch import ROW

FEED = Feed("orders/", "Orders", "id", columns={"n": "N"}, lineage=Lineage(row=ROW))
FEEDS = Feeds({"orders": FEED})
HEAD = b"id,n\n"
REFUSED = "13"  # the table takes no item with this number
SIZES = Sizes(block=20, cell=36, window=48)
SEGMENT_BYTES = 72


@dataclass(frozen=True)
class Deployment:
    """What is deployed: the feeds, and how files are cut."""

    feeds: Feeds = FEEDS
    sizes: Sizes = SIZES
    segment_bytes: int = SEGMENT_BYTES


AS_TEXT = replace_feed(FEED, columns={"n": "S"})  # every cell is a value
FIRST = Deployment()
WITHOUT_FEEDS = Deployment(Feeds({"others": Feed("others/", "Others", "id")}))
DEPLOYMENTS = (  # each changes one setting, and an act goes from any to any
    FIRST,
    Deployment(sizes=replace(SIZES, block=28)),
    Deployment(segment_bytes=10**6),
    Deployment(segment_bytes=40),
    Deployment(Feeds({"orders": AS_TEXT})),
    Deployment(Feeds({"renamed": FEED})),
    WITHOUT_FEEDS,
    Deployment(sizes=replace(SIZES, cell=52)),
    FIRST,
    Deployment(sizes=replace(SIZES, window=20)),
    Deployment(segment_bytes=110),
    Deployment(sizes=replace(SIZES, rules=SIZES.rules + 1)),
    Deployment(Feeds({"renamed": AS_TEXT})),
    Deployment(Feeds({"orders": replace_feed(FEED, max_rejects=RowLimit(count=1000))})),
    Deployment(sizes=replace(SIZES, block=60)),
    WITHOUT_FEEDS,
)


def ordered(deployment: Deployment) -> Deployment:
    """Return a deployment whose feeds are ordered by file; their items name it by that alone."""
    feeds = {
        name: replace_feed(feed, newest="file", lineage=Lineage()) for name, feed in deployment.feeds.feeds.items()
    }
    return replace(deployment, feeds=Feeds(feeds))


ORDERED = tuple(map(ordered, DEPLOYMENTS))
