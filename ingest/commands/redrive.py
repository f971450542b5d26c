"""`ingest redrive`: why there are dead letters, and back to the queue with those that are chosen."""

import sys
from collections.abc import Callable
from contextlib import closing
from typing import Annotated

import typer

from ingest.commands.durations import seconds_of
from ingest.commands.options import DEFAULT_FEEDS, AsJson, FeedsPath, StackName
from ingest.commands.redrive_view import print_done, show
from ingest.commands.stack import DeployedStack
from ingest.edges.clock import Clock
from ingest.errors import NoFeed, SettingsFault
from ingest.feeds import Feeds
from ingest.feeds_file import read_feeds
from ingest.redrive import Choice, Redrive
from ingest.teller import NO_FEED


def redrive(
    reason: Annotated[str | None, typer.Option("--reason", help="Only those that are dead for one reason.")] = None,
    feed: Annotated[str | None, typer.Option("--feed", help="Only files of one feed; - for files of none.")] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="GLOB", help="Only files whose key or URL fits, as 'orders/2026*'.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="TIME", help="Only those sent so long ago, as 30m, 2h or 1d.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="How many, at most.")] = None,
    discard: Annotated[
        bool, typer.Option("--discard", help="Delete them for good, instead of sending them back.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say why they are there, and which are meant.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    stack: StackName = None,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJson = False,
) -> None:
    """Show why messages are in the dead-letter queue, and send them back to the queue: all, or those chosen.

    Messages of no known kind are sent only with --reason unknown_message: they would only come back. Safe to run
    again: what is sent twice is loaded once.
    """
    if discard and not any((reason, feed, file, older_than)):
        raise SettingsFault("--discard deletes for good: say which, with --reason, --feed, --file or --older-than.")
    may_ask = sys.stdin.isatty() and not as_json
    if not (yes or dry_run or may_ask):
        raise SettingsFault("Nobody can be asked here: add --yes, or look first with --dry-run. Nothing was sent.")
    deployed, clock = DeployedStack(stack), Clock()
    now_s = clock.now_s()
    before_s = now_s - seconds_of(older_than, "--older-than") if older_than else None
    choice = Choice(reason, feed, file, before_s, limit, _feed_of(read_feeds(feeds), feed) if feed else str)
    run = Redrive(letters=deployed.dead_letters, queue=deployed.queue, find=deployed.ledger.record)
    with closing(run):
        found = list(run.look(choice))
        if not as_json:
            show(found, now_s)
        letters = [one.letter for one in found if one.is_chosen]
        done = 0
        if letters and not dry_run and (yes or _agrees(len(letters), discard=discard)):
            done = sum(run.discard(letters) if discard else run.send(letters))
    print_done(found, done, verb="deleted" if discard else "sent", dry_run=dry_run, as_json=as_json)


def _feed_of(feeds: Feeds, asked: str) -> Callable[[str], str]:
    """Return what tells the feed of a key.

    Raises:
        SettingsFault: there is no such feed as was asked for.
    """
    if asked != NO_FEED:
        feeds.named(asked)

    def feed_of(key: str) -> str:
        try:
            return feeds.for_key(key)[0]
        except NoFeed:
            return NO_FEED

    return feed_of


def _agrees(count: int, *, discard: bool) -> bool:
    what = f"Delete {count:,} message(s) for good?" if discard else f"Send {count:,} message(s) back to the queue?"
    return typer.confirm(what)
