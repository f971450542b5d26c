"""Splits a large file: streams it once, and sends a message for each segment meanwhile."""

from collections.abc import Iterator
from contextlib import closing

from ingest.feeds.feed import Feed
from ingest.file import FileVersion
from ingest.items.mapping import map_columns
from ingest.ledger.claims import Claimed
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.ledger.work_item import SegmentPlan, WorkItem
from ingest.queue.messages import body_of
from ingest.reading.reader import open_file
from ingest.reading.segments import Segment
from ingest.worker.lease import Lease
from ingest.worker.ports import WorkerServices

RANGES_AHEAD = 4  # scanning is faster than one connection to S3


class Splitter:
    """Splits one file, from its beginning or from where another has come. `has_moved`: it has come further.
    `name` is the feed's.

    `row_counts` is what the file's entry counts by it: the header, which is in no segment, when all are planned.
    """

    def __init__(
        self,
        file: FileVersion,
        feed: Feed,
        claimed: Claimed,
        lease: Lease,
        services: WorkerServices,
        *,
        name: str,
        segment_bytes: int,
        block_bytes: int | None,
    ) -> None:
        self.has_moved = False
        self.row_counts = NOTHING
        self._file = file
        self._feed = feed
        self._name = name
        self._plan = claimed.plan
        self._lease = lease
        self._objects = services.objects
        self._transitions = services.ledger.transitions
        self._queue = services.queue
        self._check_table = services.check_table
        self._segment_bytes = segment_bytes
        self._block_bytes = block_bytes

    def run(self) -> bool:
        """Split the file to its end; return False if one worker must read all of it (`is_splittable`).

        A segment's entry is written before its message is sent, and the plan after it: whatever is done twice after
        a crash is the same again.

        Raises:
            FileFault: the file will never load as it is.
            ServiceFault: trying later may help, also LeaseLost and OutOfTime.
        """
        with closing(open_file(self._read, self._feed, block_bytes=self._block_bytes)) as reader:
            if not reader.can_jump:
                return False
            self._check_table(self._feed, map_columns(self._feed, reader.columns))  # a wrong header or table ends it
            known = self._plan or SegmentPlan(reader.start)
            for segment in reader.segments(known.at, self._segment_bytes):
                known = self._add(segment, known)
        self._transitions.split(self._file, self._lease.token, known, head_bytes=reader.start.byte)
        self.row_counts = RowCounts(bytes_read=reader.start.byte)
        return True

    def _add(self, segment: Segment, known: SegmentPlan) -> SegmentPlan:
        """Make a segment known, and return the plan that has it."""
        self._transitions.add_segment(self._file, segment)
        self._queue.send([body_of(WorkItem(self._file, segment))], feed=self._name)
        known = SegmentPlan(segment.end, known.segments + 1)
        self._lease.save_plan(known)
        self.has_moved = True
        return known

    def _read(self, start: int, end: int | None) -> Iterator[bytes]:
        with closing(self._objects.portions(self._file, start, end, ahead=RANGES_AHEAD)) as portions:
            for portion in portions:
                self._lease.before_block()
                yield portion
