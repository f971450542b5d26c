"""What a worker works on, a whole file or one segment of it, and how far it has come."""

from dataclasses import dataclass

from ingest.contract import LedgerKeys
from ingest.file import FileVersion
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A file, or a segment of one: the unit of message, lease, retry and checkpoint."""

    file: FileVersion
    segment: Segment | None = None

    @property
    def sort_key(self) -> str:
        """The sort key of its entry in the ledger.

        >>> WorkItem(FileVersion("b", "k", etag="e"), Segment(Position(70, 3), 99)).sort_key
        'SEG#~e#000000000000070'
        """
        if self.segment is None:
            return LedgerKeys.FILE_PREFIX + self.file.version
        return f"{LedgerKeys.SEGMENT_PREFIX}{self.file.version}#{self.segment.start.byte:015d}"

    @property
    def name(self) -> str:
        """What sentences and logs call it."""
        if self.segment is None:
            return self.file.url
        return f"bytes {self.segment.start.byte}-{self.segment.end_byte - 1} of {self.file.url}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far the rows are done: all before `at` are durable and counted in `row_counts`.

    `window` is where the rows begin whose keys later ones are compared with (`ingest.worker.load`).
    """

    at: Position
    window: Position
    row_counts: RowCounts


@dataclass(frozen=True, slots=True)
class Plan:
    """How far a file is split: the next segment begins at `at`, and `segments` were found before it."""

    at: Position
    segments: int = 0


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """What an attempt at a file has of the one before: a checkpoint, or segments that were planned, some of them done.

    `row_counts` are those of the segments that are done.
    """

    checkpoint: Checkpoint | None = None
    plan: Plan | None = None
    segments_done: int = 0
    row_counts: RowCounts = NOTHING


NOTHING_CARRIED_OVER = CarriedOver()
