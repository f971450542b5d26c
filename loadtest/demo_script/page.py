"""A script that was run, as Markdown: each command and its output in a fence, long outputs visibly cut."""

import json
import shlex
from collections.abc import Iterable
from textwrap import wrap
from typing import Any

from loadtest.demo_script.script import Part, Ran, Said, Title

MOST_LINES, FIRST_LINES = 40, 34
MOST_CHARACTERS, COLUMNS = 560, 100  # of a JSON value, and of its lines
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
    """Return what was printed; of a JSON document each key begins a line, and long values are cut."""
    if "--json" not in ran.arguments or ran.code:
        return [line.rstrip() for line in (ran.out + ran.err).rstrip("\n").split("\n")]
    return ["{", *(line for field in ran.json.items() for line in _field(*field)), "}"]


def _field(name: str, value: Any) -> list[str]:
    text = json.dumps(value, ensure_ascii=False)
    cut = text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} …"
    return wrap(f'"{name}": {cut},', COLUMNS, initial_indent="  ", subsequent_indent="    ", break_long_words=False)
