"""docs/transcript.md is a real run of the current demo script, and holds nothing of the machine it was made on."""

import re
import shlex
from pathlib import Path

from loadtest.demo_script import steps
from loadtest.demo_script.script import Ran, Title

TEXT = (Path(__file__).parents[2] / "docs/transcript.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^\$ ingest (.*)$", TEXT, re.MULTILINE)]


class RecordedScript:
    """A script that records its titles and commands, and runs nothing."""

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


def test_it_has_the_commands_and_titles_of_the_script() -> None:
    recorded = RecordedScript()
    steps.before_the_drop(recorded)  # type: ignore[arg-type]
    steps.the_load(recorded)  # type: ignore[arg-type]
    steps.bad_rows(recorded)  # type: ignore[arg-type]
    steps.wrong_file(recorded)  # type: ignore[arg-type]
    steps.wrong_feed(recorded, lambda: None)  # type: ignore[arg-type]
    steps.dead_letters(recorded, {})  # type: ignore[arg-type]
    steps.the_row_counts(recorded)  # type: ignore[arg-type]
    assert [list(part.arguments) for part in recorded.parts if isinstance(part, Ran)] == COMMANDS
    assert [part.text for part in recorded.parts if isinstance(part, Title)] == re.findall(
        r"^## (.*)$", TEXT, re.MULTILINE
    )


def test_it_shows_each_command_of_the_operator() -> None:
    named = {command[0] for command in COMMANDS}
    assert {"plan", "top", "status", "rejects", "retry", "redrive", "pause", "resume", "history"} <= named


def test_its_tables_fit_a_terminal() -> None:
    tables = re.findall(r"^(?=.*─{20})─+$", TEXT, re.MULTILINE)
    assert tables and max(map(len, tables)) <= 80


def test_nothing_of_the_machine_is_in_it() -> None:
    assert re.findall(r"(?<![\w:/.])/(?:tmp|home|root|usr|var|work)/|127\.0\.0\.1|Traceback|localhost", TEXT) == []
