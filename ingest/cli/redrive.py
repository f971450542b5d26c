"""`ingest redrive`, `pause` and `resume`: send dead letters back to the queue; stop and start message processing.

Redrive shows why each message was dead-lettered before it sends any.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from ingest.aws.clock import Clock
from ingest.cli.options import AsJson, OneFeed, StackFeedsPath, StackName, refuse_without_consent, seconds_of
from ingest.cli.output import Cell, FittingTable, TableColumn, console_on, line_console, printable
from ingest.cli.stack import DeployedStack, feeds_of
from ingest.cli.status_overview import age_text, time_text
from ingest.contract import NO_FEED
from ingest.errors import NoFeed, SettingsFault
from ingest.recovery.redrive import UNKNOWN, Choice, Found, Redrive

SENTENCES = 3  # shown for each reason
_COLUMNS = (
    TableColumn("", "word"),
    TableColumn("dead letter", "key"),
    TableColumn("reason", "word"),
    TableColumn("since"),
    TableColumn("status", "word"),
)


def show(found: list[Found], now_s: float, *, discard: bool = False) -> None:
    """Print the number of dead letters by reason, each reason's sentences, and then the dead letters."""
    console = line_console(sys.stdout)
    if not found:
        console.print("The dead-letter queue is empty.")
        return
    reasons = Counter(one.diagnosis.reason for one in found)
    counts = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    console.print(f"{len(found):,} dead letter(s): {counts}", soft_wrap=True)
    for reason, _ in reasons.most_common():
        for line in _sentences(reason, found):
            console.print(line, soft_wrap=True)
    console.print("", FittingTable(_COLUMNS, [_cells(one, now_s) for one in found]), sep="\n")
    for line in _advice(reasons, found, discard=discard):
        console.print(line, soft_wrap=True)


def _sentences(reason: str, found: list[Found]) -> Iterator[str]:
    """Yield the sentences for the dead letters of one reason, the most frequent first."""
    why = Counter(one.diagnosis.why for one in found if one.diagnosis.reason == reason)
    yield from (f"  {reason}: {sentence}" for sentence, _ in why.most_common(SENTENCES))
    if len(why) > SENTENCES:
        yield f"  {reason}: and {len(why) - SENTENCES:,} more sentences; --json has all."


def print_done(found: list[Found], done: int, *, verb: str, dry_run: bool, as_json: bool) -> None:
    """Print the result: `done` is the number of dead letters that were sent or deleted."""
    chosen = sum(one.is_chosen for one in found)
    if as_json:
        counts = {"dry_run": dry_run, "messages_found": len(found), "messages_chosen": chosen}
        counts |= {"messages_sent": 0, "messages_deleted": 0, f"messages_{verb}": done}
        print(json.dumps({**counts, "dead_letters": list(map(letter_document, found))}, ensure_ascii=False))
    elif found:
        count, verb = (chosen, f"would be {verb}") if dry_run else (done, verb)
        sentence = f"{len(found):,} dead letter(s) = {count:,} {verb} + {len(found) - count:,} left in the queue."
        line_console(sys.stdout).print(sentence, soft_wrap=True)


def _advice(reasons: Counter[str], found: list[Found], *, discard: bool) -> Iterator[str]:
    if any(one.diagnosis.reason == UNKNOWN and not one.is_chosen for one in found):
        yield (
            f"{reasons[UNKNOWN]:,} unknown message(s) are left: they would be dead-lettered again. Find out "
            f"who sends them; --reason {UNKNOWN} selects them, and --discard deletes them."
        )
    if not discard and any(one.is_chosen and not one.diagnosis.helps for one in found):
        yield "Some of the selected messages are no longer needed; if sent, they are acknowledged without effect."


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
    """Return a dead letter's JSON document."""
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
        "sent_at": time_text(letter.sent_s),
        "chosen": one.is_chosen,
    }


def redrive(
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="REASON", help="Only messages with this reason.")
    ] = None,
    feed: OneFeed = None,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="GLOB", help="Only files whose key or URL matches, such as 'orders/2026*'."),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="TIME", help="Only messages sent at least this long ago: 30m, 2h, 1d."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Maximum number of messages.")
    ] = None,
    discard: Annotated[
        bool, typer.Option("--discard", help="Delete the messages permanently instead of sending them.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the messages, and which are selected.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    stack: StackName = None,
    feeds: StackFeedsPath = None,
    as_json: AsJson = False,
) -> None:
    """Show dead letters and their reasons, and send them back to the queue.

    Sends all messages, or the selected ones. Unknown messages would be dead-lettered again; they are sent only with
    --reason unknown_message. Safe to repeat: a file whose message is sent twice is loaded once.

    Examples:
        ingest redrive --dry-run
        ingest redrive --feed orders --older-than 2h --yes
        ingest redrive --reason unknown_message --discard
    """
    if discard and not any((reason, feed, file, older_than)):
        raise SettingsFault(
            "--discard deletes permanently: select messages with --reason, --feed, --file or --older-than."
        )
    refuse_without_consent(yes or dry_run, as_json=as_json, nothing="Nothing was sent.")
    deployed, clock = DeployedStack(stack), Clock()
    now_s = clock.now_s()
    before_s = now_s - seconds_of(older_than, "--older-than") if older_than else None
    feed_of = _feed_of(deployed, feeds, feed)
    choice = Choice(reason, feed, file, before_s, limit, feed_of)
    ledger = deployed.ledger.queries
    run = Redrive(letters=deployed.dead_letters, queue=deployed.queue, find=ledger.entry, feed_of=feed_of)
    with closing(run):
        found = list(run.look(choice))
        if not as_json:
            show(found, now_s, discard=discard)
        letters = [one.letter for one in found if one.is_chosen]
        done = 0
        if letters and not dry_run and (yes or _agrees(len(letters), discard=discard)):
            done = sum(run.discard(letters) if discard else run.send(letters))
    print_done(found, done, verb="deleted" if discard else "sent", dry_run=dry_run, as_json=as_json)


def _feed_of(stack: DeployedStack, path: Path | None, asked: str | None) -> Callable[[str], str | None]:
    """Return a function that finds the feed of a key; it returns None if no feeds are known and none was requested.

    Raises:
        SettingsFault: the requested feed does not exist.
    """
    try:
        feeds = feeds_of(stack, path).known
    except SettingsFault:
        if asked or path:
            raise
        return lambda key: None
    if asked not in (None, NO_FEED):
        feeds.named(str(asked))

    def feed_of(key: str) -> str:
        try:
            return feeds.for_key(key)[0]
        except NoFeed:
            return NO_FEED

    return feed_of


def _agrees(count: int, *, discard: bool) -> bool:
    what = f"Delete {count:,} message(s) permanently?" if discard else f"Send {count:,} message(s) back to the queue?"
    return typer.confirm(what)


def pause(stack: StackName = None, as_json: AsJson = False) -> None:
    """Stop processing messages; they stay in the queue.

    In-flight messages finish. Messages stay in the queue for up to 7 days; `ingest resume` continues with them.

    Examples:
        ingest pause --stack ingest-staging
    """
    _switch(DeployedStack(stack), on=False, as_json=as_json)


def resume(stack: StackName = None, as_json: AsJson = False) -> None:
    """Resume processing messages.

    Examples:
        ingest resume
    """
    _switch(DeployedStack(stack), on=True, as_json=as_json)


def _switch(stack: DeployedStack, *, on: bool, as_json: bool) -> None:
    has_changed = stack.event_source.switch(on=on)
    waiting, held = stack.queue.waiting(), stack.queue.held()
    if as_json:
        state = "running" if on else "paused"
        print(
            json.dumps(
                {"state": state, "changed": has_changed, "messages_waiting": waiting, "messages_in_flight": held}
            )
        )
        return
    what = f"The stack {stack.name} {'is' if has_changed else 'was already'} {'running' if on else 'paused'}."
    kept = "." if on else "; they are kept for up to 7 days, until `ingest resume`."
    in_flight = f" {held:,} in flight: they finish, or return to the queue." if held else ""
    console_on(sys.stdout).print(f"{what} {waiting:,} message(s) in the queue{kept}{in_flight}", soft_wrap=True)
