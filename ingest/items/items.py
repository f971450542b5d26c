"""Rows -> items: typed attributes and keys, column by column, each item checked as DynamoDB would check it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Reason, WriteOperation
from ingest.feeds.feed import KeyAttribute, Operation, is_template, template_parts
from ingest.items.columns import AnyArray, Attribute, ConvertedColumn, fill_null, joined, rows_where
from ingest.items.convert import convert
from ingest.items.mapping import Expiry, Mapping, Target
from ingest.items.timestamps import epoch_seconds
from ingest.items.validate import MAX_KEY_BYTES, check_index_keys, check_key, check_sizes
from ingest.reading.rows import Fault, Rows


@dataclass(frozen=True, slots=True)
class Refusal:
    """An item the table refused, by its place among the items given to the writer."""

    row: int
    message: str
    reason: str = Reason.REFUSED_BY_DYNAMODB


@dataclass(frozen=True, slots=True)
class Items:
    """Items as columns of equal length; `records[i]` is the record of the block that item i came from.

    `operations[i]` is the operation on item i (`WriteOperation`); `operations` is None if rows do not name theirs.
    """

    attributes: tuple[Attribute, ...]
    keys: tuple[KeyAttribute, ...]
    records: Sequence[int]
    operations: AnyArray | None = None

    def __len__(self) -> int:
        return len(self.records)

    def take(self, rows: list[int]) -> "Items":
        """Return some of the items, in the order of `rows`."""
        wanted = pa.array(rows, pa.int64())
        return Items(
            tuple(attribute.take(wanted) for attribute in self.attributes),
            self.keys,
            [self.records[row] for row in rows],
            None if self.operations is None else self.operations.take(wanted),
        )

    def without(self, records: set[int]) -> "Items":
        """Return the items that came from none of these records."""
        kept = [row for row, record in enumerate(self.records) if record not in records] if records else None
        return self if kept is None else self.take(kept)

    def slice(self, start: int, end: int) -> "Items":
        """Return the items from `start` to before `end`, without copying their values."""
        columns = tuple(attribute.slice(start, end - start) for attribute in self.attributes)
        operations = None if self.operations is None else self.operations.slice(start, end - start)
        return Items(columns, self.keys, self.records[start:end], operations)

    def only(self, names: Collection[str | None]) -> "Items":
        """Return the items with some of their attributes."""
        return replace(self, attributes=tuple(a for a in self.attributes if a.name in names))

    def operation_of_each(self, otherwise: str) -> list[str]:
        """Return the operation on each item; `otherwise` for all if the rows do not name theirs."""
        return [otherwise] * len(self) if self.operations is None else list(map(str, self.operations.to_pylist()))

    def attribute(self, name: str) -> Attribute:
        """Return the attribute of that name."""
        return next(attribute for attribute in self.attributes if attribute.name == name)


def build_items(rows: Rows, mapping: Mapping) -> tuple[Items, list[Fault]]:
    """Return the items of the rows that can be written, and one fault for each of the other rows.

    If a row has several faults, the first is reported, in this order: operation, columns from left to right, extras,
    version, keys, size. For a row that deletes an item, only its key and version are checked.
    """
    faults: dict[int, Fault] = {}
    table = rows.table
    operations = _operations(rows, mapping.operation, faults) if mapping.operation else None
    made = _Conversion(rows, faults, _Deleted.of(operations, mapping.of_deleted))
    attributes = [made.attribute(target, table.column(target.column).combine_chunks()) for target in mapping.targets]
    attributes += [made.attribute(extra, _filled(table, extra.column)) for extra in mapping.extras]
    attributes += [made.expiry(mapping.expiry)] if mapping.expiry else []
    if mapping.version:
        _check_version(rows, mapping.version, attributes, faults)
    for key, limit in zip(mapping.keys, MAX_KEY_BYTES, strict=False):
        if is_template(key.source):
            attributes.append(Attribute(key.name, "S", _filled(table, key.source)))
        values = next(attribute.values for attribute in attributes if attribute.name == key.name)
        check_key(rows, key, values, limit, faults)
    check_index_keys(rows, mapping, attributes, faults)
    check_sizes(rows, attributes, faults)
    records = range(table.num_rows) if rows.records is None else rows.records
    items = Items(tuple(attributes), mapping.keys, records, operations)
    if faults:
        items = items.take([row for row in range(table.num_rows) if row not in faults])
    return items, list(faults.values())


def _operations(rows: Rows, operation: Operation, faults: dict[int, Fault]) -> AnyArray:
    """Return the operation of each row (`WriteOperation`); null, and a fault, if its word for it is unknown."""
    cells: AnyArray = fill_null(rows.table.column(operation.column).combine_chunks(), "")
    words = dict.fromkeys(operation.put, WriteOperation.PUT)
    words |= dict.fromkeys(operation.update, WriteOperation.UPDATE)
    words |= dict.fromkeys(operation.delete, WriteOperation.DELETE)
    places = pc.index_in(cells, value_set=pa.array(list(words), pa.string()))
    message = f"not a known operation; accepted words: {', '.join(words)}"
    for row in rows_where(pc.is_null(places)) if places.null_count else ():
        fault = Fault(rows.record_of(row), Reason.BAD_OPERATION, message, operation.column, cells[row].as_py())
        faults.setdefault(row, fault)
    return pa.array(list(words.values()), pa.string()).take(places)


def _check_version(rows: Rows, version: Target, attributes: Sequence[Attribute], faults: dict[int, Fault]) -> None:
    values = next(attribute.values for attribute in attributes if attribute.name == version.name)
    for row in rows_where(pc.is_null(values)) if values.null_count else ():
        message = "the version is missing; without it the row cannot be compared with the table's"
        faults.setdefault(row, Fault(rows.record_of(row), Reason.NO_VERSION, message, version.column))


@dataclass(frozen=True, slots=True)
class _Deleted:
    """The rows that delete an item; only their attributes in `kept` matter. `places` are row numbers, null there."""

    rows: frozenset[int]
    kept: frozenset[str]
    places: pa.Int64Array

    @staticmethod
    def of(operations: AnyArray | None, kept: frozenset[str]) -> "_Deleted | None":
        """Return the rows that delete an item; None if there are none."""
        if operations is None:
            return None
        is_deleted = fill_null(pc.equal(operations, pa.scalar(WriteOperation.DELETE)), False)
        rows = frozenset(rows_where(is_deleted))
        places = pc.if_else(is_deleted, None, pa.array(range(len(operations)), pa.int64()))
        return _Deleted(rows, kept, places) if rows else None


@dataclass(frozen=True, slots=True)
class _Conversion:
    """Converts columns of rows to attributes, and collects the rows' faults."""

    rows: Rows
    faults: dict[int, Fault]
    deleted: _Deleted | None

    def attribute(self, target: Target, cells: AnyArray) -> Attribute:
        """Return the attribute that a column of text becomes."""
        typed, null = convert(cells, target), target.declared.null
        made = Attribute(target.name, target.type, typed.values, null == "null", typed.sizes, null == "remove")
        return self._noted(made, typed, target.column, cells)

    def expiry(self, expiry: Expiry) -> Attribute:
        """Return the attribute with the time at which the items expire."""
        if expiry.source is None:
            values = pa.repeat(pa.scalar(str(expiry.after_s)), self.rows.table.num_rows)
            return self._noted(Attribute(expiry.attribute, "N", values), ConvertedColumn(values, []), "", values)
        cells = self.rows.table.column(expiry.source.column).combine_chunks()
        typed = epoch_seconds(cells, expiry.source.declared)
        made = Attribute(expiry.attribute, "N", pc.cast(pc.add(typed.values, expiry.after_s), pa.string()))
        return self._noted(made, typed, expiry.source.column, cells)

    def _noted(self, made: Attribute, typed: ConvertedColumn, column: str, cells: AnyArray) -> Attribute:
        """Record the faults of an attribute and return it, both without the rows for which it does not matter."""
        deleted = None if self.deleted is None or made.name in self.deleted.kept else self.deleted
        for bad in typed.bad:
            if deleted is None or bad.row not in deleted.rows:
                fault = Fault(self.rows.record_of(bad.row), bad.reason, bad.message, column, cells[bad.row].as_py())
                self.faults.setdefault(bad.row, fault)
        return made if deleted is None else made.take(deleted.places)


def _filled(table: pa.Table, template: str) -> AnyArray:
    """Fill a template, or repeat a constant, row by row; null where any of its columns has no value."""
    if not is_template(template):
        return pa.repeat(pa.scalar(template, pa.string()), table.num_rows)
    parts = [
        table.column(part).combine_chunks() if i % 2 else pa.scalar(part)
        for i, part in enumerate(template_parts(template))
    ]
    return joined(*parts)
