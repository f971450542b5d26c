import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loadtest.__main__ import main
from loadtest.bench.hostile import BOMB_BYTES, HostileCase, cases, measure


def outcome(
    name: str, total_bytes: int = 30_000, *, time_limit_s: float = 60, peak_bytes: int = 600_000_000
) -> dict[str, Any]:
    [case] = [case for case in cases() if case.name == name]
    return measure(case, total_bytes, 1, time_limit_s=time_limit_s, peak_bytes=peak_bytes)


def test_files_are_as_large_as_asked_for_and_the_same_each_time() -> None:
    for case in cases():
        once, again = (b"".join(case.make(50_000, random.Random(1))) for _ in range(2))
        assert once == again, case.name
        assert "gzip" in case.name or 50_000 <= len(once) < 51_000, case.name
    assert len({case.name for case in cases()}) == len(cases())


def test_a_bomb_is_small_and_answered_as_one() -> None:
    found = outcome("gzip bomb")
    assert (found["exit_code"], found["error"], found["problems"]) == (3, "bomb", [])
    assert found["file_bytes"] < BOMB_BYTES / 200


@pytest.mark.parametrize(
    ("name", "total_bytes", "reasons"),
    [
        ("header, then no line break", 5_000_000, ["record_too_long"]),
        ("header and sound rows, then random bytes", 30_000, ["bad_encoding", "bad_quote", "ragged_row"]),
        ("sound row, then lines without a quote", 30_000, ["bad_quote", "unterminated_quote"]),
        ("sound row, then ragged rows", 30_000, ["ragged_row"]),
    ],
)
def test_every_byte_of_a_file_of_bad_rows_is_accounted_for(name: str, total_bytes: int, reasons: list[str]) -> None:
    found = outcome(name, total_bytes)
    assert (found["exit_code"], found["bytes_accounted"], found["problems"]) == (1, True, [])
    assert set(found["reasons"]) <= set(reasons)
    assert found["row_counts"]["rows_rejected"] == found["row_counts"]["rows_read"] - ("sound" in name) > 0


def test_a_file_of_nothing_but_rejects_is_an_answer_and_no_problem() -> None:
    case = HostileCase("nothing but ragged rows", lambda size, chance: iter([b"id,name,amount\n", b"short\n" * 5000]))
    found = measure(case, 30_000, 1, time_limit_s=60, peak_bytes=600_000_000)
    assert (found["exit_code"], found["error"], found["problems"]) == (5, "all_rows_rejected", [])


def test_a_truncated_gzip_is_reported_as_such() -> None:
    found = outcome("truncated gzip")
    assert (found["error"], found["problems"]) == ("bad_compression", [])


def test_taking_too_long_or_too_much_memory_is_a_problem() -> None:
    found = outcome("nothing but NUL bytes", time_limit_s=0.05, peak_bytes=1_000_000)
    assert (found["exit_code"], len(found["problems"])) == (None, 2)


def test_the_command_writes_outcomes_and_fails_if_one_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "hostile.json"
    options = ["hostile", "--megabytes", "1", "--out", str(out), "--case", "header, then quotes"]
    run = subprocess.run(
        [sys.executable, "-m", "loadtest", *options], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    (found,) = json.loads(out.read_text())["outcomes"]
    assert found["case"] == "header, then quotes"
    assert found["row_counts"]["bytes_read"] == found["file_bytes"]
    assert str(tmp_path) not in out.read_text()
    monkeypatch.setattr(sys, "argv", ["loadtest", *options, "--time-limit", "0.05"])
    assert main() == 1
    assert "not done after" in capsys.readouterr().out
