"""What ended on which day: counts by day and feed. Pure; days are YYYY-MM-DD, UTC."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ingest.contract import Status
from ingest.core.books import NOTHING, Books
from ingest.core.records import Record


@dataclass(slots=True)
class DayCount:
    """The files of a feed that ended on a day: how many in which way, and their books together."""

    day: str
    feed: str
    statuses: Counter[str] = field(default_factory=Counter)
    books: Books = NOTHING

    def add(self, record: Record) -> None:
        """Count one more."""
        self.statuses[record.status] += 1
        self.books = self.books.plus(record.books)

    @property
    def files(self) -> int:
        """How many files ended."""
        return self.statuses.total()

    @property
    def failed(self) -> int:
        """How many of them did not come to what they should: FAILED or UNBALANCED."""
        return self.statuses[Status.FAILED] + self.statuses[Status.UNBALANCED]


def by_day(ended: Iterable[tuple[str, Record]]) -> Iterator[DayCount]:
    """Yield the counts of files that come day by day, and feed by feed in each; nothing for what had none."""
    count: DayCount | None = None
    for day, record in ended:
        if count is None or (count.day, count.feed) != (day, record.feed):
            if count:
                yield count
            count = DayCount(day, record.feed)
        count.add(record)
    if count:
        yield count


def total(counts: Iterable[DayCount]) -> DayCount:
    """Return the sum of counts, under the name "total"."""
    whole = DayCount("total", "")
    for count in counts:
        whole.statuses.update(count.statuses)
        whole.books = whole.books.plus(count.books)
    return whole
