"""What `ingest redrive` prints of dead letters: the reasons first."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich.table import Table

from ingest.commands.rejects import printable
from ingest.commands.status_view import age_text, plain_table, time_text
from ingest.commands.view import line_console
from ingest.core.letters import UNKNOWN
from ingest.redrive import Found


def show(found: list[Found], now_s: float) -> None:
    """Print how many are there for which reason; then each reason's sentence, and the letters."""
    console = line_console(sys.stdout)
    if not found:
        console.print("There is no dead letter.")
        return
    reasons = Counter(one.diagnosis.reason for one in found)
    told = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    console.print(f"{len(found):,} dead letter(s): {told}\n", soft_wrap=True)
    console.print(_table(found, now_s))
    for line in _advice(reasons, found):
        console.print(line, soft_wrap=True)


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


def _advice(reasons: Counter[str], found: list[Found]) -> Iterator[str]:
    if any(one.diagnosis.reason == UNKNOWN and not one.is_chosen for one in found):
        yield (
            f"{reasons[UNKNOWN]:,} of no known kind stay where they are: sent again they would only come back. "
            f"See who sends them; --reason {UNKNOWN} chooses them, with --discard to delete them."
        )
    if any(one.is_chosen and not one.diagnosis.helps for one in found):
        yield "Of those chosen, some ask for nothing more: sent again they are dropped, and change nothing."


def _table(found: list[Found], now_s: float) -> Table:
    table = plain_table()
    for name in ("", "file", "reason", "received", "since", "status", "why"):
        is_figure, is_wide = name in ("received", "since"), name in ("file", "why")
        table.add_column(name, justify="right" if is_figure else "left", no_wrap=not is_wide, overflow="fold")
    for one in found:
        diagnosis, letter = one.diagnosis, one.letter
        table.add_row(
            "→" if one.is_chosen else "",
            _name(one),
            diagnosis.reason,
            str(letter.received),
            age_text(max(0.0, now_s - letter.sent_s)),
            diagnosis.status or "",
            diagnosis.why,
        )
    return table


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
