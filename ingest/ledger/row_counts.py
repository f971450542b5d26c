"""The row counts of a file: each row read is counted exactly once as written, rejected, superseded or skipped."""

from dataclasses import asdict, dataclass, fields
from operator import add, attrgetter, sub

from ingest.contract import SKIPPED
from ingest.errors import AllRowsRejected
from ingest.feeds.feed import RowLimit

WARNED_SHARE = 0.001  # of the rows: if more have the key of a later row, the feed's key is probably incomplete
DUPLICATE_KEYS = "duplicate_keys"  # the code of that warning

COUNTED = ("rows_read", "rows_written", "rows_rejected", "rows_superseded", "bytes_read")  # of every file
MANY_ROWS, FEW_ROWS = 1000, 10  # see `RowCounts.has_only_rejects`


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Counts of one file, absolute. `bytes_read` counts the expanded text, header included.

    >>> RowCounts(rows_read=3, rows_written=2, rows_rejected=1).is_balanced
    True
    """

    rows_read: int = 0
    rows_written: int = 0
    rows_rejected: int = 0
    rows_superseded: int = 0
    bytes_read: int = 0
    rows_older: int = 0
    rows_exists: int = 0
    rows_unchanged: int = 0
    rows_replaced: int = 0
    rows_absent: int = 0

    @property
    def skipped(self) -> dict[str, int]:
        """The numbers of rows skipped because of an item in the table, by reason (`SKIPPED`); zeros are left out."""
        counts = {why: int(getattr(self, f"rows_{why}")) for why in SKIPPED}
        return {why: count for why, count in counts.items() if count}

    @property
    def rows_skipped(self) -> int:
        """The number of all skipped rows."""
        return sum(self.skipped.values())

    @property
    def is_balanced(self) -> bool:
        """Whether every row is accounted for."""
        return self.rows_read == self.rows_written + self.rows_rejected + self.rows_superseded + self.rows_skipped

    def counts(self) -> dict[str, int]:
        """Return all counts by name."""
        return asdict(self)

    def listed(self) -> list[int]:
        """Return the counts in order, without zeros at the end, as entries of the ledger have them.

        >>> RowCounts(rows_read=3, rows_written=2, bytes_read=9, rows_exists=1).listed()
        [3, 2, 0, 0, 9, 0, 1]
        """
        values = list(_values(self))
        while len(values) > len(COUNTED) and not values[-1]:
            values.pop()
        return values

    def document(self) -> dict[str, int]:
        """Return the counts for documents, events and logs. Reasons for skipping are included only if they occur.

        >>> RowCounts(rows_read=3, rows_written=2, rows_exists=1).document()["rows_skipped"]
        1
        """
        counts, whys = self.counts(), {f"rows_{why}": count for why, count in self.skipped.items()}
        rows = {name: counts[name] for name in COUNTED if name != "bytes_read"}
        return rows | {"rows_skipped": self.rows_skipped} | whys | {"bytes_read": self.bytes_read}

    def plus(self, more: "RowCounts") -> "RowCounts":
        """Return the sum of two row counts."""
        return RowCounts(*map(add, _values(self), _values(more)))

    def since(self, before: "RowCounts") -> "RowCounts":
        """Return what was counted since an earlier moment."""
        return RowCounts(*map(sub, _values(self), _values(before)))

    def exceeds(self, limit: RowLimit) -> bool:
        """Return whether more rows were rejected than a feed allows.

        >>> RowCounts(rows_read=2000, rows_rejected=300).exceeds(RowLimit(share=0.1))
        True
        """
        return self._is_over(self.rows_rejected, limit)

    def exceeds_duplicates(self, limit: RowLimit) -> bool:
        """Return whether more rows were superseded than a feed allows.

        >>> RowCounts(rows_read=2000, rows_superseded=300).exceeds_duplicates(RowLimit(share=0.1))
        True
        """
        return self._is_over(self.rows_superseded, limit)

    def _is_over(self, found: int, limit: RowLimit) -> bool:
        if limit.count is not None and found > limit.count:
            return True
        enough = limit.share is not None and self.rows_read >= limit.min_rows
        return enough and found > (limit.share or 0) * self.rows_read

    def warning(self) -> dict[str, str] | None:
        """Return the code and message of a possible mistake in a file that was loaded; None if there is none.

        >>> RowCounts(rows_read=1000, rows_written=999, rows_superseded=1).warning()
        >>> RowCounts(rows_read=1000, rows_written=900, rows_superseded=100).warning()["code"]
        'duplicate_keys'
        """
        if self.rows_superseded <= WARNED_SHARE * self.rows_read:
            return None
        sentence = (
            f"{self.rows_superseded:,} of {self.rows_read:,} rows ({self.rows_superseded / self.rows_read:.1%}) have "
            "the key of a later row, which replaced them. Check that the feed's key is the whole key."
        )
        return {"code": DUPLICATE_KEYS, "message": sentence}

    def has_only_rejects(self, *, at_end: bool) -> bool:
        """Return whether all rows are rejects, of at least 1,000 rows, or of more than ten at the file's end.

        >>> RowCounts(rows_read=999, rows_rejected=999).has_only_rejects(at_end=False)
        False
        """
        least = FEW_ROWS + 1 if at_end else MANY_ROWS
        return self.rows_read >= least and self.rows_rejected == self.rows_read


_values = attrgetter(*(field.name for field in fields(RowCounts)))
NOTHING = RowCounts()


def all_rows_rejected(row_counts: RowCounts, *, at_end: bool) -> AllRowsRejected:
    """Return the error of a file whose rows, or first rows, were all rejected."""
    which = f"All {row_counts.rows_read:,} rows" if at_end else f"All of the first {row_counts.rows_read:,} rows"
    return AllRowsRejected(
        f"{which} were rejected, and nothing was written: the file is of another kind, or the feed is wrong. "
        "Look at the rejects for the reason, fix the file or the feed, and load the file again."
    )
