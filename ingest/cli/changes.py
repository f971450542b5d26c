"""What would be done to items: how often each operation, and each item as it is shown with its operation."""

from collections import Counter
from collections.abc import Iterator

from ingest.contract import WriteOperation
from ingest.dynamodb.encode import item_json, quoted
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, not_noted
from ingest.dynamodb.write_stats import NOTHING_WRITTEN
from ingest.feeds.feed import Feed
from ingest.items.items import Items


def shows_operations(feed: Feed) -> bool:
    """Return whether items of a feed are shown with their operations: not where all of them are put."""
    return feed.write != "put" or feed.operation is not None


def change_lines(items: Items, feed: Feed) -> Iterator[str]:
    """Yield a line of JSON for each item: the item as it is sent, in what would be done with it if that is not a put.

    Of one that is deleted there are the key and the version; what an update removes has a list of its own.
    """
    if not shows_operations(feed):
        yield from map(str, item_json(items).to_pylist())
        return
    kept = {feed.version_attribute, *(key.name for key in items.keys)}
    whole = item_json(items).to_pylist()
    deleted = item_json(items.only(kept)).to_pylist()
    removing = [attribute for attribute in items.attributes if attribute.remove_null]
    for row, operation in enumerate(items.operation_of_each(feed.write)):
        item = deleted[row] if operation == WriteOperation.DELETE else whole[row]
        is_update = operation == WriteOperation.UPDATE
        removed = [quoted(a.name) for a in removing if is_update and not a.values[row].is_valid]
        yield f'{{"{operation}":{item}' + (f',"remove":[{",".join(removed)}]' if removed else "") + "}"


class OperationTally:
    """An `ItemWriter` that writes nothing and counts what would be done."""

    stats = NOTHING_WRITTEN

    def __init__(self, feed: Feed) -> None:
        self.counts = Counter[str]()
        self._feed = feed

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Count the items by operation."""
        self.counts.update(items.operation_of_each(self._feed.write))
        return WriteResult()
