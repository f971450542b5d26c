"""Which partition keys of a table or index get many of the writes, at large and at a time."""

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

LEAST_SHARE = 1000  # a key with fewer than one in so many of a block's writes is no hot one
MOST_KEYS = 100_000  # are remembered; then the rarer nine in ten are forgotten


@dataclass(slots=True)
class Skew:
    """Adds up the writes of one partition key after another.

    `writes` counts all. `hottest_units` is what the hottest key of each block gets, added up over the blocks: rows of
    one key that stand together ask one partition for much at a time, even if they are few at large.
    """

    writes: int = 0
    hottest_units: int = 0
    _counts: Counter[str] = field(default_factory=Counter)

    def add(self, keys: pa.Array, units: pa.Array) -> None:
        """Take the partition keys of a block's writes, and the units of each."""
        if not len(keys):
            return
        self.writes += len(keys)
        encoded = keys.dictionary_encode()
        found = pc.value_counts(encoded.indices)
        counts, names = found.field("counts"), encoded.dictionary
        hottest = found.field("values")[pc.index(counts, pc.max(counts)).as_py()]
        self.hottest_units += pc.sum(pc.filter(units, pc.equal(encoded.indices, hottest))).as_py()
        self._note(found.filter(pc.greater_equal(counts, max(2, len(keys) // LEAST_SHARE))), names)

    def hottest(self) -> tuple[str, float] | None:
        """Return the key with the most writes and its share of them all; None if no key has several."""
        if not self._counts:
            return None
        key, count = self._counts.most_common(1)[0]
        return key, count / self.writes

    def _note(self, frequent: pa.Array, names: pa.Array) -> None:
        keys = names.take(frequent.field("values")).to_pylist()
        counts = frequent.field("counts").to_pylist()
        self._counts.update({_text(key): count for key, count in zip(keys, counts, strict=True)})
        if len(self._counts) > MOST_KEYS:
            self._counts = Counter(dict(self._counts.most_common(MOST_KEYS // 10)))


def _text(key: str | bytes) -> str:
    return key.hex() if isinstance(key, bytes) else key
