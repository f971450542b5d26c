"""Rows -> items: typed attributes and keys, column by column, each item checked as DynamoDB would check it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Reason
from ingest.feeds.feed import KeyAttribute, is_template, template_parts
from ingest.items.columns import AnyArray, Attribute, ConvertedColumn, joined
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

    `operations[i]` is what becomes of the item with that key (`WriteOperation`), where rows of one file say that.
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

    def attribute(self, name: str) -> Attribute:
        """Return the attribute of that name."""
        return next(attribute for attribute in self.attributes if attribute.name == name)


def build_items(rows: Rows, mapping: Mapping) -> tuple[Items, list[Fault]]:
    """Return the rows as items, without those that cannot be written, and why each of them cannot.

    Of a row with several faults the first is reported: columns from left to right, extras, keys, size.
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
        check_key(rows, key, values, limit, faults)
    check_index_keys(rows, mapping, attributes, faults)
    check_sizes(rows, attributes, faults)
    items = Items(tuple(attributes), mapping.keys, range(table.num_rows) if rows.records is None else rows.records)
    if faults:
        items = items.take([row for row in range(table.num_rows) if row not in faults])
    return items, list(faults.values())


def _attribute(rows: Rows, target: Target, cells: AnyArray, faults: dict[int, Fault]) -> Attribute:
    typed = convert(cells, target)
    _note(rows, typed, target.column, cells, faults)
    return Attribute(target.name, target.type, typed.values, target.declared.null == "null", typed.sizes)


def _note(rows: Rows, typed: ConvertedColumn, column: str, cells: AnyArray, faults: dict[int, Fault]) -> None:
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


def _filled(table: pa.Table, template: str) -> AnyArray:
    """Fill a template, or repeat a constant, row by row; null where any of its columns has no value."""
    if not is_template(template):
        return pa.repeat(pa.scalar(template, pa.string()), table.num_rows)
    parts = [
        table.column(part).combine_chunks() if i % 2 else pa.scalar(part)
        for i, part in enumerate(template_parts(template))
    ]
    return joined(*parts)
