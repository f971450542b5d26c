"""Finds items that the table already holds unchanged: reads by key, several requests in flight, compares by value.

`ingest.dynamodb.single_writer` writes those that differ.
"""

import io
import json
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from ingest.contract import BATCH_GET_ITEM, WriteOperation
from ingest.dynamodb.batches import each_text, rows_of_keys, slices
from ingest.dynamodb.encode import item_json, key_json, quoted, value_texts
from ingest.dynamodb.http.response import Answer
from ingest.dynamodb.item_writer import check_refusal
from ingest.dynamodb.pending import Answered
from ingest.dynamodb.rate_limit import FEWEST, ConcurrencyLimiter
from ingest.dynamodb.request_loop import error_of
from ingest.feeds.feed import ORDER_ATTRIBUTE, Feed
from ingest.feeds.writing import operation_of
from ingest.items.columns import AnyArray, Attribute, byte_lengths, fill_null, joined, rows_where
from ingest.items.items import Items
from ingest.items.numbers import canonical_number
from ingest.items.validate import size_bounds

_LISTS = ("SS", "NS")
_PYTHON_ONLY = ("L", "M")


@dataclass(frozen=True, slots=True)
class ComparisonRules:
    """How a feed's items are compared: a put with the whole item, an update with the attributes it changes; a deletion
    is unchanged if no item is stored, and never if it leaves a tombstone (`keeps_deleted`).

    `operation` is for items without one of their own. `ignored` attributes may differ: they say where an item came
    from. `row` is the attribute with the file and line.
    """

    operation: str = WriteOperation.PUT
    ignored: frozenset[str] = frozenset()
    row: str | None = None
    keeps_deleted: bool = False

    @staticmethod
    def of(feed: Feed) -> "ComparisonRules":
        """Return the rules of a feed."""
        names = (feed.lineage.file, feed.lineage.line, feed.row_attribute, ORDER_ATTRIBUTE)
        return ComparisonRules(
            operation_of(feed),
            frozenset(name for name in names if name),
            feed.row_attribute,
            feed.tombstone is not None,
        )


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The rows that the table holds unchanged: `own`, which were written from this row of the file, and `others`."""

    others: Sequence[int] = ()
    own: Sequence[int] = ()


class Comparison:
    """Compares items with what a table holds, by some rules."""

    def __init__(self, items: Items, table: str, rules: ComparisonRules) -> None:
        self._items = items
        self._table = table
        self._operation = rules.operation
        self._ignored = rules.ignored
        self._row = rules.row if any(attribute.name == rules.row for attribute in items.attributes) else None
        self._keeps_deleted = rules.keeps_deleted
        self._by_arrow = all(attribute.type not in _PYTHON_ONLY for attribute in items.attributes)

    def unchanged(self, rows: Sequence[int], answers: Sequence[bytes]) -> Unchanged:
        """Return which of the rows are unchanged, given the responses with the items stored for them."""
        items = self._items.take(list(rows))
        stored = _decoded(answers, items, self._table) if self._by_arrow else None
        same = self._each_same(items, answers) if stored is None else self._same(items, stored)
        return Unchanged(*([rows[place] for place in places] for places in same))

    def stored(self, rows: Sequence[int], answers: Sequence[bytes]) -> list[dict[str, Any] | None]:
        """Return the stored item of each of the rows, None if there is none, given the responses with them."""
        stored = self._by_key(answers)
        return [stored.get(self._key(json.loads(key))) for key in each_text(key_json(self._items.take(list(rows))))]

    def _operations(self, items: Items) -> AnyArray:
        if items.operations is not None:
            return items.operations
        return pa.repeat(pa.scalar(self._operation), len(items))

    def _same(self, items: Items, stored: AnyArray) -> tuple[list[int], list[int]]:
        """Return the places of the items that are unchanged, others and own, given stored items as structs."""
        theirs = _key_texts([_stored(stored, items.attribute(key.name)) for key in items.keys], items)
        ours = _key_texts([value_texts(items.attribute(key.name)) for key in items.keys], items)
        places = pc.index_in(ours, value_set=theirs)
        is_there, found = places.is_valid(), stored.take(places)
        operations = self._operations(items)
        is_update = pc.equal(operations, pa.scalar(WriteOperation.UPDATE))
        same: Any = is_there
        for attribute in items.attributes:
            if attribute.name not in self._ignored:
                same = pc.and_(same, _are_same(attribute, found, is_update))
        is_delete = pc.equal(operations, pa.scalar(WriteOperation.DELETE))
        same = pc.if_else(is_delete, pa.scalar(False) if self._keeps_deleted else pc.invert(is_there), same)
        if self._row is None:
            return rows_where(same), []
        row = items.attribute(self._row)
        is_own = fill_null(pc.equal(row.values, _stored(found, row)), False)
        return rows_where(pc.and_(same, pc.invert(is_own))), rows_where(pc.and_(same, is_own))

    def _each_same(self, items: Items, answers: Sequence[bytes]) -> tuple[list[int], list[int]]:
        """Return the places of the items that are unchanged, others and own, looking at each item."""
        stored = self._by_key(answers)
        others, own = list[int](), list[int]()
        texts, operations = item_json(items).to_pylist(), self._operations(items).to_pylist()
        for place, (text, operation) in enumerate(zip(texts, operations, strict=True)):
            item = json.loads(str(text))
            if self._is_same(items, place, operation, item, stored.get(self._key(item))):
                row = item.get(self._row) if self._row else None
                is_own = row is not None and stored[self._key(item)].get(self._row or "") == row
                (own if is_own else others).append(place)
        return others, own

    def _by_key(self, answers: Sequence[bytes]) -> dict[Hashable, dict[str, Any]]:
        there = [item for answer in answers for item in json.loads(answer)["Responses"].get(self._table, ())]
        return {self._key(item): item for item in there}

    def _is_same(self, items: Items, place: int, operation: Any, ours: Any, theirs: Any) -> bool:
        if operation == WriteOperation.DELETE:
            return theirs is None and not self._keeps_deleted
        if theirs is None:
            return False
        names = {*ours, *theirs} - self._ignored
        if operation == WriteOperation.UPDATE:
            removed = {a.name for a in items.attributes if a.remove_null and not a.values[place].is_valid}
            names = ({*ours} | removed) - self._ignored
        return all(_comparable(ours.get(name)) == _comparable(theirs.get(name)) for name in names)

    def _key(self, item: dict[str, Any]) -> Hashable:
        return tuple(_comparable(item[key.name]) for key in self._items.keys)


def _decoded(answers: Sequence[bytes], items: Items, table: str) -> AnyArray | None:
    """Return the items of responses as a column of structs; None if they have attributes or types the items lack."""
    fields = [(a.name, pa.struct([(a.type, _arrow_type(a)), ("NULL", pa.bool_())])) for a in items.attributes]
    responses = pa.struct([(table, pa.list_(pa.struct(fields)))])
    schema = pa.schema([("Responses", responses), ("UnprocessedKeys", pa.struct([]))])
    data = b"\n".join(answers)
    reading = arrow_json.ReadOptions(use_threads=False, block_size=len(data) + 1)
    parsing = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    try:
        decoded = arrow_json.read_json(io.BytesIO(data), reading, parsing)
    except pa.ArrowInvalid:
        return None
    items_of_each: Any = pc.struct_field(decoded["Responses"].combine_chunks(), table)
    found: AnyArray = items_of_each.flatten()
    return found


def _arrow_type(attribute: Attribute) -> pa.DataType:
    if attribute.type == "BOOL":
        return pa.bool_()
    return pa.list_(pa.string()) if attribute.type in _LISTS else pa.string()


def _stored(stored: AnyArray, attribute: Attribute, kind: str = "") -> AnyArray:
    """Return the stored items' values of an attribute, of its type or of type `kind`."""
    values: AnyArray = pc.struct_field(stored, [attribute.name, kind or attribute.type])
    return values


def _key_texts(columns: Sequence[AnyArray], items: Items) -> AnyArray:
    """Return a text for each key, the same only for equal keys."""
    spelled = [
        _plain_numbers(column) if key.type == "N" else column for key, column in zip(items.keys, columns, strict=True)
    ]
    if len(spelled) == 1:
        return spelled[0]
    return joined(byte_lengths(spelled[0]).cast(pa.string()), ":", *spelled)


def _plain_numbers(numbers: AnyArray) -> AnyArray:
    """Return numbers as texts without exponent, normalized: equal numbers are equal texts."""
    try:
        return pc.cast(numbers, pa.int64()).cast(pa.string())
    except pa.ArrowInvalid:
        texts = [None if text is None else format(Decimal(canonical_number(text)), "f") for text in numbers.to_pylist()]
        return pa.array(texts, pa.string())


def _are_same(attribute: Attribute, stored: AnyArray, is_update: AnyArray) -> AnyArray:
    """Return which items have the same value of an attribute as the stored ones."""
    theirs, is_null = _stored(stored, attribute), _stored(stored, attribute, "NULL").is_valid()
    equal = _are_equal(attribute, theirs)
    if not attribute.values.null_count:
        return equal
    if attribute.write_null:
        fits = is_null
    else:
        fits = pc.and_(theirs.is_null(), pc.invert(is_null))
        fits = fits if attribute.remove_null else pc.or_(fits, is_update)
    same: AnyArray = pc.if_else(attribute.values.is_null(), fits, equal)
    return same


def _are_equal(attribute: Attribute, theirs: AnyArray) -> AnyArray:
    """Return which values are equal; False where one is missing."""
    if attribute.type == "BOOL":
        same: AnyArray = fill_null(pc.equal(attribute.values, theirs), False)
        return same
    if attribute.type in _LISTS:
        pairs = zip(_sets(attribute.values, attribute.type), _sets(theirs, attribute.type), strict=True)
        return pa.array([a is not None and a == b for a, b in pairs], pa.bool_())
    ours = value_texts(attribute)
    equal: AnyArray = fill_null(pc.equal(ours, theirs), False)
    if attribute.type != "N":
        return equal
    odd = pc.and_(pc.invert(equal), pc.and_(ours.is_valid(), theirs.is_valid()))
    if not pc.any(odd, min_count=0).as_py():
        return equal
    numbers = zip(ours.filter(odd).to_pylist(), theirs.filter(odd).to_pylist(), strict=True)
    are = [canonical_number(str(a)) == canonical_number(str(b)) for a, b in numbers]
    replaced: AnyArray = pc.replace_with_mask(equal, odd, pa.array(are, pa.bool_()))
    return replaced


def _sets(values: AnyArray, kind: str) -> list[frozenset[str] | None]:
    lists: list[Any] = values.to_pylist()
    return [None if members is None else _members(members, kind) for members in lists]


def _members(members: Sequence[str], kind: str) -> frozenset[str]:
    return frozenset(map(canonical_number, members) if kind == "NS" else members)


def _comparable(value: Any) -> Hashable:
    """Return a hashable form of a DynamoDB JSON value, the same for equal values."""
    if value is None:
        return None
    ((kind, inner),) = value.items()
    if kind in ("NS", "SS", "BS"):
        return kind, _members(inner, kind)
    if kind == "L":
        return kind, tuple(map(_comparable, inner))
    if kind == "M":
        return kind, frozenset((name, _comparable(member)) for name, member in inner.items())
    return kind, canonical_number(inner) if kind == "N" else inner


# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
MAX_KEYS = 100
WANTED_BYTES = 1024 * 1024  # wanted size of a response, of at most 16 MB: bounds memory with many in flight
FULL_BYTES = 8 * 1024 * 1024  # a response of this size left keys because it was full, not for lack of capacity
SLICE_ITEMS = 8000  # whose keys are encoded at a time
READ_LIMITER = ConcurrencyLimiter(FEWEST, most=16)  # each response may have DynamoDB's maximum size
GROUP_ANSWERS, GROUP_BYTES = 40, 4 * 1024 * 1024  # responses, or their bytes, handed on together

OnAnswers = Callable[[Sequence[int], Sequence[bytes]], None]


@dataclass(frozen=True, slots=True)
class KeysRequest:
    """A request for the stored items with the keys of these rows; `keys` has each key as JSON."""

    table: str
    keys: Sequence[bytes]
    rows: Sequence[int]
    projection: str

    operation: ClassVar[str] = BATCH_GET_ITEM
    write_units: ClassVar[int] = 0

    @property
    def body(self) -> bytes:
        """The request's body. Reads are strongly consistent: they see what another file has just written."""
        head = f'{{"RequestItems":{{{quoted(self.table)}:{{"ConsistentRead":true{self.projection},"Keys":['
        return b"".join((head.encode(), b",".join(self.keys), b"]}}}"))

    def only(self, rows: Sequence[int]) -> "KeysRequest":
        """Return a request for some of the rows."""
        keys = dict(zip(self.rows, self.keys, strict=True))
        return KeysRequest(self.table, [keys[row] for row in rows], rows, self.projection)


class StoredReads:
    """The requests for the stored items with the keys of some items.

    `on_answers` is called with some rows and the responses that hold their stored items, group by group; `attributes`
    are those to read, None for all.
    """

    def __init__(self, items: Items, table: str, attributes: Sequence[str] | None, on_answers: OnAnswers) -> None:
        self._items = items
        self._table = table
        self._projection = "" if attributes is None else _projection(attributes)
        self._on_answers = on_answers
        self._bytes_a_key = self._bytes_an_item = 2.0 * (pc.mean(size_bounds(items.attributes)[1]).as_py() or 0)
        self._rows: list[int] = []
        self._answers: list[bytes] = []

    def fresh(self) -> Iterator[KeysRequest]:
        """Yield the requests; the number of keys in each follows from the size of earlier responses."""
        for start, some in slices(self._items, 0, len(self._items), SLICE_ITEMS):
            keys, at = list(each_text(key_json(some))), 0
            while at < len(keys):
                count = max(1, min(MAX_KEYS, int(WANTED_BYTES / max(1.0, self._bytes_a_key))))
                rows = range(start + at, start + min(at + count, len(keys)))
                yield KeysRequest(self._table, keys[at : at + count], rows, self._projection)
                at += count

    def answered(self, request: KeysRequest, answer: Answer) -> Answered[KeysRequest] | None:
        """Return which of the rows a response has read.

        Raises:
            TableKeysDiffer: the table has other keys than the items.
        """
        if answer.status == 200:
            return self._read(request, answer.body) if b'"Responses"' in answer.body else None
        code, message = error_of(answer)
        if code != "ValidationException":
            return None
        check_refusal(self._table, message)
        return Answered(request.rows)  # whatever is wrong, the write will show it

    def finish(self) -> None:
        """Hand on the responses not yet handed on."""
        if self._answers:
            self._on_answers(self._rows, self._answers)
            self._rows, self._answers = [], []

    def _read(self, request: KeysRequest, body: bytes) -> Answered[KeysRequest]:
        left = [] if b'"UnprocessedKeys":{}' in body else self._unprocessed(request, body)
        rest = request.only(left) if left else None
        done = sorted(set(request.rows) - set(left)) if left else request.rows
        if not done:
            return Answered(left=rest)
        self._bytes_a_key = max(self._bytes_an_item, len(body) / len(done))
        self._rows += done
        self._answers.append(body)
        if len(self._answers) >= GROUP_ANSWERS or sum(map(len, self._answers)) >= GROUP_BYTES:
            self.finish()
        if rest and len(body) >= FULL_BYTES:
            return Answered(done, instead=[rest])
        return Answered(done, left=rest)

    def _unprocessed(self, request: KeysRequest, body: bytes) -> list[int]:
        """Return the rows whose keys were left unprocessed; all rows, if a key is not found."""
        unprocessed = json.loads(body).get("UnprocessedKeys", {}).values()
        left = [key for asked in unprocessed for key in asked["Keys"]]
        return rows_of_keys(left, request.rows, self._items)


def _projection(attributes: Sequence[str]) -> str:
    """Return the members of a request that select only these attributes."""
    names = ",".join(f'"#{number:x}":{quoted(name)}' for number, name in enumerate(attributes))
    places = ",".join(f"#{number:x}" for number in range(len(attributes)))
    return f',"ProjectionExpression":"{places}","ExpressionAttributeNames":{{{names}}}'
