"""What was found in a file, or in some of it."""

from dataclasses import dataclass, field

from ingest.commands.source import Source
from ingest.core.books import Books
from ingest.core.estimate import Observed
from ingest.feeds import Rejects


@dataclass(slots=True)
class Reading:
    """What was found in one file. `text_bytes` is how long its rows are, expanded, and `read_bytes` of them were read.

    `how`: all of it, in places spread over it, or its head; `why` says why not more. `failed_at` is when its feed's
    max_rejects was exceeded, in what was read.
    """

    source: Source
    is_splittable: bool
    how: str = "all"
    why: str = ""
    head_bytes: int = 0
    text_bytes: float = 0.0
    seen: list[Observed] = field(default_factory=list)
    failed_at: Books | None = None

    @property
    def read_bytes(self) -> int:
        """How much was read."""
        return sum(part.bytes for part in self.seen)

    @property
    def is_whole(self) -> bool:
        """Whether all of it was read."""
        return self.how == "all"

    def note(self, before: Books, books: Books, units: int, limit: Rejects) -> None:
        """Take note of a block; the head is in the first one's bytes, and not in the rows'."""
        head = 0 if before.bytes_read else self.head_bytes
        self.seen.append(
            Observed(
                bytes=books.bytes_read - before.bytes_read - head,
                rows=books.rows_read - before.rows_read,
                written=books.rows_written - before.rows_written,
                rejected=books.rows_rejected - before.rows_rejected,
                superseded=books.rows_superseded - before.rows_superseded,
                units=units,
            )
        )
        if self.failed_at is None and books.exceeds(limit):
            self.failed_at = books
