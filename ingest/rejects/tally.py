"""Rejects counted by reason."""

from collections import Counter

from ingest.feeds.dialect import Csv
from ingest.rejects.reject import Reject


class RejectTally:
    """Counts rejects by reason and keeps the first few."""

    def __init__(self, *, keep: int) -> None:
        self.reasons: Counter[str] = Counter()
        self.first: list[Reject] = []
        self._keep = keep

    def begin(self, head: bytes, csv: Csv) -> None:
        """Nothing is needed of the head."""

    def add(self, rejects: list[Reject]) -> None:
        """Take a block's rejects."""
        self.reasons.update(reject.reason for reject in rejects)
        self.first += rejects[: self._keep - len(self.first)]

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is held back."""
