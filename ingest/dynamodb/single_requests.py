"""Items -> bodies of PutItem, UpdateItem and DeleteItem with their conditions, column by column.

Names and values are given by placeholders, which allow any attribute name: `#0`, `:0` for what an update sets, `#v`
and `:v` in a condition. DynamoDB refuses placeholders that are not used, and empty lists of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import WriteOperation
from ingest.dynamodb.batches import each_text, ordered, slices, spread
from ingest.dynamodb.encode import attribute_parts, item_json, joined_parts, key_json, quoted
from ingest.dynamodb.write_stats import units_of_each
from ingest.feeds.feed import DELETED_ATTRIBUTE, Feed
from ingest.feeds.writing import operation_of, origin_attribute, undo_attribute
from ingest.items.columns import AnyArray, Attribute, joined, rows_where
from ingest.items.items import Items

SLICE_ITEMS = 8000  # encoded at a time
Text = str | AnyArray  # the same for each item, or a column


@dataclass(frozen=True, slots=True)
class WriteRules:
    """How a feed's items are written where each has a request of its own, and on which condition.

    `operation` is for items without one of their own. `version` is the attribute whose stored value may not be greater,
    `row` the one with the file and line. A deleted item leaves a tombstone with its key and version for `tombstone_s`;
    the attribute `expiry` has its end.
    """

    operation: str = WriteOperation.PUT
    is_insert: bool = False
    is_undo: bool = False
    version: str | None = None
    row: str | None = None
    tombstone_s: int | None = None
    expiry: str | None = None

    @staticmethod
    def of(feed: Feed) -> "WriteRules":
        """Return the rules of a feed."""
        if feed.write == "undo":
            return WriteRules(operation_of(feed), is_undo=True, row=undo_attribute(feed))
        return WriteRules(
            operation_of(feed),
            is_insert=feed.write == "insert",
            version=None if feed.write == "insert" else feed.version_attribute,
            row=origin_attribute(feed),
            tombstone_s=feed.tombstone_s,
            expiry=feed.expiry_attribute,
        )


@dataclass(slots=True)
class SingleRequest:
    """A request that writes one item, with the item's row and write units."""

    operation: str
    body: bytes
    rows: tuple[int]
    write_units: int

    def only(self, rows: Sequence[int]) -> "SingleRequest":
        """Return itself: it has one row."""
        return self


def single_requests(
    items: Items, table: str, rules: WriteRules, *, interleave: bool, now_s: float
) -> Iterator[SingleRequest]:
    """Yield a request for each item; `now_s` (epoch) is when tombstones begin to age."""
    for start, some in slices(items, 0, len(items), SLICE_ITEMS):
        for operation, rows in _by_operation(some, rules):
            part = some if len(rows) == len(some) else some.take(list(rows))
            name, bodies = _bodies(part, table, rules, operation, now_s)
            order = spread(part) if interleave else None
            units = None if operation == WriteOperation.DELETE else units_of_each(part, bodies, order)
            requests, places = ordered(bodies, order, 0)
            for at, (body, place) in enumerate(zip(each_text(requests), places, strict=True)):
                yield SingleRequest(name, body, (start + rows[place],), units[at] if units else 1)


def _by_operation(items: Items, rules: WriteRules) -> Iterator[tuple[str, Sequence[int]]]:
    """Yield each operation and its rows."""
    if rules.is_undo or items.operations is None:
        yield rules.operation, range(len(items))
        return
    for operation in (WriteOperation.PUT, WriteOperation.UPDATE, WriteOperation.DELETE):
        if rows := rows_where(pc.equal(items.operations, pa.scalar(operation))):
            yield operation, rows


def _bodies(items: Items, table: str, rules: WriteRules, operation: str, now_s: float) -> tuple[str, AnyArray]:
    """Return the operation of DynamoDB's API that writes the items, and the body for each of them."""
    head, condition = f'{{"TableName":{quoted(table)}', _Condition.of(items, rules)
    keys = [key.name for key in items.keys]
    if operation == WriteOperation.UPDATE:
        changed = _without_tombstone(items, rules) if rules.tombstone_s is not None else items.attributes
        update = _update([attribute for attribute in changed if attribute.name not in keys], condition)
        return "UpdateItem", joined_parts([f'{head},"Key":', key_json(items), *update, "}"])
    if operation == WriteOperation.DELETE and rules.tombstone_s is None:
        return "DeleteItem", joined_parts([f'{head},"Key":', key_json(items), *condition.members(), "}"])
    if operation == WriteOperation.DELETE:
        items = _tombstones(items, rules, now_s)
    return "PutItem", joined_parts([f'{head},"Item":', item_json(items), *condition.members(), "}"])


def _tombstones(items: Items, rules: WriteRules, now_s: float) -> Items:
    """Return the tombstones of deleted items."""
    kept = {rules.version, *(key.name for key in items.keys)}
    deleted = Attribute(DELETED_ATTRIBUTE, "BOOL", pa.repeat(pa.scalar(True), len(items)))
    expires = pa.scalar(str(int(now_s) + (rules.tombstone_s or 0)))
    expiry = Attribute(rules.expiry or "", "N", pa.repeat(expires, len(items)))
    attributes = (*(attribute for attribute in items.attributes if attribute.name in kept), deleted, expiry)
    return replace(items, attributes=attributes)


def _without_tombstone(items: Items, rules: WriteRules) -> list[Attribute]:
    """Return the attributes of items that are updated, and nulls that remove the marks of a tombstone."""
    nulls = pa.nulls(len(items), pa.string())
    marks = [Attribute(name, "S", nulls) for name in (DELETED_ATTRIBUTE, rules.expiry) if name]
    given = {attribute.name: attribute for attribute in (*marks, *items.attributes)}
    return [replace(a, remove_null=True) if a.name in (DELETED_ATTRIBUTE, rules.expiry) else a for a in given.values()]


@dataclass(frozen=True, slots=True)
class _Condition:
    """A condition about one attribute, `#v`, and perhaps a value, `:v`, whose JSON is given in parts."""

    expression: str = ""
    name: str = ""
    value: Sequence[Text] = ()

    @staticmethod
    def of(items: Items, rules: WriteRules) -> "_Condition":
        if rules.is_insert:  # checks for an item with the whole key, also where that has a sort key
            return _Condition("attribute_not_exists(#v)", items.keys[0].name)
        if rules.is_undo and rules.row:
            begins = quoted(file_prefix(items.attribute(rules.row).values[0].as_py()))
            return _Condition("begins_with(#v, :v)", rules.row, [f'":v":{{"S":{begins}}},'])
        if rules.version:  # an item without a version is older; `<=`, as a request may be sent again
            version = replace(items.attribute(rules.version), name=":v")
            return _Condition("attribute_not_exists(#v) OR #v <= :v", rules.version, attribute_parts(version))
        return _Condition()

    def members(self, names: Sequence[Text] = (), values: Sequence[Text] = ()) -> Iterator[Text]:
        """Yield members of a request: the condition, and the names and values that it and another expression use."""
        if self.expression:
            yield f',"ConditionExpression":"{self.expression}","ReturnValuesOnConditionCheckFailure":"ALL_OLD"'
            names, values = [*names, f'"#v":{quoted(self.name)},'], [*values, *self.value]
        yield _wrapped(',"ExpressionAttributeNames":{', _list(names), "}")
        yield _wrapped(',"ExpressionAttributeValues":{', _list(values), "}")


def file_prefix(row: str) -> str:
    """Return the prefix that the row attributes of all rows of a file share, given one of them.

    >>> file_prefix("0f5c#000000000012")
    '0f5c#'
    """
    return row[: row.rfind("#") + 1]


def _update(attributes: Sequence[Attribute], condition: _Condition) -> Iterator[Text]:
    """Yield the members of UpdateItem requests except the key: update expression, condition, names and values.

    An item with nothing to change has no update expression: the request only creates the item if it is missing.
    """
    sets, removes, names, values = list[Text](), list[Text](), list[Text](), list[Text]()
    for number, attribute in enumerate(attributes):
        place = f"{number:x}"
        name = f'"#{place}":{quoted(attribute.name)},'
        is_set = attribute.values.is_valid() if attribute.values.null_count and not attribute.write_null else None
        sets.append(_where(is_set, f"#{place}=:{place},"))
        values += attribute_parts(replace(attribute, name=f":{place}"))
        names.append(name if attribute.remove_null else _where(is_set, name))
        if attribute.remove_null and is_set is not None:
            removes.append(_where(pc.invert(is_set), f"#{place},"))
    changes = [_wrapped("SET ", _list(sets), ""), _wrapped(" REMOVE ", _list(removes), "")]
    yield _wrapped(',"UpdateExpression":"', _concatenated(changes), '"')
    yield from condition.members(names, values)


def _where(mask: Any, text: str) -> Text:
    """Return a text where a mask is true, null elsewhere; everywhere without a mask."""
    return text if mask is None else pc.if_else(mask, text, pa.scalar(None, pa.string()))


def _concatenated(parts: Sequence[Text]) -> Text:
    """Return parts joined, without those that are null."""
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if len(texts) == len(parts) else joined_parts(["", *parts])


def _list(parts: Sequence[Text]) -> Text:
    """Return parts that each end with a comma, joined, without the last comma."""
    found = _concatenated(parts)
    return found[:-1] if isinstance(found, str) else pc.ascii_rtrim(found, characters=",")


def _wrapped(before: str, inner: Text, after: str) -> Text:
    """Return a text between two others; an empty text where it is empty."""
    if isinstance(inner, str):
        return f"{before}{inner}{after}" if inner else ""
    return cast(AnyArray, pc.if_else(pc.equal(inner, pa.scalar("")), "", joined(before, inner, after)))
