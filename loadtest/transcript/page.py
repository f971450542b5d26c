"""A story as Markdown: each command and its output in a fence, long outputs visibly cut."""

import json
import shlex
from collections.abc import Iterable
from textwrap import wrap

from loadtest.transcript.story import Part, Ran, Said, Title

MOST_LINES, FIRST_LINES = 40, 34
MOST_CHARACTERS = 600
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
    """Return what was printed; of a JSON document each key in a line, which is cut where it is long."""
    if "--json" not in ran.arguments or ran.code:
        return [line.rstrip() for line in (ran.out + ran.err).rstrip("\n").split("\n")]
    fields = [f'  "{name}": {json.dumps(value, ensure_ascii=False)}' for name, value in ran.json.items()]
    return ["{", *(line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]} …" for line in fields), "}"]
