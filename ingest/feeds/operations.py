"""By which requests a feed's rows are written, and which operations of DynamoDB's API that takes."""

from msgspec import structs

from ingest import contract
from ingest.contract import WriteOperation
from ingest.feeds.feed import NEWEST_FILE, Feed, RowLimit


def writes_batches(feed: Feed) -> bool:
    """Return whether rows, or some of them, are written in batches: those without a condition that are not updates."""
    return not feed.is_conditional or (feed.operation is not None and feed.newest is None and feed.write == "put")


def operation_of(feed: Feed) -> str:
    """Return what becomes of the item of a row that does not say it itself."""
    operations = {"update": WriteOperation.UPDATE, "delete": WriteOperation.DELETE, "undo": WriteOperation.DELETE}
    return operations.get(feed.write, WriteOperation.PUT)


def origin_attribute(feed: Feed) -> str | None:
    """Return the attribute that names the file's version and the line of each item; None if there is none."""
    return feed.row_attribute or feed.order_attribute


def undo_attribute(feed: Feed) -> str | None:
    """Return the attribute by which `ingest undo` knows what a file has written; None if it cannot undo it."""
    return None if feed.updates else origin_attribute(feed)


def feed_of_undo(feed: Feed) -> Feed:
    """Return the feed that undoes what another has written: by its keys, and the attribute that names the file."""
    return structs.replace(
        feed,
        write="undo",
        newest=NEWEST_FILE if feed.order_attribute else None,
        lineage=structs.replace(feed.lineage, row=feed.row_attribute or ""),
        skip_unchanged=False,
        operation=None,
        tombstone=None,
        max_rejects=RowLimit(),
        max_duplicates=RowLimit(),
    )


def write_operations(feed: Feed) -> tuple[str, ...]:
    """Return the operations that the writers of a feed call on its table, the look at its keys included.

    >>> write_operations(Feed("o/", "Orders", "id", write="update"))
    ('DescribeTable', 'UpdateItem')
    """
    puts = feed.write in ("put", "insert") or bool(feed.operation and feed.operation.put)
    deletes = feed.write == "delete" or bool(feed.operation and feed.operation.delete)
    singles = feed.is_conditional and not writes_batches(feed)
    asked = {
        contract.DESCRIBE_TABLE: True,
        contract.BATCH_WRITE_ITEM: writes_batches(feed),
        contract.BATCH_GET_ITEM: feed.skip_unchanged,
        contract.PUT_ITEM: singles and (puts or feed.tombstone is not None),
        contract.UPDATE_ITEM: feed.updates,
        contract.DELETE_ITEM: (singles and deletes and feed.tombstone is None) or undo_attribute(feed) is not None,
    }
    return tuple(sorted(operation for operation, is_asked in asked.items() if is_asked))
