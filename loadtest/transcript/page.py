"""A story as Markdown: each command and its output in a fence, long outputs visibly cut."""

import json
import shlex
from collections.abc import Iterable
from textwrap import wrap

from loadtest.transcript.story import Part, Ran, Said, Title

MOST_LINES, FIRST_LINES = 40, 34
WIDTH = 120


def page(head: str, parts: Iterable[Part]) -> str:
    """Return the page."""
    return "\n\n".join([head, *map(_part, parts)]) + "\n"


def _part(part: Part) -> str:
    match part:
        case Title(text):
            return f"## {text}"
        case Said(text):
            return "\n".join(wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))
        case Ran():
            return "\n".join(["```console", *_shown(part), "```"])


def _shown(ran: Ran) -> list[str]:
    lines = _lines(ran)
    cut = [*lines[:FIRST_LINES], f"… ({len(lines) - FIRST_LINES} more lines)"] if len(lines) > MOST_LINES else lines
    ending = [f"(exit code {ran.code})"] if ran.code else []
    return [f"$ {shlex.join(['ingest', *ran.arguments])}", *cut, *ending]


def _lines(ran: Ran) -> list[str]:
    """Return what was printed, one JSON document indented."""
    text = ran.out + ran.err
    if "--json" in ran.arguments and not ran.code:
        text = json.dumps(json.loads(ran.out), indent=2, ensure_ascii=False)
    return [line.rstrip() for line in text.rstrip("\n").split("\n")]
