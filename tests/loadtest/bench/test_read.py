import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.bench import read as read_bench
from loadtest.bench.goals import Spread
from loadtest.bench.read import Reading, judge

READERS = {"ingest", "ingest check", "csv.DictReader", "bare pyarrow"}


@pytest.mark.e2e
def test_the_command_measures_every_reader_that_is_there(tmp_path: Path) -> None:
    out = tmp_path / "read.json"
    command = [sys.executable, "-m", "loadtest", "bench", "read", "--megabytes", "1", "--repeat", "1"]
    run = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    result = json.loads(out.read_text())
    readings = result["readings"]
    assert {reading["reader"] for reading in readings} | set(result["not_measured"]) == READERS | {"pandas chunks"}
    assert {reading["kind"] for reading in readings} == {"quote-free", "fully quoted"}
    assert all(reading["rows"] > 8000 and reading["peak_resident_bytes"]["max"] > 1e6 for reading in readings)
    assert {"commit", "machine", "seed", "versions", "command", "goals"} <= set(result)
    assert str(tmp_path) not in out.read_text()
    assert all(name in run.stdout for name in READERS)


@pytest.mark.parametrize("program", ["print('{\"rows\": 1}')", "raise SystemExit('broken')"])
def test_a_reader_that_fails_or_loses_rows_is_an_error(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_bench, "readers", lambda python: {"careless": [sys.executable, "-c", program]})
    with pytest.raises(RuntimeError, match="careless lost rows"):
        read_bench.measure(megabytes=[1], repeat=1, seed=1)


def test_a_reader_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    program = 'print(\'{"not_measured": "no such module"}\')'
    monkeypatch.setattr(read_bench, "readers", lambda python: {"absent": [sys.executable, "-c", program]})
    assert read_bench.measure(megabytes=[1], repeat=1, seed=1) == ([], {"absent": "no such module"})


def reading(reader: str, *, speed: float, peak: float = 1e8, megabytes: int = 100) -> list[Reading]:
    same, none = Spread(speed, speed, speed), Spread(0, 0, 0)
    return [
        Reading(reader, kind, megabytes * 10**6, 1, same, same, same, none, 0, none, Spread(peak, peak, peak))
        for kind in ("quote-free", "fully quoted")
    ]


def test_goals_are_judged_by_speed_on_the_largest_file_and_by_growth() -> None:
    readings = [
        *reading("ingest", speed=9, megabytes=100),
        *reading("ingest", speed=50, peak=2e8, megabytes=400),
        *reading("ingest check", speed=9),
        *reading("bare pyarrow", speed=100),
    ]
    assert [(goal.found, goal.is_met) for goal in judge(readings)] == [
        *((0.5, False), (0.5, False), (2.0, False), (1.0, True)),
        *((0.5, True), (0.5, True), (2.0, False), (1.0, True)),
    ]
