"""One attribute of many items, as a column."""

from dataclasses import dataclass, replace

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of all items. A null is left out of its item, or written as NULL if `write_null`."""

    name: str
    type: str
    values: pa.Array
    write_null: bool = False
    sizes: pa.Array | None = None  # as in `Typed`

    def take(self, rows: pa.Array) -> "Attribute":
        """Return the attribute of some of the items, in the order of `rows`."""
        return replace(self, values=self.values.take(rows), sizes=None if self.sizes is None else self.sizes.take(rows))

    def slice(self, start: int, count: int) -> "Attribute":
        """Return the attribute of `count` items in a row, without copying its values."""
        sizes = None if self.sizes is None else self.sizes.slice(start, count)
        return replace(self, values=self.values.slice(start, count), sizes=sizes)
