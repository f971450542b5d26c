"""Reads a file, or a part of it, through the function's own pipeline, and measures what would be written."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field

from ingest.aws.local_files import Source
from ingest.estimate.cost import WriteCostEstimator
from ingest.feeds.feed import Feed
from ingest.items.items import Items
from ingest.items.mapping import Mapping
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.reading.compression import RangeReader, codec_of, expanded_sizes, first_bytes
from ingest.reading.reader import Reader, open_file
from ingest.reading.segments import window_bytes, windows
from ingest.rejects.local_file import RejectTally
from ingest.rejects.reject import CELL_BYTES
from ingest.worker.load import EnoughRowsError, Load


@dataclass(frozen=True, slots=True)
class Observed:
    """Consecutive rows: their bytes, and how many were written, rejected and superseded."""

    bytes: int
    rows: int
    written: int
    rejected: int
    superseded: int
    units: int


@dataclass(slots=True)
class Reading:
    """The part of a file that was read: `read_bytes` of the `text_bytes` that its rows have when decompressed.

    `how`: "all" of it, in "windows" spread evenly over it, or its "head"; `why` says why not more. `failed_at` has the
    row counts at which the file would fail: in the part read, max_rejects or max_duplicates of the feed was exceeded,
    or all rows were rejects. `codec` is the compression; empty if there is none.
    """

    source: Source
    is_splittable: bool
    how: str = "all"
    why: str = ""
    head_bytes: int = 0
    text_bytes: float = 0.0
    observed: list[Observed] = field(default_factory=list)
    failed_at: RowCounts | None = None
    codec: str = ""

    @property
    def read_bytes(self) -> int:
        """The bytes that were read."""
        return sum(part.bytes for part in self.observed)

    @property
    def is_whole(self) -> bool:
        """Whether all of it was read."""
        return self.how == "all"

    def note(self, before: RowCounts, row_counts: RowCounts, units: int, feed: Feed) -> None:
        """Add a block. The header is subtracted from the bytes of the first one."""
        head = 0 if before.bytes_read else self.head_bytes
        self.observed.append(
            Observed(
                bytes=row_counts.bytes_read - before.bytes_read - head,
                rows=row_counts.rows_read - before.rows_read,
                written=row_counts.rows_written - before.rows_written,
                rejected=row_counts.rows_rejected - before.rows_rejected,
                superseded=row_counts.rows_superseded - before.rows_superseded,
                units=units,
            )
        )
        is_over = row_counts.exceeds(feed.max_rejects) or row_counts.exceeds_duplicates(feed.max_duplicates)
        if self.failed_at is None and (is_over or row_counts.has_only_rejects(at_end=False)):
            self.failed_at = row_counts


SLICE_BYTES = 4 * 1024  # of a compressed file, read at a time to measure its compression ratio
Watch = Callable[[RowCounts], None]


class SampleReader:
    """Reads files of one feed; `write_cost` and `reasons` accumulate over all of them. `check_table` is as for `Load`.

    `on_items` is called with all items read.
    """

    def __init__(
        self,
        feed: Feed,
        *,
        now_s: float,
        check_table: Callable[[Mapping], None] = lambda mapping: None,
        on_items: Callable[[Items], None] = lambda items: None,
    ) -> None:
        self._check_table = check_table
        self.write_cost = WriteCostEstimator(feed, on_items)
        self._tally = RejectTally(keep=0)
        self._feed = feed
        self._now_s = now_s

    @property
    def reasons(self) -> Counter[str]:
        """The rejects so far, by reason."""
        return self._tally.reasons

    def read(self, source: Source, budget: int | None, watch: Watch = lambda row_counts: None) -> Reading:
        """Read about `budget` bytes of a file, or all of it if it is not larger.

        Raises:
            FileFault: the file cannot be loaded as it is.
        """
        with closing(open_file(source.read, self._feed)) as reader:
            reading = Reading(source, is_splittable=reader.can_jump, head_bytes=reader.start.byte)
        reading.codec = codec_of(first_bytes(source.read(0, None)), self._feed.csv)
        if budget is None or (reader.can_jump and source.size_bytes <= budget):
            self._load(reading, source.read, watch)
        elif reader.can_jump and self._spread(reading, reader, budget, watch):
            reading.how, reading.why = "windows", "read in windows spread evenly over it"
        else:
            self._head(reading, budget, watch)
        if reading.is_whole:
            reading.text_bytes = reading.read_bytes
        reading.is_splittable = reader.can_jump and not self._feed.is_ordered
        return reading

    def _spread(self, reading: Reading, reader: Reader, budget: int, watch: Watch) -> bool:
        """Read whole records in windows spread over the file; return False, with nothing read, if ends are unknown."""
        source, start = reading.source, reader.start.byte
        spread = windows(start, source.size_bytes, window=window_bytes(self._feed.csv), budget=budget)
        found: list[bytes] = []
        for first, last in spread:
            data = b"".join(source.read(first, last))
            ends = reader.whole_records(data, at_start=first == start, at_end=last >= source.size_bytes)
            if ends is None:
                return False
            found.append(data[ends[0] : ends[1]])
        head = b"".join(source.read(0, start))
        for records in found:
            self._load(reading, _in_memory(head + records), watch)
        reading.text_bytes = source.size_bytes - start
        return bool(found)

    def _head(self, reading: Reading, budget: int, watch: Watch) -> None:
        reading.how = "head"
        if not self._load(reading, reading.source.read, watch, budget):
            reading.how = "all"
            return
        if reading.is_splittable:
            reading.why = (
                "only its beginning was read: it has quotes, so where records begin in the middle is not known"
            )
            reading.text_bytes = reading.source.size_bytes - reading.head_bytes
        else:
            reading.why = "only its beginning was read: it is compressed, or cannot be read from the middle"
            expanded = _expansion(reading.source.read, self._feed, budget) * reading.source.size_bytes
            reading.text_bytes = max(reading.read_bytes, expanded - reading.head_bytes)

    def _load(self, reading: Reading, read: RangeReader, watch: Watch, budget: int | None = None) -> bool:
        """Run a load that writes nothing; return whether it stopped because the budget was spent."""
        before, units = NOTHING, self.write_cost.units

        def after_block(row_counts: RowCounts) -> None:
            nonlocal before, units
            reading.note(before, row_counts, self.write_cost.units - units, self._feed)
            before, units = row_counts, self.write_cost.units
            watch(row_counts)
            if budget is not None and row_counts.bytes_read >= budget:
                raise EnoughRowsError

        load = Load(
            feed=self._feed,
            writer=self.write_cost,
            rejects=self._tally,
            file=reading.source.name,
            now_s=self._now_s,
            check_table=self._check_table,
            ends_early=False,  # an estimate reads on, and reports where the load would end
            after_block=after_block,
        )
        with suppress(EnoughRowsError):
            load.run(read)
            return False
        return True


class ItemSample:
    """A uniform random sample of at most `most` of the items read: those with the smallest random numbers."""

    def __init__(self, most: int, chance: Callable[[], float]) -> None:
        self._most = most
        self._chance = chance
        self._least = 1.0  # items with this number or a larger one are not kept
        self._blocks: list[tuple[list[float], Items]] = []

    def add(self, items: Items) -> None:
        """Draw a number for each of the items, and keep those with small ones."""
        if not self._most:
            return
        self._keep([self._chance() for _ in range(len(items))], items)
        if sum(len(numbers) for numbers, _ in self._blocks) > 2 * self._most:
            self._thin()

    def blocks(self) -> list[Items]:
        """Return the sampled items, in blocks of the same attributes."""
        self._thin()
        return [items for _, items in self._blocks]

    def _thin(self) -> None:
        drawn = sorted(number for numbers, _ in self._blocks for number in numbers)
        if len(drawn) > self._most:
            self._least = drawn[self._most]
            blocks, self._blocks = self._blocks, []
            for numbers, items in blocks:
                self._keep(numbers, items)

    def _keep(self, numbers: list[float], items: Items) -> None:
        rows = [row for row, number in enumerate(numbers) if number < self._least]
        if rows:
            self._blocks.append(([numbers[row] for row in rows], items.take(rows)))


def _in_memory(data: bytes) -> RangeReader:
    def read(start: int, end: int | None) -> Iterator[bytes]:
        for at in range(start, len(data) if end is None else end, CELL_BYTES):
            yield data[at : min(at + CELL_BYTES, len(data) if end is None else end)]

    return read


def _expansion(read: RangeReader, feed: Feed, budget: int) -> float:
    """Return the ratio of decompressed to compressed bytes at the beginning of the file."""
    taken = 0

    def slices() -> Iterator[bytes]:
        nonlocal taken
        for portion in read(0, None):
            for at in range(0, len(portion), SLICE_BYTES):
                chunk = portion[at : at + SLICE_BYTES]
                taken += len(chunk)
                yield chunk

    expanded = 0
    for size in expanded_sizes(slices(), feed.csv):
        expanded += size
        if expanded >= budget:
            break
    return expanded / max(1, taken)
