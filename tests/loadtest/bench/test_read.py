import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loadtest.bench import read as read_bench
from loadtest.bench.read import judge


@pytest.mark.e2e
def test_the_command_measures_every_reader(tmp_path: Path) -> None:
    out = tmp_path / "read.json"
    command = [sys.executable, "-m", "loadtest", "bench", "read", "--megabytes", "1", "--repeat", "1"]
    run = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    result = json.loads(out.read_text())
    readings = result["readings"]
    found = {reading["reader"] for reading in readings}
    assert found == {*read_bench.READERS}
    assert {reading["kind"] for reading in readings} == {*read_bench.KINDS}
    assert all(reading["rows"] > 8000 and reading["peak_resident_bytes"]["max"] > 1e6 for reading in readings)
    assert {"commit", "machine", "seed", "versions", "command", "goals"} <= set(result)
    assert all(f"reader {name}; " in run.stdout for name in found)


@pytest.mark.parametrize("program", ["print('{\"rows\": 1}')", "raise SystemExit('broken')"])
def test_a_reader_that_fails_or_loses_rows_is_an_error(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_bench, "command", lambda *_: [sys.executable, "-c", program])
    arguments = argparse.Namespace(repeat=1, seed=1)
    with pytest.raises(RuntimeError, match="went wrong: 0 rows"):
        read_bench.read("quote-free", 1000, arguments)


def reading(reader: str, *, speed: float, peak: float = 1e8, megabytes: int = 100) -> list[dict[str, Any]]:
    same = {"median": speed, "min": speed, "max": speed}
    rates = {"rows_per_cpu_second": same, "peak_resident_bytes": {"median": peak}}
    return [{"reader": reader, "kind": kind, "file_bytes": megabytes * 10**6, **rates} for kind in read_bench.KINDS]


def test_goals_are_judged_by_speed_on_the_largest_file_and_by_growth() -> None:
    readings = [
        *reading("ingest", speed=9, megabytes=100),
        *reading("ingest", speed=50, peak=2e8, megabytes=400),
        *reading("ingest check", speed=9),
        *reading("bare pyarrow", speed=100),
    ]
    assert [(goal.found, goal.is_met) for goal in judge(readings)] == [
        *((0.5, False), (2.0, False), (1.0, True)),
        *((0.5, True), (2.0, False), (1.0, True)),
    ]
