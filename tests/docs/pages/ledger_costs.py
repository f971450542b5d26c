"""The parts of docs/evidence.md on what the ledger costs: counted, request by request, in moto."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise, product
from typing import Any

from ingest.contract import Price, Status
from ingest.errors import BadHeader, Throttled
from ingest.file import FileVersion
from ingest.ledger.claims import LeaseToken, Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.store import TableLedger
from ingest.ledger.work_item import Checkpoint, SegmentPlan, WorkItem
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment
from tests.docs.pages.markdown import table
from tests.support.clients import ledger_table, mock_aws
from tests.support.fakes import ScriptedClock
from tests.support.ledger_costs import CountedRequests, counting

COMMAND = "\n`python -m tests.docs.pages`: the ledger's requests, counted in moto by what DynamoDB charges.\n"
MIB = 1024 * 1024
SEGMENT_BYTES, ROW_BYTES, SEGMENTS = 64 * MIB, 100, 20
OBJECTS = 100
FILE = FileVersion("landing", "orders/2026/11/22/orders-0001.csv", etag="0" * 32, sequencer="0B", size_bytes=10**6)
FILE = replace(FILE, event_time="2026-11-22T10:11:12.345Z")
FOUND = replace(FILE, sequencer=None, changed="20261122101112")
TOKEN = LeaseToken("0d7bdbe9-1111-4222-8333-444455556666", 1, 0.0, "6d7bdbe9-1111-4222-8333-444455556666")
DONE = Outcome(Status.COMPLETE, RowCounts(9, 9, 0, 0, 10**6), 1.0, "s3://rejects/orders/0001/")
SETTINGS = "0123456789abcdef"


@dataclass
class Worker:
    """What a worker writes in the ledger, one second after another."""

    ledger: TableLedger
    clock: ScriptedClock

    def begin(self, file: FileVersion = FILE, delivery: int = 1) -> LeaseToken:
        self.clock.time_s += 1
        token = replace(TOKEN, delivery=delivery, until_s=self.clock.time_s + 60)
        self.ledger.leases.begin(file, feed="orders", token=token, settings=SETTINGS)
        return token

    def end(self, token: LeaseToken, file: FileVersion = FILE) -> None:
        self.clock.time_s += 1
        self.ledger.transitions.end_file(file, token, DONE)
        self.ledger.transitions.note_reported(file, "orders", DONE.status)

    def load(self, file: FileVersion = FILE) -> None:
        self.end(self.begin(file), file)

    def overwrite(self) -> None:
        self.load(replace(FILE, sequencer="0C"))

    def load_again(self) -> None:
        token = self.begin()
        self.ledger.leases.put_back(WorkItem(FILE), token, None, Throttled("slow"))
        self.end(self.begin(delivery=2))

    def load_for_a_minute(self) -> None:
        token = self.begin()
        for _ in range(11):
            self.clock.time_s += 5
            self._save(WorkItem(FILE), token)
        self.end(token)

    def refuse(self) -> None:
        outcome = Outcome(Status.FAILED, RowCounts(), 1.0, None, BadHeader("There is not a column id."))
        self.ledger.transitions.end_begun(FILE, self.begin(), outcome)
        self.ledger.transitions.note_reported(FILE, "orders", outcome.status)

    def duplicate(self) -> None:
        self.begin(delivery=2)

    def ignore(self) -> None:
        self.ledger.transitions.ignore(FILE, "orders")

    def load_in_segments(self) -> None:
        """Each segment takes so long that one checkpoint is saved in it."""
        token, work = self.begin(), WorkItem(FILE)
        ends = [Position(10 + n * SEGMENT_BYTES, 1) for n in range(SEGMENTS + 1)]
        segments = [Segment(start, end) for start, end in pairwise(ends)]
        for number, segment in enumerate(segments, start=1):
            self.ledger.transitions.add_segment(FILE, segment)
            self.ledger.leases.save_plan(FILE, token, SegmentPlan(segment.end, number))
        self.ledger.transitions.split(FILE, token, SegmentPlan(ends[-1], SEGMENTS), head_bytes=10)
        for segment in segments:
            work = WorkItem(FILE, segment)
            self.ledger.leases.claim(work, feed="orders", token=token)
            self._save(work, token)
            counts = RowCounts(bytes_read=SEGMENT_BYTES)
            self.ledger.transitions.end_segment(work, token, counts, is_whole=True)
        ended = self.ledger.transitions.end_split(replace(FILE, size_bytes=ends[-1].byte), rejects="")
        assert ended is not None
        self.ledger.transitions.note_reported(FILE, "orders", Status.COMPLETE)

    def _save(self, work: WorkItem, token: LeaseToken) -> None:
        at = Position(10**5, 1000)
        token = replace(token, until_s=self.clock.time_s + 60)
        self.ledger.leases.save(work, token, Checkpoint(at, at, RowCounts(9, 9, 0, 0, 10**5)))


KINDS: dict[str, tuple[Callable[[Worker], object], Callable[[Worker], object] | None]] = {
    "a small file (less than 20 s)": (Worker.load, None),
    "one that replaces another of its key": (Worker.overwrite, Worker.load),
    "one that was found in the bucket": (lambda worker: worker.load(FOUND), None),
    "one whose header is wrong": (Worker.refuse, None),
    "one that was put back once": (Worker.load_again, None),
    "one that takes a minute, 11 checkpoints": (Worker.load_for_a_minute, None),
    "a notification that comes again": (Worker.duplicate, Worker.load),
    "an object that is not to be loaded": (Worker.ignore, None),
    f"a file of {SEGMENTS} segments, a checkpoint in each": (Worker.load_in_segments, None),
}


def parts() -> dict[str, str]:
    """Return the tables, by name."""
    return {"evidence ledger costs": _costs(), "evidence reconcile costs": _reconcile_costs()}


@cache
def write_units(kind: str) -> CountedRequests:
    """Return what one of `KINDS` costs."""
    do, before = KINDS[kind]
    with mock_aws():
        rows, clock = ledger_table(), ScriptedClock(1_795_342_272.0)
        worker = Worker(TableLedger(table=rows, clock=clock), clock)
        with counting(rows) as counted:
            if before:
                before(worker)
                counted.writes.units.clear()
            do(worker)
        return counted


def _costs() -> str:
    names = ("head", "file", "segment", "index")
    lines = []
    for kind in KINDS:
        counted = write_units(kind)
        units = counted.writes.units
        million = f"{counted.writes.total * Price.WRITE_UNIT * 1e6:,.2f}"
        lines.append([kind, *(f"{units[name] or ''}" for name in names), f"{counted.writes.total}", million])
    rows = SEGMENTS * SEGMENT_BYTES / ROW_BYTES
    split = write_units(list(KINDS)[-1]).writes.total
    titles = ("write units of the ledger", "`HEAD`", "file", "segments", "index", "together", "USD for a million")
    return table(titles, lines) + (
        f"\nFor a million rows of {ROW_BYTES} bytes in segments of 64 MiB: {split / rows * 1e6:.0f} write units, where "
        f"the rows themselves take a million.\n{COMMAND}"
    )


@cache
def reconciled() -> CountedRequests:
    """Return what it costs to look for objects that are all known."""
    with mock_aws():
        rows, clock = ledger_table(), ScriptedClock(1_795_342_272.0)
        worker = Worker(TableLedger(table=rows, clock=clock), clock)
        worker.load()
        files = [replace(FILE, key=f"orders/{number}.csv") for number in range(OBJECTS)]
        copy_entries(rows, files)
        found = (replace(file, sequencer=None, event_time="2026-11-22T10:11:12Z") for file in files)
        with counting(rows) as counted:
            assert list(worker.ledger.queries.unknown(found)) == []
        return counted


def copy_entries(rows: Any, files: Iterable[FileVersion]) -> None:
    """Put what the ledger holds of FILE for others, too, as if they had been loaded."""
    entries = rows.scan()["Items"]
    with rows.batch_writer() as batch:
        for file, entry in product(files, entries):
            batch.put_item(Item={name: _renamed(value, file) for name, value in entry.items()})


def _renamed(value: Any, file: FileVersion) -> Any:
    if isinstance(value, dict):
        return {name: _renamed(inner, file) for name, inner in value.items()}
    return value.replace(FILE.key, file.key) if isinstance(value, str) else value


def _reconcile_costs() -> str:
    counted = reconciled()
    requests, units = counted.requests.total() / OBJECTS, counted.items_read / 2 / OBJECTS  # read eventually consistent
    lines = [
        ["requests to the ledger, in one look", f"{requests:g}"],
        ["read units, in one look", f"{units:g}"],
        ["requests to S3, in one run", "0.001"],
        ["looks in a day", "at most 10"],
        ["USD for a million objects a day, ledger", f"{10 * units * Price.READ_UNIT * 1e6:.2f}"],
    ]
    return table(("for each object", "now"), lines) + COMMAND
