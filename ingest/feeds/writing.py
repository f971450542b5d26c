"""How a feed's rows are written: with which requests, and which operations of DynamoDB's API these need.

Also the checks of the settings for this. Each rule raises an error of one sentence, or nothing.
"""

from collections.abc import Iterator

from msgspec import structs

from ingest import contract
from ingest.contract import WriteOperation
from ingest.errors import SettingsFault
from ingest.feeds.feed import NEWEST_FILE, Feed, RowLimit
from ingest.feeds.schema_errors import did_you_mean


def writes_batches(feed: Feed) -> bool:
    """Return whether some or all rows are written in batches: rows without a condition that are not updates."""
    return not feed.is_conditional or (feed.operation is not None and feed.newest is None and feed.write == "put")


def operation_of(feed: Feed) -> str:
    """Return the operation on the item of a row that does not name one itself."""
    operations = {"update": WriteOperation.UPDATE, "delete": WriteOperation.DELETE, "undo": WriteOperation.DELETE}
    return operations.get(feed.write, WriteOperation.PUT)


def origin_attribute(feed: Feed) -> str | None:
    """Return the attribute that names the file's version and the line of each item; None if there is none."""
    return feed.row_attribute or feed.order_attribute


def undo_attribute(feed: Feed) -> str | None:
    """Return the attribute by which `ingest undo` finds the items a file has written; None if it cannot undo them."""
    return None if feed.updates else origin_attribute(feed)


def feed_of_undo(feed: Feed) -> Feed:
    """Return the feed that undoes what another has written: by the keys, and the attribute that names the file."""
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
    """Return the operations that the writers of a feed call on its table, including the one to check its keys.

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


def check_writing(feed: Feed, path: str) -> None:
    """Check `write`, `newest`, `skip_unchanged`, `operation` and `tombstone` against each other and the columns."""
    if feed.write == "undo":
        raise SettingsFault(
            f"`{path}.write` = 'undo' is wrong: it is what `ingest undo` does; accepted are put, insert, update and "
            "delete."
        )
    _check_operation(feed, path)
    _check_newest(feed, path)
    _check_unchanged(feed, path)
    _check_tombstone(feed, path)
    _check_nulls(feed, path)
    _check_writer(feed, path)


def _check_operation(feed: Feed, path: str) -> None:
    operation = feed.operation
    if operation is None:
        return
    place = f"{path}.operation"
    if feed.write != "put":
        raise SettingsFault(
            f"`{path}.write` = {feed.write!r} is wrong with `operation`, whose words say what rows do: leave it out."
        )
    words = [*operation.put, *operation.update, *operation.delete]
    if not words:
        raise SettingsFault(f"`{place}` has no words: give some for put, update or delete, as delete = ['D'].")
    twice = sorted({word for word in words if words.count(word) > 1})
    if twice:
        raise SettingsFault(f"`{place}` has the word {twice[0]!r} twice: each word stands for one thing.")
    if operation.column in _used_columns(feed):
        raise SettingsFault(
            f"`{place}.column` = {operation.column!r} is wrong: that column becomes no attribute, and it is listed in "
            "`columns`, or is a part of the key, the version or the time of expiry."
        )


def _used_columns(feed: Feed) -> Iterator[str]:
    yield from feed.columns
    yield from feed.key_columns()
    yield from (feed.newest or "", feed.ttl.column if feed.ttl else "")


def _check_newest(feed: Feed, path: str) -> None:
    if feed.newest is None:
        return
    place = f"`{path}.newest` = {feed.newest!r} is wrong"
    if feed.write == "insert":
        raise SettingsFault(f"{place} with `write = 'insert'`, which never replaces an item: leave one of them out.")
    if feed.newest == NEWEST_FILE:
        return
    column = feed.column(feed.newest)
    if feed.newest in [key.source for key in feed.key_attributes()]:
        raise SettingsFault(f"{place}: that column is a key, the same in each version of an item.")
    if column.drop:
        raise SettingsFault(f"{place}: that column is dropped, and items must keep their version.")
    if column.type != "N" and not column.timestamp:
        hint = "" if feed.newest in feed.columns else did_you_mean(feed.newest, [*feed.columns, NEWEST_FILE])
        raise SettingsFault(
            f"{place}{hint}: versions are compared, so give that column the type 'N' or a `timestamp`, or write "
            f"{NEWEST_FILE!r}."
        )


def _check_unchanged(feed: Feed, path: str) -> None:
    if not feed.skip_unchanged:
        return
    place = f"`{path}.skip_unchanged` = true is wrong"
    if feed.write not in ("put", "update"):
        raise SettingsFault(f"{place} with `write` = {feed.write!r}: only rows that are put or update are compared.")
    if feed.newest == NEWEST_FILE:
        raise SettingsFault(
            f"{place} with `newest = 'file'`: a row that is skipped would keep the order of an older file, and a file "
            "in between would win against it."
        )
    if feed.ttl and not feed.ttl.column:
        raise SettingsFault(
            f"{place} with a `ttl` that counts from the load: a skipped row would expire as if it had not come; give "
            "`ttl.column`."
        )


def _check_tombstone(feed: Feed, path: str) -> None:
    if feed.tombstone is None:
        return
    place = f"`{path}.tombstone` = {feed.tombstone!r} is wrong"
    if not feed.tombstone_s:
        raise SettingsFault(f"{place}: it must be longer than that, as '30d'.")
    if feed.newest is None:
        raise SettingsFault(f"{place} without `newest`: it keeps the version that older rows are compared with.")
    if feed.write != "delete" and not (feed.operation and feed.operation.delete):
        raise SettingsFault(f"{place} where no row deletes an item.")


def _check_nulls(feed: Feed, path: str) -> None:
    """Check that null = 'remove' is set only where rows update: it removes an attribute of an existing item."""
    removed = [name for name in feed.columns if feed.column(name).null == "remove"]
    if removed and not feed.updates:
        raise SettingsFault(
            f"`{path}.columns.{removed[0]}.null` = 'remove' is wrong: no row of the feed updates an item, and an item "
            "that is put has what its row has; use 'omit'."
        )


def _check_writer(feed: Feed, path: str) -> None:
    wanting = "skip_unchanged" if feed.skip_unchanged else "newest" if feed.newest else ""
    if feed.writer == "boto3" and (wanting or feed.is_conditional):
        what = (
            f"`{wanting}`" if wanting else f"`write` = {feed.write!r}" if feed.write != "put" else "`operation.update`"
        )
        raise SettingsFault(
            f"`{path}.writer` = 'boto3' is wrong with {what}: batches have neither conditions nor updates; use 'fast'."
        )
