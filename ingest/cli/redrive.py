"""`ingest redrive`: why there are dead letters, and back to the queue with those that are chosen."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Annotated, Any

import typer

from ingest.aws.clock import Clock
from ingest.cli.options import DEFAULT_FEEDS, AsJson, FeedsPath, StackName, seconds_of
from ingest.cli.output import Cell, Column, FittingTable, line_console
from ingest.cli.rejects import printable
from ingest.cli.stack import DeployedStack
from ingest.cli.status.view import age_text, time_text
from ingest.errors import NoFeed, SettingsFault
from ingest.feeds.feed import Feeds
from ingest.feeds.parse import read_feeds
from ingest.recovery.diagnosis import UNKNOWN
from ingest.recovery.redrive import Choice, Found, Redrive
from ingest.worker.report import NO_FEED

SENTENCES = 3  # of one reason
_COLUMNS = (
    Column("", "word"),
    Column("dead letter", "key"),
    Column("reason", "word"),
    Column("since"),
    Column("status", "word"),
)


def show(found: list[Found], now_s: float, *, discard: bool = False) -> None:
    """Print how many are there for which reason, each reason's sentence, and then the letters."""
    console = line_console(sys.stdout)
    if not found:
        console.print("There is no dead letter.")
        return
    reasons = Counter(one.diagnosis.reason for one in found)
    reported = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    console.print(f"{len(found):,} dead letter(s): {reported}", soft_wrap=True)
    for reason, _ in reasons.most_common():
        for line in _sentences(reason, found):
            console.print(line, soft_wrap=True)
    console.print("", FittingTable(_COLUMNS, [_cells(one, now_s) for one in found]), sep="\n")
    for line in _advice(reasons, found, discard=discard):
        console.print(line, soft_wrap=True)


def _sentences(reason: str, found: list[Found]) -> Iterator[str]:
    """Yield what was said of those that died for one reason, the commonest first."""
    said = Counter(one.diagnosis.why for one in found if one.diagnosis.reason == reason)
    yield from (f"  {reason}: {why}" for why, _ in said.most_common(SENTENCES))
    if len(said) > SENTENCES:
        yield f"  {reason}: and {len(said) - SENTENCES:,} more that differ; --json has all."


def print_done(found: list[Found], done: int, *, verb: str, dry_run: bool, as_json: bool) -> None:
    """Print what was done: `done` of the dead letters were sent, or deleted."""
    chosen = sum(one.is_chosen for one in found)
    if as_json:
        counts = {"dry_run": dry_run, "found": len(found), "chosen": chosen, "sent": 0, "deleted": 0, verb: done}
        print(json.dumps({**counts, "letters": list(map(letter_document, found))}, ensure_ascii=False))
    elif found:
        count, verb = (chosen, f"would be {verb}") if dry_run else (done, verb)
        reported = f"{len(found):,} dead letter(s) = {count:,} {verb} + {len(found) - count:,} left as they are."
        line_console(sys.stdout).print(reported, soft_wrap=True)


def _advice(reasons: Counter[str], found: list[Found], *, discard: bool) -> Iterator[str]:
    if any(one.diagnosis.reason == UNKNOWN and not one.is_chosen for one in found):
        yield (
            f"{reasons[UNKNOWN]:,} of no known kind stay where they are: sent again they would only come back. "
            f"See who sends them; --reason {UNKNOWN} chooses them, with --discard to delete them."
        )
    if not discard and any(one.is_chosen and not one.diagnosis.helps for one in found):
        yield "Of those chosen, some ask for nothing more: sent again they are dropped, and change nothing."


def _cells(one: Found, now_s: float) -> dict[str, Cell]:
    return {
        "": "→" if one.is_chosen else "",
        "dead letter": _name(one),
        "reason": one.diagnosis.reason,
        "since": age_text(max(0.0, now_s - one.letter.sent_s)),
        "status": one.diagnosis.status or "",
    }


def _name(one: Found) -> str:
    work = one.diagnosis.work
    if work is None:
        return f"message {one.letter.message_id}"
    place = f" from byte {work.segment.start.byte:,}" if work.segment else ""
    return printable(work.file.key) + place


def letter_document(one: Found) -> dict[str, Any]:
    """Return a dead letter for machines."""
    work, letter = one.diagnosis.work, one.letter
    return {
        "message_id": letter.message_id,
        "file": work.file.url if work else None,
        "version": work.file.version if work else None,
        "first_byte": work.segment.start.byte if work and work.segment else None,
        "reason": one.diagnosis.reason,
        "why": one.diagnosis.why,
        "status": one.diagnosis.status,
        "received": letter.received,
        "sent": time_text(letter.sent_s),
        "chosen": one.is_chosen,
    }


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
    run = Redrive(letters=deployed.dead_letters, queue=deployed.queue, find=deployed.ledger.queries.entry)
    with closing(run):
        found = list(run.look(choice))
        if not as_json:
            show(found, now_s, discard=discard)
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
