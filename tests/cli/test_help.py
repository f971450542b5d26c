"""The table of commands and the help of each: quick to print, complete, and free of the library's own words."""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from ingest.cli.main import COMMANDS, EXIT_CODES, load_command
from tests.support.command import FEEDS, Ran

ROOT = Path(__file__).parents[2]
GROUPS = {"feeds": ("check", "schema")}
HEAVY = ("boto3", "botocore", "pyarrow", "msgspec", "rich")


def command_lines() -> Iterator[str]:
    for name in COMMANDS:
        yield name
        yield from (f"{name} {each}" for each in GROUPS.get(name, ()))


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"]])
def test_the_list_of_commands_imports_none_of_them(arguments: list[str]) -> None:
    program = (
        "import sys; from ingest.cli.main import run\n"
        f"run({arguments!r})\n"
        "ours = sorted(name for name in sys.modules if name.startswith('ingest.cli.'))\n"
        f"print(*ours, *(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr.split()) == (0, ["ingest.cli.main"])


def test_a_file_is_checked_without_what_only_others_need(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n", encoding="utf-8")
    (tmp_path / "feeds.toml").write_text(FEEDS, encoding="utf-8")
    program = (
        "import atexit, sys; from ingest.cli.main import main\n"
        "unwanted = ('numpy', 'boto3', 'botocore', 'rich')\n"
        "found = lambda: [name for name in unwanted if sys.modules.get(name)]\n"
        "atexit.register(lambda: print(*found(), 'looked', file=sys.stderr))\n"
        "main()"
    )
    command = [sys.executable, "-c", program, "check", "a.csv", "--feed", "orders", "--json"]
    environment = {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr.split()) == (0, ["looked"])


def functions() -> Iterator[tuple[str, Any]]:
    for name, listed in COMMANDS.items():
        module, _, attribute = listed.place.partition(":")
        yield name, getattr(__import__(f"ingest.cli.{module}", fromlist=[attribute]), attribute)


@pytest.mark.parametrize(
    ("name", "found"), list(functions()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_line_of_the_table_is_the_first_line_of_the_commands_docstring(name: str, found: Any) -> None:
    text = found.info.help if isinstance(found, typer.Typer) else inspect.getdoc(found)
    assert str(text).splitlines()[0] == COMMANDS[name].line


def test_the_commands_stand_in_their_panels(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Ran(capsys, "-h").out.splitlines()
    panels = [line for line in lines if line in ("Files:", "Stack:", "Repair:", "Setup:")]
    assert panels == ["Files:", "Stack:", "Repair:", "Setup:"]
    listed = [line.split()[0] for line in lines[lines.index("Files:") :] if re.match("  [a-z]+ ", line)]
    assert listed[: len(COMMANDS)] == list(COMMANDS)


@pytest.mark.parametrize("command", list(command_lines()))
def test_each_command_has_help_with_examples_of_itself_and_its_exit_codes(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    short, long = Ran(capsys, *command.split(), "-h"), Ran(capsys, *command.split(), "--help")
    assert short.out == long.out
    assert (short.code, short.err) == (0, "")
    if command in GROUPS:
        return
    usage, _, rest = short.out.partition("Examples:")
    examples, _, codes = rest.partition("Exit codes: ")
    assert usage.startswith(f"Usage: ingest {command} ")
    assert f"ingest {command}" in examples
    numbers = [int(code) for code in re.findall(r"(?:^|; )(\d+) ", " ".join(codes.split()))]
    assert numbers == sorted({*EXIT_CODES, *{1, 5}.intersection(numbers)})
    assert "130 interrupted." in " ".join(codes.split())


@pytest.mark.parametrize("command", ["", *command_lines()])
def test_no_help_has_the_librarys_types_in_it_or_is_wider_than_a_page(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    out = Ran(capsys, *command.split(), "--help").out
    assert re.findall(r"<[a-z| ]+>|\b(?:TEXT|INTEGER|FLOAT|PATH) (?:RANGE|range)\b", out) == []
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("command", list(command_lines()))
def test_each_option_says_what_it_is_for(command: str) -> None:
    name, _, sub = command.partition(" ")
    found = load_command(name)
    found = found.commands[sub] if sub else found
    for option in found.params:
        assert getattr(option, "help", ""), (command, option.name)
        is_flag = getattr(option, "is_flag", False)
        assert is_flag or option.metavar, (command, option.name)


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("re", "rejects retry redrive reconcile resume"),
        ("check --l", "--limit"),
        ("feeds s", "schema"),
        ("chx --l", ""),
    ],
)
def test_commands_and_options_are_completed(words: str, completed: str) -> None:
    variables = {
        "_INGEST_COMPLETE": "complete_bash",
        "COMP_WORDS": f"ingest {words}",
        "COMP_CWORD": str(words.count(" ") + 1),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "ingest"],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.stdout.split(), ran.stderr) == (completed.split(), "")


def test_the_version_is_the_projects(capsys: pytest.CaptureFixture[str]) -> None:
    (version,) = re.findall(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    ran = Ran(capsys, "--version")
    assert (ran.code, ran.out.split()[:2]) == (0, ["ingest", version])


def test_a_version_of_a_file_is_still_named_by_the_same_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--version NAME" in Ran(capsys, "retry", "-h").out


def test_the_exit_codes_are_in_the_help_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    out = " ".join(Ran(capsys, "--help").out.split())
    for code, what in EXIT_CODES.items():
        assert f"{code} {what}" in out


def test_a_misspelled_command_gets_a_question_and_where_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "chek")
    assert (ran.code, ran.err) == (2, "ingest: No such command 'chek'. Did you mean 'check'? See ingest --help.\n")
