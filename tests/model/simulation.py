"""A small simulation: two files of a few rows, several workers, and whatever a schedule does to them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from ingest.aws.clock import iso
from ingest.contract import RECONCILE_MESSAGE, Status
from ingest.errors import FileFault, GivenUp, IngestError, InternalFault, SettingsFault, StillLoading, Unavailable
from ingest.feeds.feed import ORDER_ATTRIBUTE, Feed
from ingest.feeds.writing import undo_attribute
from ingest.file import FileVersion
from ingest.ledger.claims import Outcome
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.ledger.work_item import is_open
from ingest.recovery.retry import From, Retried
from ingest.recovery.undo import Undoing
from ingest.worker.batch import BatchHandler
from ingest.worker.dispatch import Dispatcher, Message, build_dispatcher
from ingest.worker.lease import Timing
from ingest.worker.ports import WorkerServices
from tests.model.budget import OwnBudget, SharedBudget
from tests.model.deployments import DEPLOYMENTS, FEEDS, FIRST, ORDERED, REFUSED, Deployment
from tests.model.operator import Operator
from tests.model.scheduler import LAST, Act, Kind, Runner, Scheduler
from tests.model.services import (
    Bucket,
    Clock,
    Object,
    OwnBatch,
    OwnClock,
    OwnDeadLetters,
    OwnEvents,
    OwnLedger,
    OwnObjects,
    OwnQueue,
    OwnRejects,
    OwnWriter,
    Parts,
    ReportedOutcome,
)
from tests.model.sqs import Delivery, MemoryQueue
from tests.model.watch import LEASE_S, Watch
from tests.support.fakes import FakeTable, RecordingDeadLetters, RecordingMetrics
from tests.support.memory_ledger import MemoryLedger

BUCKET = "landing"
TIMING = Timing(lease_s=LEASE_S, checkpoint_s=5, within_block_s=5, stop_before_end_s=45)
FUNCTION_S = 900
STUCK_S = 3600.0
MOST_ROUNDS = 25
PASSES_S = (1, 6, 25, 66, 130, 840)


@dataclass(frozen=True, slots=True)
class Kinds:
    """Parts of the ingester that a test replaces by wrong ones."""

    ledger: Callable[[Clock], MemoryLedger] = MemoryLedger
    rejects: Callable[..., OwnRejects] = OwnRejects
    batches: type[BatchHandler] = BatchHandler
    table: type[FakeTable] = FakeTable


@dataclass(frozen=True)
class NoticesBugs:
    """A dispatcher, whose errors are noted before its caller has them."""

    dispatcher: Dispatcher
    bugs: list[Exception]
    note: Callable[[str], None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dispatcher, name)

    def dispatch(self, message: Message, keep_messages: Callable[[], None]) -> None:
        try:
            self.dispatcher.dispatch(message, keep_messages)
        except Exception as error:
            self.note(f"{message.worker} gives {message.message_id} back: {error}")
            if isinstance(error, InternalFault) or not isinstance(error, IngestError):
                self.bugs.append(error)
            raise


def record_of(handle: str, delivery: Delivery) -> dict[str, Any]:
    """Return a delivery as Lambda hands it to the function."""
    message = delivery.message
    counts = {"hops": message.hops, "stalls": message.stalls}
    return {
        "messageId": message.message_id,
        "receiptHandle": handle,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.received)},
        "messageAttributes": {name: {"stringValue": str(n)} for name, n in counts.items()},
    }


@dataclass
class ModelRun:
    """Runs a schedule until all is done: `run`, then look at what it left."""

    acts: list[Act]
    kinds: Kinds = field(default_factory=Kinds)
    most_received: int = 5
    batch_size: int = 1
    deadly: str | None = None  # the key of an object that kills whoever reads it
    budget: SharedBudget | None = None  # of the table
    skews_s: tuple[int, ...] = (0,)  # by how much the workers' clocks are wrong, one after another
    versions: dict[tuple[str, str], bytes] = field(default_factory=dict)  # (URL, eTag) -> data
    notifications: list[str] = field(default_factory=list)
    reported: list[ReportedOutcome] = field(default_factory=list)
    parts: Parts = field(default_factory=dict)
    bugs: list[Exception] = field(default_factory=list)
    is_ordered: bool = False  # feeds have newest = "file"
    deployed: Deployment = FIRST
    puts: int = 0
    retried: set[str] = field(default_factory=set)  # URLs
    given_up: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)  # versions that no feed took
    kept: RowCounts = NOTHING  # what attempts count that others before them have loaded
    asked: dict[str, Undoing] = field(default_factory=dict)  # URL -> what an operator has yet to confirm
    to_undo: set[str] = field(default_factory=set)
    cut_retries: int = 0
    lost: list[str] = field(default_factory=list)  # messages

    def __post_init__(self) -> None:
        self.clock = Clock(1_795_342_272.0)
        self.metrics = RecordingMetrics()
        self.dead_letters = RecordingDeadLetters()
        self.queue = MemoryQueue(self.clock.now_s, self.most_received)
        self.bucket = Bucket()
        version = ORDER_ATTRIBUTE if self.is_ordered else None
        self.table = self.kinds.table(refuse=lambda item: str(item["n"]) == REFUSED, version=version)
        self.deployments = ORDERED if self.is_ordered else DEPLOYMENTS
        self.deployed = self.deployments[DEPLOYMENTS.index(self.deployed)]
        self.ledger = self.kinds.ledger(self.clock)
        self.watch = Watch(self.ledger, self.row_count)
        self.scheduler = Scheduler(self.acts, now_s=self.clock.now_s, interfere=self._interfere)
        self._workers = 0

    def drop(self, *files: tuple[str, bytes], is_reported: bool = True) -> None:
        """Put objects, with one notification for all, or without any."""
        entries = []
        for key, data in files:
            self.puts += 1
            url, sequencer = f"s3://{BUCKET}/{key}", f"{self.puts:016X}"
            etags = (etag for (other, etag), known in self.versions.items() if (other, known) == (url, data))
            etag = next(etags, f"e{len(self.versions)}")
            self.versions[url, etag] = data
            self.bucket.objects[key] = Object(etag, data, self.clock.time_s, sequencer)
            entries.append(self._entry(key, etag, len(data), sequencer))
        self.notifications.append(json.dumps({"Records": entries}))
        if is_reported:
            self.queue.send([self.notifications[-1]])

    def run(self) -> None:
        """Do all there is to do; then look after what is stuck, as often as needed."""
        try:
            self._run()
        finally:
            self.scheduler.abandon()

    def _run(self) -> None:
        for _ in range(MOST_ROUNDS):
            self._drain()
            self._ask_for_those_no_feed_took()
            if self.is_settled and not self.given_up and not self.to_undo:
                return
            self.clock.time_s += STUCK_S  # also longer than any lease: an operator waits until that has run out
            self.deployed = self.deployments[0] if "others" in self.deployed.feeds.feeds else self.deployed
            for url in sorted(self.given_up):
                self._retry_file(url, "checkpoint", 99)
            self.given_up.clear()
            for url in sorted(self.to_undo):
                self._undo_file(url, 99)
            self.queue.send([RECONCILE_MESSAGE])
        raise AssertionError("something is stuck")

    def _ask_for_those_no_feed_took(self) -> None:
        """Let an operator retry, once, what was dropped while no feed took it."""
        for entry in self.ledger.files():
            if entry.error_code == "no_feed" and entry.work.file.version not in self.refused:
                self.refused.add(entry.work.file.version)
                self.given_up.add(entry.work.file.url)

    @property
    def is_settled(self) -> bool:
        """Whether all objects are known, and the outcome of all files was reported."""
        files = self.ledger.files()
        are_known = (
            any(entry.work.file.key == key and found.is_of(entry) for entry in files)
            for key, found in self.bucket.objects.items()
            if not FEEDS.ignores(key, len(found.data))
        )
        return all(are_known) and all(entry.reported for entry in files)

    def row_count(self, file: FileVersion) -> int:
        """Return how many rows a version has."""
        return self.data(file).count(b"\n") - 1

    def data(self, file: FileVersion) -> bytes:
        """Return what a version holds."""
        return self.versions[file.url, file.etag or ""]

    def _drain(self) -> None:
        while runner := self.next_runner():
            self.scheduler.run(runner)
        if self.bugs:
            raise self.bugs[0]

    def next_runner(self) -> Runner | None:
        """Return who runs next; let time pass if everybody waits."""
        while True:
            started = self._receive() or self.scheduler.awake(LAST - 1)
            if started:
                return started
            next_s = self.queue.next_s()
            if next_s is None:
                return self.scheduler.awake(LAST)
            self.clock.time_s = max(self.clock.time_s, next_s)

    def _receive(self) -> Runner | None:
        batch = [delivery for _ in range(self.batch_size) if (delivery := self.queue.receive(TIMING.lease_s + 5))]
        if not batch:
            return None
        self._workers += 1
        name = f"w{self._workers}"
        skew_s = self.skews_s[self._workers % len(self.skews_s)]
        deadline_s = self.clock.time_s + FUNCTION_S
        for delivery in batch:
            self.scheduler.trace.append(f"{self.clock.time_s:.0f} {name} gets {delivery.message.body[:70]}")
        return Runner(name, lambda: self._work(batch, name, skew_s), deadline_s)

    def _work(self, batch: list[Delivery], name: str, skew_s: int) -> None:
        """What Lambda does with a batch of messages."""
        held = {f"{delivery.message.message_id}#{delivery.receipt}": delivery for delivery in batch}
        parts: Any = {"queue": OwnBatch(self.queue, self.scheduler, held)}
        budget = OwnBudget(self.budget, self.scheduler, self.clock, name) if self.budget else None
        parts |= {"at_end": budget.end} if budget else {}
        parts["dispatcher"] = self._dispatcher(name, skew_s, budget)
        parts["clock"] = OwnClock(self.clock, self.scheduler, name, skew_s)
        function = self.kinds.batches(**parts, timing=TIMING, retry_base_s=30, retry_cap_s=60)
        reply = function.answer({"Records": [record_of(*item) for item in held.items()]}, FUNCTION_S)
        failed = {failure["itemIdentifier"] for failure in reply["batchItemFailures"]}
        for delivery in batch:
            if delivery.message.message_id not in failed:
                self.scheduler.point("acknowledge")
                self.queue.delete(delivery)

    def _dispatcher(self, name: str, skew_s: int, budget: OwnBudget | None) -> Dispatcher:
        deployed = self.deployed
        scheduler = self.scheduler
        clock = OwnClock(self.clock, scheduler, name, skew_s)
        objects = OwnObjects(self.bucket, scheduler, self.deadly)
        services = WorkerServices(
            ledger=OwnLedger(self.watch, scheduler, clock, name),
            objects=objects,
            listing=objects,
            queue=OwnQueue(self.queue, scheduler),
            writer_for=lambda feed: self._writer(feed, name, budget),
            check_table=lambda feed, mapping: scheduler.point("look at the table", may_fail=True),
            rejects_for=lambda file: self.kinds.rejects(self.parts, file, scheduler),
            rejects_url=lambda file: OwnRejects.url,
            dead_letters=OwnDeadLetters(self.dead_letters, scheduler),
            metrics=self.metrics,
            events=OwnEvents(self.reported, scheduler),
            clock=clock,
            log=lambda *_: None,
        )
        dispatcher = build_dispatcher(
            deployed.feeds,
            services,
            timing=TIMING,
            segment_bytes=deployed.segment_bytes,
            bucket=BUCKET,
            stuck_s=STUCK_S,
            max_receive_count=self.most_received,
            sizes=deployed.sizes,
        )
        return cast(Dispatcher, NoticesBugs(dispatcher, self.bugs, self._note))

    def _writer(self, feed: Feed, name: str, budget: OwnBudget | None) -> OwnWriter:
        undoes = undo_attribute(feed) if feed.write == "undo" else None
        return OwnWriter(self.table, self.scheduler, self.watch, name, budget, undoes)

    def _note(self, what: str) -> None:
        self.scheduler.trace.append(f"{self.clock.time_s:.0f} {what}")

    def _interfere(self, act: Act) -> None:
        if act.kind == Kind.PASS:
            self.clock.time_s += PASSES_S[act.arg % len(PASSES_S)]
        elif act.kind == Kind.AGAIN and self.queue.messages:
            self.queue.messages[act.arg % len(self.queue.messages)].visible_s = self.clock.time_s
        elif act.kind == Kind.LOSE and self.queue.messages:
            self.lost.append(self.queue.messages.pop(act.arg % len(self.queue.messages)).body)
        elif act.kind == Kind.NOTIFY:
            self.queue.send([self.notifications[act.arg % len(self.notifications)]])
        elif act.kind == Kind.DEPLOY:
            self.deployed = self.deployments[act.arg % len(self.deployments)]
        elif act.kind == Kind.RECONCILE:
            self.queue.send([RECONCILE_MESSAGE])
        elif act.kind in (Kind.RETRY, Kind.GIVE_UP, Kind.UNDO):
            files = sorted({entry.work.file.url for entry in self.ledger.files()})
            if files and act.kind == Kind.GIVE_UP:
                self._give_up(files[act.arg % len(files)], (None, 0, None, 1, 2, 99)[act.arg // len(files) % 6])
            elif files and act.kind == Kind.UNDO:
                self._undo_file(files[act.arg % len(files)], (99, None, 1, 2, 3, 0)[act.arg // len(files) % 6])
            elif files:
                start: From = "checkpoint" if act.arg % 4 < 2 else "start"
                self._retry_file(files[act.arg % len(files)], start, (99, 1, 3, 6)[act.arg // 4 % 4])
        elif act.kind == Kind.OVERWRITE:
            key = sorted(self.bucket.objects)[act.arg % len(self.bucket.objects)]
            lines = self.bucket.objects[key].data.splitlines(keepends=True)
            self.clock.time_s += 5  # S3 orders versions by time; two in two seconds may be taken for one
            self.drop((key, b"".join([lines[0], *reversed(lines[1:])])), is_reported=act.arg % 3 != 0)

    def _retry_file(self, url: str, start: From, most_calls: int) -> None:
        """Let an operator retry a file, in one go or until a call to something outside."""
        reported = self.operator().retry(url, start, most_calls=most_calls)
        self.retried.add(url)
        if isinstance(reported, Retried):
            self.to_undo -= {url} if start == "start" else set()
            self.kept = self.kept.plus(reported.kept)
        else:
            self.cut_retries += 1
        self._note(f"operator: {reported}")

    def _undo_file(self, url: str, most_calls: int | None) -> None:
        """Let an operator undo a file, in one go or until a call to something outside; or look and confirm later."""
        operator = self.operator()
        self.to_undo.discard(url)
        try:
            undoing = self.asked.pop(url, None) or operator.look(url)
            if most_calls is None:
                self.asked[url] = undoing
                return
            self._note(f"operator: undo as {operator.undo(undoing, most_calls=most_calls)}")
        except (StillLoading, Unavailable) as error:
            self.to_undo.add(url)
            self._note(f"operator: undo of {url}: {error}")
        except (SettingsFault, FileFault) as error:
            self._note(f"operator: undo of {url}: {error}")

    def operator(self) -> Operator:
        """Return someone who looks after files."""
        return Operator(self.ledger, self.queue, self.bucket, self.parts, self.reported, self.clock)

    def _give_up(self, url: str, cancel_calls: int | None) -> None:
        """Let a file fail, whoever holds it: given up, or cancelled by an operator who is cut off after some calls."""
        unfinished = [entry for entry in self.ledger.files() if entry.work.file.url == url and is_open(entry.status)]
        to_begin_again = self.to_undo if any(entry.work.file.undo for entry in unfinished) else self.given_up
        if cancel_calls is not None:
            if self.operator().cancel(url, most_calls=cancel_calls):
                to_begin_again.add(url)
            return
        for entry in unfinished:
            outcome = Outcome(Status.FAILED, entry.row_counts, 1.0, None, GivenUp("No one could finish it."))
            self.ledger.transitions.give_up(entry.work.file, outcome)
            to_begin_again.add(url)

    def _entry(self, key: str, etag: str, size: int, sequencer: str) -> dict[str, Any]:
        return {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "eventTime": iso(self.clock.time_s),
            "s3": {
                "bucket": {"name": BUCKET},
                "object": {"key": key, "eTag": etag, "size": size, "sequencer": sequencer},
            },
        }
