"""`ingest backfill`: queues objects that were in the landing bucket before the stack or their feed."""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ingest.aws.clock import Clock
from ingest.cli.options import AsJson, StackFeedsPath, StackName, file_name
from ingest.cli.output import console_on
from ingest.cli.stack import DeployedStack, feeds_of, services_of
from ingest.errors import SettingsFault
from ingest.file import FileVersion
from ingest.ledger.order import oldest_ms
from ingest.ledger.work_item import CarriedOver
from ingest.recovery.backfill import Backfill, Tally
from ingest.recovery.retry import Retry
from ingest.worker.ports import ObjectListing


def backfill(
    url: Annotated[str, typer.Argument(metavar="s3://BUCKET/PREFIX", help="A prefix in the landing bucket.")],
    per_second: Annotated[
        float, typer.Option("--per-second", min=0.01, metavar="N", help="Maximum number of messages a second.")
    ] = 10.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be sent.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Load those that are known again, as new attempts.")] = False,
    as_oldest: Annotated[
        bool, typer.Option("--as-oldest", help='With newest = "file": older than all files that were notified.')
    ] = False,
    stack: StackName = None,
    feeds: StackFeedsPath = None,
    as_json: AsJson = False,
) -> None:
    """Queue the objects under a prefix that the ledger does not know.

    They are known by key, eTag and age. Failed files are known, too: use `ingest retry` for them, or --force for all
    that have ended. Those that the feeds' `exclude` and `include` leave out are not queued; those that were IGNORED,
    and are left out no more, are. Safe to repeat, but for --force. With newest = "file" an object is as old as its last
    change; of one that was copied here --as-oldest says that it is older than all that was dropped.

    Examples:
        ingest backfill s3://BUCKET/orders/ --dry-run
        ingest backfill s3://BUCKET/orders/2026/ --per-second 50
    """
    if force and as_oldest:
        raise SettingsFault("--force and --as-oldest cannot be combined: what is known keeps its place.")
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
    """Yield the sentences about what was found and done."""
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
    """Return what was found and sent, as a JSON document."""
    return {
        "objects_found": tally.seen,
        "objects_known": tally.known,
        "objects_ignored": tally.ignored,
        "objects_refused": tally.refused,
        "first_refused": tally.first_refused,
        "messages_sent": tally.sent,
    }


def _loading_again(stack: DeployedStack) -> Callable[[FileVersion], bool]:
    """Return what loads a known object again."""
    retry = Retry(services_of(stack, Clock()), stack.rejects)
    return lambda file: retry.again(file, stack.ledger.queries.versions(file.bucket, file.key))


def _beginning_as_oldest(stack: DeployedStack) -> Callable[[FileVersion, str], bool]:
    """Return what writes the entry of an object that is loaded as one of the oldest; its message then claims that."""

    def begin(file: FileVersion, feed: str) -> bool:
        begun = CarriedOver(order_ms=oldest_ms(file, Clock().now_s()))
        return stack.ledger.transitions.retry(file, feed=feed, begun=begun)

    return begin


def _bucket_and_prefix(url: str, stack: DeployedStack) -> tuple[str, str]:
    """Return bucket and prefix. The function may read the landing bucket only: other messages would fail.

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
