"""Rows -> items: typed attributes and keys, column by column, each item checked as DynamoDB would check it."""

from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Reason
from ingest.core.faults import Fault
from ingest.core.mapping import Expiry, Mapping, Target
from ingest.core.rows import Rows
from ingest.core.types import Typed, convert, epoch_seconds
from ingest.feeds import KeyAttribute, is_template, template_parts

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html (items, keys)
MAX_ITEM_BYTES = 400 * 1024
MAX_KEY_BYTES = (2048, 1024)  # partition key, sort key


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of all items. A null is left out of its item, or written as NULL if `write_null`."""

    name: str
    type: str
    values: pa.Array
    write_null: bool = False
    sizes: pa.Array | None = None  # as in `Typed`; only until the items are checked

    def take(self, rows: pa.Array) -> "Attribute":
        """Return the attribute of some of the items, in the order of `rows`."""
        return replace(self, values=self.values.take(rows), sizes=None)

    def slice(self, start: int, count: int) -> "Attribute":
        """Return the attribute of `count` items in a row, without copying its values."""
        return replace(self, values=self.values.slice(start, count), sizes=None)


@dataclass(frozen=True, slots=True)
class Items:
    """Items as columns of equal length; `records[i]` is the record of the block that item i came from."""

    attributes: tuple[Attribute, ...]
    keys: tuple[KeyAttribute, ...]
    records: list[int]

    def __len__(self) -> int:
        return len(self.records)

    def take(self, rows: list[int]) -> "Items":
        """Return some of the items, in the order of `rows`."""
        wanted = pa.array(rows, pa.int64())
        return Items(
            tuple(attribute.take(wanted) for attribute in self.attributes),
            self.keys,
            [self.records[row] for row in rows],
        )

    def without(self, records: set[int]) -> "Items":
        """Return the items that came from none of these records."""
        kept = [row for row, record in enumerate(self.records) if record not in records] if records else None
        return self if kept is None else self.take(kept)

    def slice(self, start: int, end: int) -> "Items":
        """Return the items from `start` to before `end`, without copying their values."""
        columns = tuple(attribute.slice(start, end - start) for attribute in self.attributes)
        return Items(columns, self.keys, self.records[start:end])

    def attribute(self, name: str) -> Attribute:
        """Return the attribute of that name."""
        return next(attribute for attribute in self.attributes if attribute.name == name)


def build_items(rows: Rows, mapping: Mapping) -> tuple[Items, list[Fault]]:
    """Return the rows as items, without those that cannot be written, and why each of them cannot.

    A row with several faults tells the first: its columns from left to right, its extras, its keys, its size.
    """
    faults: dict[int, Fault] = {}
    table = rows.table
    attributes = [
        _attribute(rows, target, table.column(target.column).combine_chunks(), faults) for target in mapping.targets
    ]
    attributes += [_attribute(rows, extra, _filled(table, extra.column), faults) for extra in mapping.extras]
    attributes += [_expiry(rows, mapping.expiry, faults)] if mapping.expiry else []
    for key, limit in zip(mapping.keys, MAX_KEY_BYTES, strict=False):
        if is_template(key.source):
            attributes.append(Attribute(key.name, "S", _filled(table, key.source)))
        values = next(attribute.values for attribute in attributes if attribute.name == key.name)
        _check_key(rows, key, values, limit, faults)
    _check_index_keys(rows, mapping, attributes, faults)
    _check_sizes(rows, attributes, faults)
    places = [rows.record_of(row) for row in range(rows.table.num_rows)]
    items = Items(tuple(attributes), mapping.keys, places)
    if faults:
        items = items.take([row for row in range(len(places)) if row not in faults])
    return items, list(faults.values())


def _attribute(rows: Rows, target: Target, cells: pa.Array, faults: dict[int, Fault]) -> Attribute:
    typed = convert(cells, target)
    _note(rows, typed, target.column, cells, faults)
    return Attribute(target.name, target.type, typed.values, target.declared.null == "null", typed.sizes)


def _note(rows: Rows, typed: Typed, column: str, cells: pa.Array, faults: dict[int, Fault]) -> None:
    for bad in typed.bad:
        fault = Fault(rows.record_of(bad.row), bad.reason, bad.message, column, cells[bad.row].as_py())
        faults.setdefault(bad.row, fault)


def _expiry(rows: Rows, expiry: Expiry, faults: dict[int, Fault]) -> Attribute:
    if expiry.source is None:
        return Attribute(expiry.attribute, "N", pa.repeat(pa.scalar(str(expiry.after_s)), rows.table.num_rows))
    cells = rows.table.column(expiry.source.column).combine_chunks()
    typed = epoch_seconds(cells, expiry.source.declared)
    _note(rows, typed, expiry.source.column, cells, faults)
    return Attribute(expiry.attribute, "N", pc.cast(pc.add(typed.values, expiry.after_s), pa.string()))


def _filled(table: pa.Table, template: str) -> pa.Array:
    """Fill a template, or repeat a constant, row by row; null where any of its columns has no value."""
    if not is_template(template):
        return pa.repeat(pa.scalar(template, pa.string()), table.num_rows)
    parts = [
        table.column(part).combine_chunks() if i % 2 else pa.scalar(part)
        for i, part in enumerate(template_parts(template))
    ]
    return pc.binary_join_element_wise(*parts, "")


def _check_index_keys(rows: Rows, mapping: Mapping, attributes: list[Attribute], faults: dict[int, Fault]) -> None:
    """An item without an index key is left out of the index; one with an empty or over-long one is refused."""
    made = {attribute.name: attribute.values for attribute in attributes}
    for key, at in mapping.index_keys:
        values = made.get(key.name)
        if values is not None and key.type != "N":
            _check_key_lengths(rows, key, values, MAX_KEY_BYTES[at], faults)


def _check_key(rows: Rows, key: KeyAttribute, values: pa.Array, limit: int, faults: dict[int, Fault]) -> None:
    for row in pc.indices_nonzero(pc.is_null(values)).to_pylist():
        faults.setdefault(row, _empty_key(rows.record_of(row), key))
    if key.type != "N":
        _check_key_lengths(rows, key, values, limit, faults)


def _check_key_lengths(rows: Rows, key: KeyAttribute, values: pa.Array, limit: int, faults: dict[int, Fault]) -> None:
    lengths = pc.fill_null(pc.binary_length(values), 1)
    for row in pc.indices_nonzero(pc.equal(lengths, 0)).to_pylist():
        faults.setdefault(row, _empty_key(rows.record_of(row), key))
    for row in pc.indices_nonzero(pc.greater(lengths, limit)).to_pylist():
        message = f"the key {key.name} is {lengths[row].as_py()} bytes long, DynamoDB takes {limit}"
        value = values[row].as_py() if key.type == "S" else None
        faults.setdefault(row, Fault(rows.record_of(row), Reason.KEY_TOO_LONG, message, key.source, value))


def _empty_key(record: int, key: KeyAttribute) -> Fault:
    message = f"the key {key.name} is empty, and DynamoDB takes no item with an empty key"
    return Fault(record, Reason.EMPTY_KEY, message, key.source, "")


def _check_sizes(rows: Rows, attributes: list[Attribute], faults: dict[int, Fault]) -> None:
    """DynamoDB counts UTF-8 names and values. An upper bound over the block saves looking at each row."""
    lengths = [_byte_lengths(attribute) for attribute in attributes]
    if sum(pc.max(column).as_py() or 0 for column in lengths) <= MAX_ITEM_BYTES:
        return
    total = lengths[0]
    for column in lengths[1:]:
        total = pc.add(total, column)
    for row in pc.indices_nonzero(pc.greater(total, MAX_ITEM_BYTES)).to_pylist():
        message = f"the item is {total[row].as_py()} bytes long, DynamoDB takes {MAX_ITEM_BYTES}"
        faults.setdefault(row, Fault(rows.record_of(row), Reason.ITEM_TOO_LARGE, message))


def _byte_lengths(attribute: Attribute) -> pa.Array:
    values, name_bytes = attribute.values, len(attribute.name.encode())
    if attribute.sizes is not None:
        length = attribute.sizes
    elif attribute.type == "BOOL":
        length = pc.if_else(pc.is_valid(values), 1, None)
    else:
        length = pc.binary_length(values)
    present = pc.add(pc.cast(length, pa.int64()), name_bytes)
    return pc.fill_null(present, name_bytes + 1 if attribute.write_null else 0)
