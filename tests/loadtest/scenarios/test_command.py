import argparse
import json
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from loadtest.scenarios import command
from loadtest.scenarios.catalog import SCENARIOS
from tests.loadtest.scenarios.memory_target import MemoryTarget


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The command takes signals over; give them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(words))


def on(monkeypatch: pytest.MonkeyPatch, target: MemoryTarget) -> None:
    monkeypatch.setitem(command.TARGETS, "sim", lambda arguments, wanted: nullcontext(target))


def test_a_run_is_reported_of_and_written_with_all_that_is_needed_to_repeat_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on(monkeypatch, MemoryTarget(tmp_path))
    assert run("smoke", "--scale", "0.02", "--seed", "7", "--out", str(tmp_path / "it.json")) == 0
    written = json.loads((tmp_path / "it.json").read_text())
    head = ["kind", "scenario", "target", "scale", "command", "seed", "at", "commit", "machine", "versions"]
    assert list(written) == [*head, "objectives", "check_result", "figures", "samples", "files"]
    assert written["command"] == "python -m loadtest run smoke --target memory --scale 0.02 --seed 7"
    assert (
        "smoke on memory, scale 0.02: GREEN: every row accounted for. 60 of 60 rows found, 0 lost"
        in capsys.readouterr().out
    )


def test_a_result_that_is_not_green_is_said_and_is_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    on(monkeypatch, MemoryTarget(tmp_path, loses=2))
    assert run("smoke", "--scale", "0.02", "--out", str(tmp_path / "it.json")) == 1
    printed = capsys.readouterr().out
    assert "RED: not every row accounted for. 58 of 60 rows found, 2 lost" in printed
    assert Path(printed.rpartition(" are in ")[2].strip().rstrip(".")).is_dir()


def test_all_scenarios_are_written_each_to_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, MemoryTarget(tmp_path))
    monkeypatch.setattr(command, "SCENARIOS", {name: SCENARIOS[name] for name in ("smoke", "hot_key")})
    assert run("--all", "--scale", "0.001", "--out", str(tmp_path / "runs")) == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["hot_key.json", "smoke.json"]


@pytest.mark.parametrize("words", [[], ["smoke", "--all"]])
def test_one_scenario_or_all_must_be_asked_for(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(*words)
    assert "--all" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["smoke", "--dry-run"], ["--destroy"]])
def test_what_is_for_aws_is_refused_elsewhere(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    assert "--dry-run and --destroy are for --target aws" in capsys.readouterr().err


@pytest.mark.parametrize("scale", ["0", "-1", "much", "1001", "nan"])
def test_a_scale_is_a_number_above_0(scale: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("smoke", "--scale", scale)
    assert "is not a scale" in capsys.readouterr().err


def test_a_run_that_is_interrupted_ends_its_target_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended: list[Any] = []

    class Interrupted(MemoryTarget):
        def get_ready(self) -> None:
            signal.raise_signal(signal.SIGINT)

    @contextmanager
    def target(arguments: argparse.Namespace, wanted: object) -> Iterator[MemoryTarget]:
        try:
            yield Interrupted(tmp_path)
        finally:
            ended.append(signal.getsignal(signal.SIGINT))

    monkeypatch.setitem(command.TARGETS, "sim", target)
    assert run("smoke", "--scale", "0.02", "--out", str(tmp_path / "it.json")) == 130
    assert ended == [signal.SIG_IGN], "a second Ctrl-C must not stop the taking down"
    assert not (tmp_path / "it.json").exists()
    assert "nothing is left" in capsys.readouterr().err
