import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loadtest.bench import write
from loadtest.bench.measuring import Case
from loadtest.bench.surroundings import Sample
from loadtest.bench.write import INGEST, LOOP, Bench, judge, whole, whole_cpu_s

PUT = """
import os, sys, urllib.request
body = ('"PutRequest":' * int(sys.argv[1])).encode()
headers = {"X-Amz-Target": "DynamoDB_20120810.BatchWriteItem"}
urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL_DYNAMODB"], body, headers)).read()
"""


@pytest.mark.e2e
def test_the_command_measures_a_part_judges_it_and_keeps_the_others(tmp_path: Path) -> None:
    out = tmp_path / "write.json"
    latency = {"measured": [measured("ingest load", 10, latency_ms=10)], "command": "an older one"}
    out.write_text(json.dumps({"goals": [], "parts": {"latency": latency}}))
    command = [sys.executable, "-m", "loadtest", "bench", "write", "--megabytes", "1", "--repeat", "1"]
    command += ["--part", "memory", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert (list(result["parts"]), result["parts"]["latency"]) == (["latency", "memory"], latency)
    small, large = result["parts"]["memory"]["measured"]
    assert (small["file_bytes"] > 1.9e6, large["file_bytes"] > 1.9e7) == (True, True)
    assert large["requests"] >= large["rows"] / 25
    assert {goal["what"].partition(" ")[0] for goal in result["goals"]} == {"rows", "peak", "growth"}
    assert result["parts"]["memory"]["command"].endswith("bench write --megabytes 1 --repeat 1 --part memory")
    assert str(tmp_path) not in out.read_text()
    assert "party ingest load; shape mixed; " in done.stdout


def case(rows: int, taken: int, program: str = PUT) -> Case:
    counts = {"file": taken, "empty": 0}
    sample, empty = (Sample(Path(name), "mixed", 100, held) for name, held in zip(counts, (rows, 0), strict=True))
    return Case(lambda given: [sys.executable, "-c", program, str(counts[given.path.name])], sample, empty)


def bench(folder: Path) -> Bench:
    return Bench(folder, total_bytes=100, repeat=1, seed=1)


@pytest.mark.e2e
def test_a_party_that_loads_all_is_measured(tmp_path: Path) -> None:
    (found,) = bench(tmp_path).measure([case(5, 5)], latency_ms=50)
    assert (found["rows"], found["requests"], found["latency_ms"]) == (5, 1, 50)
    assert found["seconds"]["median"] > 0.05
    assert found["rows_per_cpu_second_with_start_up"]["median"] > 1


@pytest.mark.e2e
@pytest.mark.parametrize("taken", [4, 6])
def test_a_party_that_loses_or_doubles_rows_is_an_error(taken: int, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=f"lost or doubled rows: {taken} of 5"):
        list(bench(tmp_path).measure([case(5, taken)]))


@pytest.mark.e2e
def test_a_party_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="exit 3"):
        list(bench(tmp_path).measure([case(0, 0, "raise SystemExit(3)")]))


def measured(party: str, speed: float, **changes: Any) -> dict[str, Any]:
    rate = {"median": speed, "min": speed, "max": speed}
    about = {"party": party, "shape": "mixed", "tls": False, "latency_ms": 0}
    return {**about, "rows_per_cpu_second": rate, "rows_per_second": rate, **changes}


def whole_load(party: str, of_rows: int, rows: int, cpu_s: float, **about: str) -> dict[str, Any]:
    spread = {"median": cpu_s}
    found = {"party": party, "of_rows": of_rows, "rows": rows, "shape": "mixed", "key_order": "sorted"}
    found |= {"cpu_seconds": spread, "start_up_cpu_seconds": 0.4, "help_cpu_seconds": 0.1}
    return {**found, "peak_resident_bytes": {"median": 180e6}, **about}


def test_what_a_share_of_the_rows_took_is_scaled_without_the_start() -> None:
    assert whole_cpu_s(whole_load(LOOP, 1_000_000, 100_000, 10.4)) == pytest.approx(100.4)
    assert whole_cpu_s(whole_load(INGEST, 1_000_000, 1_000_000, 2.0)) == pytest.approx(2.0)


def test_whole_processes_are_judged_beside_the_loop_that_had_a_tenth() -> None:
    million = (1_000_000, "sorted", 2.0), (1_000_000, "random", 2.2)
    measured = [
        *(whole_load(INGEST, rows, rows, cpu_s, key_order=order) for rows, order, cpu_s in million),
        *(whole_load(LOOP, 1_000_000, 100_000, 10.4, key_order=order) for _, order, _ in million),
        whole_load(INGEST, 1_000, 1_000, 0.43),
        whole_load(INGEST, 4_000_000, 4_000_000, 8.0),
        whole_load(LOOP, 4_000_000, 400_000, 50.4),
        whole_load(INGEST, 200_000, 200_000, 2.0, shape="wide", peak_resident_bytes={"median": 191e6}),  # type: ignore[arg-type]
        whole_load(LOOP, 200_000, 20_000, 7.4, shape="wide"),
    ]
    assert [(round(goal.found, 2), goal.is_met) for goal in judge({"whole": measured})] == [
        (0.43, False),
        (0.1, True),
        (50.2, False),
        (62.55, True),
        (35.2, True),
        (191.0, False),
        (180.0, True),
    ]


@pytest.mark.e2e
def test_whole_processes_are_measured_with_their_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "WHOLE", ((30, "mixed", "random"),))
    ours, loop = whole(bench(tmp_path))
    assert (ours["party"], ours["rows"], ours["of_rows"], loop["party"], loop["rows"]) == (INGEST, 30, 30, LOOP, 30)
    assert 0 < ours["help_cpu_seconds"] < ours["cpu_seconds"]["median"] == pytest.approx(whole_cpu_s(ours))


def test_goals_are_judged_by_what_was_measured() -> None:
    parts = {
        "shapes": [
            *(measured(party, speed) for party, speed in (("ingest load", 400.0), ("boto3 loop", 10.0))),
            *(measured(party, speed, tls=True) for party, speed in (("ingest load", 340.0), ("boto3 loop", 10.0))),
            measured("ingest load", 1.0, shape="wide"),
        ],
        "modes": [
            *(
                measured("ingest load", speed, mode=mode)
                for mode, speed in (("insert", 30_000.0), ("update", 40_000.0))
            ),
            measured("ingest load", 24_999.0, mode="insert", tls=True),
            measured("boto3 loop", 1_000.0, mode="insert"),
        ],
        "latency": [measured("ingest load", 59_999.0, latency_ms=10), measured("ingest load", 9e9)],
        "memory": [measured("ingest load", 1.0, peak_resident_bytes={"median": mb * 1e6}) for mb in (200, 221)],
    }
    assert [(round(goal.found, 3), goal.is_met) for goal in judge(parts)] == [
        (40.0, True),
        (34.0, False),
        (30_000.0, True),
        (24_999.0, False),
        (59_999.0, False),
        (221.0, False),
        (1.105, False),
    ]
    assert list(judge({})) == []
