"""docs/operations.md names commands and options that there are, and what each command asks of AWS."""

import re
from pathlib import Path

import pytest

from ingest.cli.main import run

TEXT = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
SECTIONS = re.findall(r"^## `ingest (\w+)[^\n]*\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)


def test_each_command_has_its_section() -> None:
    assert [name for name, _ in SECTIONS] == ["rejects", "retry", "redrive", "pause", "history"]


@pytest.mark.parametrize(("command", "section"), SECTIONS)
def test_a_section_has_an_example_its_options_and_its_permissions(
    command: str, section: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"$ ingest {command}" in section
    assert re.search(r"^Permissions: `\w+:\w+`", section, re.MULTILINE)
    monkeypatch.setenv("COLUMNS", "200")
    assert run([command, "--help"]) == 0
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", section))
    assert named <= options


@pytest.mark.parametrize("command", sorted(set(re.findall(r"ingest ([a-z]+)(?= |`)", TEXT))))
def test_every_command_it_names_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out
