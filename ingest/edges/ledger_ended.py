"""Ended files in large numbers: their records are read a hundred at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from boto3.dynamodb.conditions import Key

from ingest.contract import Ledger as Names
from ingest.core.records import Record
from ingest.edges.aws_errors import aws_call
from ingest.edges.ledger_listing import Listing, read_record
from ingest.edges.ledger_table import Item

PAUSE_S = 0.2  # before what the table had no capacity for is asked again
MOST_KEYS = 100  # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html


class EndedFiles(Listing):
    """What `Listing.ended_files` yields, with a hundredth of its requests. Who may read so is the operator, not the
    function."""

    def ended(self, feed: str, status: str, day: str) -> Iterator[Record]:
        """Yield the files of a feed that ended so on a day (YYYY-MM-DD, UTC), in the order they did."""
        listing = f"{feed}#{status}#{day}"
        query: Any = {"IndexName": Names.INDEX, "KeyConditionExpression": Key(Names.LISTING).eq(listing)}
        entries = iter(self.query("listing files", query))
        while portion := [_key(entry) for entry in islice(entries, MOST_KEYS)]:
            found = {tuple(_key(item).values()): item for item in self._items(portion)}
            for key in portion:
                item = found.get(tuple(key.values()))
                if item and item[Names.LISTING] == listing:  # the index is a moment behind
                    yield read_record(item)

    def _items(self, keys: Iterable[Item]) -> Iterator[Item]:
        name, rest = self.table.name, list(keys)
        pause_s = 0.0
        while rest:
            self.clock.sleep(pause_s)
            with aws_call(f"reading files in the ledger {name}"):
                request: Any = {name: {"Keys": rest, "ConsistentRead": True}}
                answer: Any = self.table.meta.client.batch_get_item(RequestItems=request)
            yield from answer["Responses"].get(name, [])
            rest = answer.get("UnprocessedKeys", {}).get(name, {}).get("Keys", [])
            pause_s = PAUSE_S


def _key(item: Item) -> Item:
    return {name: item[name] for name in (Names.PARTITION_KEY, Names.SORT_KEY)}
