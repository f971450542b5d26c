"""Which rows have the key of an earlier one. They stand close together: in groups of 32 rows of the file.

The loader promises that the last row of a key stays only where it reads both in order. So a row replaces another by
different content only in the beginning of a file, which no loader cuts; everywhere else a row with the key of another
is that row once more, and the table is the same whichever is written last.
"""

import numpy as np
from numpy.typing import NDArray

from loadtest.workload.generators import Numbers
from loadtest.workload.hashing import U64

GROUP = 32
_DOUBLINGS = 5  # of how far back a row's key can come from: 32 rows


def keys_of(wants: U64, choice: U64, share: float) -> Numbers:
    """Return the row that each row has the key of, by two random words for each; the first row begins a group."""
    own = np.arange(len(wants))
    place = own % GROUP
    is_again = (wants < min(share * GROUP / (GROUP - 1), 1.0) * (1 << 32)) & (
        place > 0
    )  # the first of a group never is
    earlier = own - place + (choice * place.astype(np.uint64) >> np.uint64(32)).astype(np.int64)
    keys = np.where(is_again, earlier, own)
    for _ in range(_DOUBLINGS):
        keys = keys[keys]
    return keys


def last_of_each(keys: Numbers, good: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether each row is good and no later good row has its key."""
    rows = np.flatnonzero(good)
    last = np.full(len(keys), -1, np.int64)
    last[keys[rows]] = rows  # where a place is named twice, numpy keeps the last
    is_last = np.zeros(len(keys), np.bool_)
    is_last[last[last >= 0]] = True
    return is_last
