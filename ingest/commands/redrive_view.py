"""What `ingest redrive` prints of dead letters: the reasons first."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ingest.commands.rejects import printable
from ingest.commands.status_view import age_text, time_text
from ingest.commands.tables import Cell, Column, FittingTable
from ingest.commands.view import line_console
from ingest.core.letters import UNKNOWN
from ingest.redrive import Found

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
    told = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    console.print(f"{len(found):,} dead letter(s): {told}", soft_wrap=True)
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
        told = f"{len(found):,} dead letter(s) = {count:,} {verb} + {len(found) - count:,} left as they are."
        line_console(sys.stdout).print(told, soft_wrap=True)


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
