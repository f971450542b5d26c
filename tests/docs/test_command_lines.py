"""Every command line that the documentation shows exists with these options, also where it is not run."""

import importlib.util
import re

import pytest

from loadtest.__main__ import build_parser
from tests.docs.examples import Command, examples
from tests.docs.pages.all import PAGES, ROOT
from tests.docs.pages.commands import commands, options

SHOWN = [(example, command) for example in examples() for command in example.commands]
OTHER = {"aws", "cd", "git", "head", "docker", "pip", "$EDITOR", "jq"}
OPTIONS = {name: options(command) for name, command in commands()}
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize(("example", "command"), SHOWN, ids=lambda value: getattr(value, "text", str(value))[:60])
def test_a_command_line_is_one_that_there_is(example: object, command: Command) -> None:
    words = [re.sub(r"^[A-Z_]+=\$\(", "", word) for word in command.words]
    program, rest = words[0].removeprefix(".venv/bin/"), words[1:]
    match program:
        case "ingest":
            assert_is_of_ingest(rest)
        case "make":
            assert rest[0] in TARGETS
        case "python" | "python3":
            assert_is_a_module(rest)
        case _:
            assert program in OTHER


def assert_is_of_ingest(words: list[str]) -> None:
    """Check the name of a command of `ingest`, and its options."""
    name = next((name for name in (" ".join(words[:2]), words[0]) if name in OPTIONS), None)
    assert name, words
    used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert used <= OPTIONS[name]


def assert_is_a_module(words: list[str]) -> None:
    """Check `-m module`, and the arguments of `-m loadtest`."""
    assert words[0] == "-m"
    assert importlib.util.find_spec(words[1]), words
    if words[1] == "loadtest":
        build_parser().parse_args(words[2:])


@pytest.mark.parametrize("name", sorted({n for p in PAGES for n in re.findall(r"`ingest ([a-z]+)", p.read_text())}))
def test_a_command_named_in_a_sentence_exists(name: str) -> None:
    assert any(found.split()[0] == name for found in OPTIONS)


@pytest.mark.parametrize("target", sorted({t for p in PAGES for t in re.findall(r"`make ([a-z0-9-]+)", p.read_text())}))
def test_a_make_target_named_in_a_sentence_exists(target: str) -> None:
    assert target in TARGETS
