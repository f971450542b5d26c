"""The console examples of the documentation: which commands each block has, and what it shows of their output.

A block is fenced as `console`. Words behind that say what it takes: `needs-aws` and `slow` blocks are not run by the
tests, only checked; so is a single command whose comment says "needs AWS".
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages.all import PAGES, ROOT

BLOCK = re.compile(r"^( *)```console(?P<words>[^\n]*)\n(?P<text>.*?)^ *```", re.DOTALL | re.MULTILINE)
NEEDS_AWS, SLOW = "needs-aws", "slow"


@dataclass(frozen=True)
class Command:
    """One command as a page shows it, and the lines of output below it."""

    text: str
    output: tuple[str, ...]
    only_checked: bool

    @property
    def words(self) -> list[str]:
        """Its words, without a comment, up to a pipe or a redirection."""
        return _until(shlex.split(self.text, comments=True), {"|", ">", "&&", "||"})


@dataclass(frozen=True)
class Example:
    """A block of commands."""

    page: Path
    line: int
    commands: tuple[Command, ...]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def examples() -> list[Example]:
    """Return the blocks of all pages, in their order."""
    return [
        Example(page, text.count("\n", 0, block.start()) + 1, tuple(_commands(block)))
        for page in PAGES
        for text in [page.read_text(encoding="utf-8")]
        for block in BLOCK.finditer(text)
    ]


def _commands(block: re.Match[str]) -> list[Command]:
    is_skipped = bool({NEEDS_AWS, SLOW} & set(block["words"].split()))
    found: list[tuple[str, list[str]]] = []
    text = re.sub(r" *\\\n *", " ", block["text"])
    for line in (line.removeprefix(block[1]) for line in text.splitlines()):
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return [Command(text, tuple(output), is_skipped or "# needs AWS" in text) for text, output in found]


def _until(words: list[str], ends: set[str]) -> list[str]:
    return words[: next((i for i, word in enumerate(words) if word in ends), len(words))]
