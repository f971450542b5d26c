"""docs/transcript.md is a real run of the story as it is told now, and holds nothing of the machine it was made on."""

import re
import shlex
from pathlib import Path

from loadtest.demo_script import steps as chapters
from loadtest.demo_script.script import Ran, Title

TEXT = (Path(__file__).parents[2] / "docs/transcript.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^\$ ingest (.*)$", TEXT, re.MULTILINE)]


class Listened:
    """Takes a story and does nothing of it."""

    def __init__(self) -> None:
        self.parts: list[Title | Ran] = []
        self.stack_client = self

    def title(self, text: str) -> None:
        self.parts.append(Title(text))

    def run(self, name: str, *arguments: str) -> Ran:
        self.parts.append(Ran(arguments, 0, "a\n1\n", ""))
        return Ran(arguments, 0, "a\n1\n", "")

    def __getattr__(self, name: str) -> object:
        return lambda *arguments, **options: None


def test_it_has_the_commands_and_chapters_of_the_story() -> None:
    reported = Listened()
    chapters.before_the_drop(reported)  # type: ignore[arg-type]
    chapters.the_load(reported)  # type: ignore[arg-type]
    chapters.bad_rows(reported)  # type: ignore[arg-type]
    chapters.wrong_file(reported)  # type: ignore[arg-type]
    chapters.wrong_feed(reported, lambda: None)  # type: ignore[arg-type]
    chapters.dead_letters(reported, {})  # type: ignore[arg-type]
    chapters.the_row_counts(reported)  # type: ignore[arg-type]
    assert [list(part.arguments) for part in reported.parts if isinstance(part, Ran)] == COMMANDS
    assert [part.text for part in reported.parts if isinstance(part, Title)] == re.findall(
        r"^## (.*)$", TEXT, re.MULTILINE
    )


def test_it_shows_each_command_of_the_operator() -> None:
    named = {command[0] for command in COMMANDS}
    assert {"plan", "top", "status", "rejects", "retry", "redrive", "pause", "resume", "history"} <= named


def test_its_outputs_are_no_wider_than_a_terminal_but_for_sentences() -> None:
    tables = re.findall(r"^(?=.*─{20})─+$", TEXT, re.MULTILINE)
    assert tables and max(map(len, tables)) <= 80


def test_nothing_of_the_machine_is_in_it() -> None:
    assert re.findall(r"(?<![\w:/.])/(?:tmp|home|root|usr|var|work)/|127\.0\.0\.1|Traceback|localhost", TEXT) == []
