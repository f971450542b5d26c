"""`ingest backfill` and `reconcile`: queue objects and work for which no message exists.

Backfill queues objects that were in the landing bucket before the stack or their feed. Reconcile runs the scheduled
reconciler now, for stuck work and objects whose notification was lost.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ingest.aws.clock import Clock
from ingest.cli.options import AsJson, StackFeedsPath, StackName, file_name, seconds_of
from ingest.cli.output import console_on
from ingest.cli.stack import DeployedStack, feeds_of, services_of
from ingest.errors import SettingsFault
from ingest.feeds.feed import Feeds
from ingest.file import FileVersion
from ingest.ledger.claims import oldest_ms
from ingest.ledger.work_item import CarriedOver
from ingest.recovery.backfill import Backfill, Tally
from ingest.recovery.retry import Retry
from ingest.worker.ports import ObjectListing
from ingest.worker.reconcile import Findings, Reconciler


def backfill(
    url: Annotated[str, typer.Argument(metavar="s3://BUCKET/PREFIX", help="A prefix in the landing bucket.")],
    per_second: Annotated[
        float, typer.Option("--per-second", min=0.01, metavar="N", help="Maximum number of messages a second.")
    ] = 10.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the messages that would be sent.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Load known objects again, as new attempts.")] = False,
    as_oldest: Annotated[
        bool, typer.Option("--as-oldest", help='With newest = "file": treat objects as older than all notified files.')
    ] = False,
    stack: StackName = None,
    feeds: StackFeedsPath = None,
    as_json: AsJson = False,
) -> None:
    """Queue the objects under a prefix that are not in the ledger.

    Objects are compared by key, eTag and age. Failed files are in the ledger, too: load them with `ingest retry`, or
    load all files that have ended with --force. Objects that `exclude` or `include` of the feeds leaves out are not
    queued; IGNORED objects that are no longer left out are. Safe to repeat, except with --force. With newest = "file"
    an object is as old as its last change; --as-oldest makes objects that were copied here older than all dropped ones.

    Examples:
        ingest backfill s3://BUCKET/orders/ --dry-run
        ingest backfill s3://BUCKET/orders/2026/ --per-second 50
    """
    if force and as_oldest:
        raise SettingsFault("--force and --as-oldest cannot be combined: known objects keep their position.")
    deployed = DeployedStack(stack)
    bucket, prefix = _bucket_and_prefix(url, deployed)
    run = Backfill(
        feeds=feeds_of(deployed, feeds).deployed,
        ledger=deployed.ledger.queries,
        objects=deployed.objects,
        queue=deployed.queue,
        clock=Clock(),
        per_second=per_second,
        is_dry=dry_run,
        again=_loading_again(deployed) if force else None,
        begin=_beginning_as_oldest(deployed) if as_oldest else lambda file, feed: True,
    )
    _show(run.run(bucket, prefix), deployed.objects, bucket, prefix)
    if as_json:
        print(json.dumps({"bucket": bucket, "prefix": prefix, "dry_run": dry_run, **counts_document(run.tally)}))
    else:
        for line in tally_sentences(run.tally, is_dry=dry_run):
            console_on(sys.stdout).print(line, soft_wrap=True)


def tally_sentences(tally: Tally, *, is_dry: bool) -> Iterator[str]:
    """Yield sentences about the objects found and the messages sent."""
    sent = "would be sent" if is_dry else "sent"
    ignored = f"+ {tally.ignored:,} ignored " if tally.ignored else ""
    yield (
        f"{tally.seen:,} objects = {tally.sent:,} {sent} + {tally.known:,} already in the ledger {ignored}"
        f"+ {tally.refused:,} under no feed's prefix."
    )
    if tally.refused:
        more = ", …" if tally.refused > len(tally.first_refused) else ""
        yield f"No feed covers {', '.join(tally.first_refused)}{more}: add one to feeds.toml and deploy it first."


def counts_document(tally: Tally) -> dict[str, Any]:
    """Return the counts of objects found and messages sent as a JSON document."""
    return {
        "objects_found": tally.seen,
        "objects_known": tally.known,
        "objects_ignored": tally.ignored,
        "objects_refused": tally.refused,
        "first_refused": tally.first_refused,
        "messages_sent": tally.sent,
    }


def _loading_again(stack: DeployedStack) -> Callable[[FileVersion], bool]:
    """Return a function that loads a known object again."""
    retry = Retry(services_of(stack, Clock()), stack.rejects)
    return lambda file: retry.again(file, stack.ledger.queries.versions(file.bucket, file.key))


def _beginning_as_oldest(stack: DeployedStack) -> Callable[[FileVersion, str], bool]:
    """Return a function that writes the ledger entry of an object as one of the oldest; its message then claims it."""

    def begin(file: FileVersion, feed: str) -> bool:
        begun = CarriedOver(order_ms=oldest_ms(file, Clock().now_s()))
        return stack.ledger.transitions.retry(file, feed=feed, begun=begun)

    return begin


def _bucket_and_prefix(url: str, stack: DeployedStack) -> tuple[str, str]:
    """Return bucket and prefix. The function may read only the landing bucket, so messages for another would fail.

    Raises:
        SettingsFault: it is not an S3 URL, or names another bucket.
    """
    url = file_name(url)
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket:
        raise SettingsFault(f"{url} is not an S3 URL; write s3://bucket/prefix.")
    if bucket != stack.landing_bucket:
        raise SettingsFault(
            f"s3://{bucket} is not the landing bucket, the only one the function may read; copy the objects to "
            f"s3://{stack.landing_bucket} instead."
        )
    return bucket, prefix


def _show(tallies: Iterator[Tally], objects: ObjectListing, bucket: str, prefix: str) -> None:
    """Run the backfill; if stderr is a terminal, count the objects first and show a progress bar."""
    if not sys.stderr.isatty():
        for _ in tallies:
            pass
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[sent]:,} sent"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=sum(1 for _ in objects.under(bucket, prefix)), sent=0)
        for tally in tallies:
            bar.update(task, completed=tally.seen, sent=tally.sent)


STUCK_AFTER = "1h"  # as in infra.settings
MOST_OUTSIDE = 10_000  # objects under no prefix are counted up to this number; an existing bucket may hold millions
OUTSIDE_SHOWN = 20
Log = list[tuple[str, dict[str, object]]]

_FOUND = {
    "outcomes_reported": "{:,} file(s) had ended without a report: the event was sent.",
    "files_closed": "{:,} file(s) had all segments loaded but were not finished: they are now.",
    "files_sent_again": "{:,} file(s) were stuck: requeued.",
    "segments_sent_again": "{:,} segment(s) were stuck: requeued.",
    "files_given_up": "{:,} file(s) were requeued too often and have FAILED; `ingest status FILE` shows why.",
    "objects_not_known": "{:,} object(s) had no ledger entry: queued.",
    "objects_restored": "{:,} archived object(s) can be read by now: queued.",
    "not_looked_after": "{:,} file(s) could not be looked after, because a service did not answer: run this again.",
}
_DID = {
    "work sent again": "requeued: {work}",
    "object found": "queued: {file}",
    "file closed": "finished: {file} is {status}",
}


def reconcile(
    stuck_after: Annotated[
        str,
        typer.Option("--stuck-after", metavar="TIME", help="Work is stuck after this long without progress: 10m, 1h."),
    ] = STUCK_AFTER,
    stack: StackName = None,
    feeds: StackFeedsPath = None,
    as_json: AsJson = False,
) -> None:
    """Requeue stuck files and objects whose notification was lost.

    Compares the objects of the last 24 hours with the ledger. The stack also does this on a schedule. Safe to repeat.
    Objects under no feed's prefix are listed, but not loaded.

    Examples:
        ingest reconcile
        ingest reconcile --stuck-after 10m --json
    """
    log: Log = []
    stuck_s = seconds_of(stuck_after, "--stuck-after")
    deployed = DeployedStack(stack)
    known = feeds_of(deployed, feeds).deployed
    findings = _reconciler(deployed, known, stuck_s, log).run()
    did = [(message, fields) for message, fields in log if message in _DID]
    outside = _outside(deployed, known)
    if as_json:
        found = asdict(findings) | {"objects_under_no_prefix": outside.count}
        done = [{"what": message, **fields} for message, fields in did]
        print(json.dumps({"found": found, "did": done, "under_no_prefix": outside.first}))
        return
    console = console_on(sys.stdout)
    for line in findings_sentences(findings):
        console.print(line, soft_wrap=True)
    for message, fields in did:
        console.print("  " + _DID[message].format(**fields), soft_wrap=True)
    for line in outside.lines():
        console.print(line, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Outside:
    """The objects under no feed's prefix: their number, up to `MOST_OUTSIDE`, and the URLs of the first ones."""

    count: int
    first: list[str]

    def lines(self) -> Iterator[str]:
        """Yield a sentence and the objects; nothing if there are none."""
        if not self.count:
            return
        more = " or more" if self.count == MOST_OUTSIDE else ""
        yield f"{self.count:,}{more} object(s) are under no feed's prefix and are not loaded:"
        yield from (f"  {url}" for url in self.first)
        if self.count > len(self.first):
            yield "  ..."


def _outside(stack: DeployedStack, feeds: Feeds) -> Outside:
    files = stack.objects.outside(stack.landing_bucket, [feed.prefix for feed in feeds.feeds.values()])
    found = list(islice((file.url for file in files if not feeds.ignores(file.key, file.size_bytes)), MOST_OUTSIDE))
    return Outside(len(found), found[:OUTSIDE_SHOWN])


def findings_sentences(findings: Findings) -> Iterator[str]:
    """Yield sentences about what was found and done."""
    if findings.is_busy:
        yield "Another run is under way, and nothing was done: try again in a minute."
    elif findings.is_nothing:
        yield "Nothing is stuck, and every object is in the ledger."
    if findings.is_late:
        yield "Many messages wait in the queue: files that have not started are late, not stuck. Nothing was requeued."
    counts = asdict(findings)
    yield from (sentence.format(counts[name]) for name, sentence in _FOUND.items() if counts[name])


def _reconciler(stack: DeployedStack, feeds: Feeds, stuck_s: float, log: Log) -> Reconciler:
    services = services_of(stack, Clock(), lambda message, fields: log.append((message, fields)))
    return Reconciler(feeds, services, bucket=stack.landing_bucket, stuck_s=stuck_s)
