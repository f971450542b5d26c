"""`python -m loadtest generate`: a file and its known outcome, or nothing and a sentence."""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest import generate
from loadtest.harness.targets import known_outcome_path, write_to
from loadtest.workload.stream import Generation
from tests.loadtest.workload.found import FEEDS, made, recipe

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> int:
    return generate.run(parsed("--feeds", str(FEEDS), *arguments))


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    generate.add_arguments(parser)
    return parser.parse_args(arguments)


def test_the_known_outcome_lies_beside_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.csv"
    assert run("--feed", "plain", "--rows", "100", "--defects", "ragged_row=0.1", "--seed", "4", "--out", str(out)) == 0
    data, known_outcome = made(recipe("plain", defects={"ragged_row": 0.1}, seed=4))
    document = json.loads((tmp_path / "a.csv.expected.json").read_text())
    assert out.read_bytes() == data
    assert document.items() >= json.loads(json.dumps(known_outcome.document())).items()
    assert document["made"] == {"target": str(out), "feed": "plain", "table": "Plain", "seed": 4, "file": 0}
    assert "100 rows = " in capsys.readouterr().err


def test_options_count_more_than_the_recipe_file(tmp_path: Path) -> None:
    path, out = tmp_path / "recipe.toml", tmp_path / "a.csv"
    path.write_text('feed = "plain"\nrows = 7\nseed = 3\nline_end = "crlf"\n[columns]\ncity = "zipf:1:9"\n')
    assert run("--recipe", str(path), "--size", "10KB", "--out", str(out), "--column", "city=choice:Rome") == 0
    wanted = recipe("plain", size=10_000, seed=3, line_end="crlf", columns={"city": "choice:Rome"})
    assert out.read_bytes() == made(wanted)[0]


def test_stdout_gets_the_file_and_stderr_the_known_outcome(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run("--feed", "plain", "--rows", "10", "--out", "-") == 0
    out, err = capfdbinary.readouterr()
    data, known_outcome = made(recipe("plain", rows=10))
    assert out == data
    assert json.loads(err).items() >= json.loads(json.dumps(known_outcome.document())).items()


@pytest.mark.parametrize("text", [generate.EPILOG, (ROOT / "docs/loadtest.md").read_text()], ids=["help", "docs"])
def test_the_examples_shown_are_recipes(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    shown = re.findall(r"python -m loadtest generate (-[^`\n]*)$", text, re.MULTILINE)
    assert len(shown) == 3
    for line in shown:
        Generation(generate.recipe_from(parsed(*line.split())))


def test_a_wrong_recipe_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--feed", "unknown", "--rows", "1") == 2
    assert capsys.readouterr().err.startswith("generate: ")


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--feed", "plain", "--rows", "1", "--out", str(tmp_path / "no" / "a.csv")) == 4
    assert "cannot be written" in capsys.readouterr().err


def test_what_is_interrupted_leaves_no_file(tmp_path: Path) -> None:
    def interrupted() -> Iterator[bytes]:
        yield b"id\n"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_to(str(tmp_path / "a.csv"), interrupted(), most_bytes=100, client=lambda: None)
    assert list(tmp_path.iterdir()) == []


def test_the_known_outcome_of_an_object_never_lies_where_the_pipeline_would_load_it() -> None:
    assert known_outcome_path("s3://bucket/orders/2026/a.csv") == Path("a.csv.expected.json")
