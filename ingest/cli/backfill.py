"""`ingest backfill`: messages for objects that lay in the landing bucket before anybody was told of them."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ingest.aws.clock import Clock
from ingest.cli.options import DEFAULT_FEEDS, AsJson, FeedsPath, StackName
from ingest.cli.output import console_on
from ingest.cli.stack import DeployedStack
from ingest.errors import SettingsFault
from ingest.feeds.parse import read_feeds
from ingest.recovery.backfill import Backfill, Tally
from ingest.worker.ports import ObjectListing


def backfill(
    place: Annotated[str, typer.Argument(metavar="s3://BUCKET/PREFIX", help="Objects in the landing bucket.")],
    per_second: Annotated[float, typer.Option("--per-second", min=0.01, help="Messages a second, at most.")] = 10.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    stack: StackName = None,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJson = False,
) -> None:
    """Send a message for each object under a prefix that the ledger does not know, told by key and eTag.

    What failed before is known: `ingest retry` loads it again. Safe to run again, at any time.
    """
    deployed = DeployedStack(stack)
    bucket, prefix = _place(place, deployed)
    run = Backfill(
        feeds=read_feeds(feeds),
        ledger=deployed.ledger.queries,
        objects=deployed.objects,
        queue=deployed.queue,
        clock=Clock(),
        per_second=per_second,
        is_dry=dry_run,
    )
    _show(run.run(bucket, prefix), deployed.objects, bucket, prefix)
    if as_json:
        print(json.dumps({"bucket": bucket, "prefix": prefix, "dry_run": dry_run, **asdict(run.tally)}))
    else:
        for line in sentences(run.tally, is_dry=dry_run):
            console_on(sys.stdout).print(line, soft_wrap=True)


def sentences(tally: Tally, *, is_dry: bool) -> Iterator[str]:
    """Yield what was found and done."""
    sent = "would be sent" if is_dry else "sent"
    yield (
        f"{tally.seen:,} objects = {tally.sent:,} {sent} + {tally.known:,} known to the ledger "
        f"+ {tally.refused:,} under no feed's prefix."
    )
    if tally.refused:
        more = ", …" if tally.refused > len(tally.first_refused) else ""
        yield f"No feed takes {', '.join(tally.first_refused)}{more}; add a feed to feeds.toml and deploy it first."


def _place(place: str, stack: DeployedStack) -> tuple[str, str]:
    """Return bucket and prefix. The function may read no bucket but the landing bucket: messages would come to nothing.

    Raises:
        SettingsFault: it is no S3 URL, or of another bucket.
    """
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    if not place.startswith("s3://") or not bucket:
        raise SettingsFault(f"{place} is no place in S3; write s3://bucket/prefix.")
    if bucket != stack.landing_bucket:
        raise SettingsFault(
            f"s3://{bucket} is not the landing bucket, and the function may read no other; copy the objects to "
            f"s3://{stack.landing_bucket} instead."
        )
    return bucket, prefix


def _show(tallies: Iterator[Tally], objects: ObjectListing, bucket: str, prefix: str) -> None:
    """Go through it all; show a bar on stderr if that is a terminal, for which the objects are counted first."""
    if not sys.stderr.isatty():
        for _ in tallies:
            pass
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[sent]:,} sent"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=sum(1 for _ in objects.under(bucket, prefix)), sent=0)
        for tally in tallies:
            bar.update(task, completed=tally.seen, sent=tally.sent)
