"""Joins what takes messages: whoever runs it gives the services."""

from ingest.feeds.feed import Feeds
from ingest.worker.dispatch import Dispatcher
from ingest.worker.lease import Timing
from ingest.worker.load import Sizes
from ingest.worker.ports import WorkerServices
from ingest.worker.reconcile import Reconciler
from ingest.worker.run import Worker


def build(
    feeds: Feeds,
    services: WorkerServices,
    *,
    timing: Timing,
    segment_bytes: int,
    bucket: str,
    stuck_s: float,
    sizes: Sizes | None = None,
) -> Dispatcher:
    """Return a dispatcher with its worker and reconciler. A file larger than `segment_bytes` is split; `bucket` is
    where files are dropped, `stuck_s` as for `Reconciler`."""
    worker = Worker(feeds, services, segment_bytes=segment_bytes, sizes=sizes or Sizes())
    reconciler = Reconciler(feeds, services, bucket=bucket, stuck_s=stuck_s)
    return Dispatcher(feeds, services, worker=worker, reconciler=reconciler, timing=timing)
