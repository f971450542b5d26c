"""Which attributes an item has, and the hash of each item from those of its columns' cells."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from loadtest.workload.canonical import canonical_value
from loadtest.workload.digits import joined_hash
from loadtest.workload.faults import BadRecipe
from loadtest.workload.generators import Cells
from loadtest.workload.hashing import MASK, U64, attribute_seed, powers, row_hashes, value_hashes
from loadtest.workload.schema import Schema, is_template, sources, template_parts


@dataclass(frozen=True, slots=True)
class Attributes:
    """Where an item's attributes come from: columns, templates by attribute, the expiry's column, constants' hashes."""

    columns: tuple[str, ...]
    templates: tuple[tuple[str, str], ...]
    expiry: str | None
    constants: int

    def hashes(self, cells: Mapping[str, Cells]) -> U64:
        """Return the hash of each row's item."""
        count = len(next(iter(cells.values())).hashes)
        sums = np.full(count, self.constants, np.uint64)
        for name in self.columns:
            sums += cells[name].hashes
        for attribute, template in self.templates:
            sums += _template_hashes(attribute, template, cells, count)
        expiry = cells[self.expiry].expiry if self.expiry else None
        return row_hashes(sums if expiry is None else sums + expiry)


def attributes_of(schema: Schema, columns: tuple[str, ...]) -> Attributes:
    """Return the attributes of the items that a file with these columns gives.

    Raises:
        BadRecipe: one of them is filled from columns and is not text.
    """
    for name, text, kind in schema.attributes:
        if is_template(text) and kind != "S":
            raise BadRecipe(f"attribute {name}: templates of type {kind} are not generated, only those of type S.")
    constants = [(n, k, text) for n, text, k in schema.attributes if not is_template(text)]
    templates = [(name, source) for name, source in schema.keys if is_template(source)]
    templates += [(name, text) for name, text, _ in schema.attributes if is_template(text)]
    return Attributes(
        tuple(name for name in columns if not _is_dropped(schema, name)),
        tuple(templates),
        schema.ttl[0] or None if schema.ttl else None,
        sum(_constant_hash(*constant) for constant in constants) & MASK,
    )


def not_summed(schema: Schema) -> tuple[str, ...]:
    """Return the attributes that the file says nothing of: where it lies, and when it is loaded."""
    by_load = (schema.ttl[2],) if schema.ttl and not schema.ttl[0] else ()
    return tuple(sorted((*schema.lineage, *by_load)))


def _is_dropped(schema: Schema, name: str) -> bool:
    if any(source == name for _, source in schema.keys):
        return False
    is_unknown = name not in dict(schema.columns)
    return schema.column(name).drop or (schema.dialect.unknown_columns == "drop" and is_unknown)


def _constant_hash(name: str, kind: str, text: str) -> int:
    if kind not in ("S", "N"):
        raise BadRecipe(f"attribute {name}: constants of type {kind} are not generated, only those of type S and N.")
    value = canonical_value(kind, text)
    hashes = np.array([joined_hash(value)], np.uint64)
    return int(value_hashes(attribute_seed(name, kind), hashes, powers(len(value) + 1)[len(value) :][:1])[0])


def _template_hashes(attribute: str, template: str, cells: Mapping[str, Cells], count: int) -> U64:
    """Return the hash of a filled template; 0 where a column of it has no value."""
    hashes, power = np.zeros(count, np.uint64), np.ones(count, np.uint64)
    for place, part in enumerate(template_parts(template)):
        if place % 2:
            text = cells[part].text
            assert text is not None
            more, factor = text
        else:
            literal = part.encode()
            more, factor = np.uint64(joined_hash(literal)), powers(len(literal) + 1)[len(literal)]  # type: ignore[assignment]
        hashes, power = hashes * factor + more, power * factor
    found = value_hashes(attribute_seed(attribute, "S"), hashes, power)
    for name in sources(template):
        missing = cells[name].missing
        if missing is not None:
            found[missing] = 0
    return found
