"""Joins the parts that take messages: whoever runs them gives the edges. Knows the edges by Protocol only."""

from collections.abc import Callable

from ingest.dynamodb.item_writer import ItemWriter
from ingest.feeds.feed import Feed, Feeds
from ingest.file import FileVersion
from ingest.worker.dispatch import Dispatcher
from ingest.worker.lease import Timing
from ingest.worker.load import Sizes
from ingest.worker.ports import (
    DeadLetters,
    EventSink,
    FileRejects,
    MetricSink,
    ObjectListing,
    Objects,
    QueueDepth,
    WorkerClock,
)
from ingest.worker.reconcile import Reconciler, ReconcilerLedger
from ingest.worker.report import Log, Reporter
from ingest.worker.run import Worker


def assemble(
    *,
    feeds: Feeds,
    ledger: ReconcilerLedger,
    objects: Objects,
    listing: ObjectListing,
    queue: QueueDepth,
    writer_for: Callable[[Feed], ItemWriter],
    rejects_for: Callable[[FileVersion], FileRejects],
    dead_letters: DeadLetters,
    metrics: MetricSink,
    events: EventSink,
    clock: WorkerClock,
    log: Log,
    timing: Timing,
    segment_bytes: int,
    bucket: str,
    stuck_s: float,
    sizes: Sizes | None = None,
) -> Dispatcher:
    """Return a dispatcher with its worker and reconciler."""
    reporter = Reporter(ledger=ledger, metrics=metrics, events=events, clock=clock, log=log)
    worker = Worker(
        feed_for=lambda key: feeds.for_key(key)[1],
        objects=objects,
        ledger=ledger,
        queue=queue,
        writer_for=writer_for,
        rejects_for=rejects_for,
        reporter=reporter,
        clock=clock,
        segment_bytes=segment_bytes,
        sizes=sizes,
    )
    reconciler = Reconciler(
        feeds=feeds,
        ledger=ledger,
        objects=listing,
        queue=queue,
        worker=worker,
        reporter=reporter,
        clock=clock,
        bucket=bucket,
        stuck_s=stuck_s,
    )
    return Dispatcher(
        feeds=feeds,
        worker=worker,
        ledger=ledger,
        queue=queue,
        dead_letters=dead_letters,
        reconciler=reconciler,
        reporter=reporter,
        metrics=metrics,
        clock=clock,
        timing=timing,
    )
