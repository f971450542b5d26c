import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtest.bench.goals import Spread
from loadtest.bench.writing.goals import judge
from loadtest.bench.writing.measuring import Bench, Measured, WriteCase
from loadtest.bench.writing.table import markdown

PUT = """
import os, sys, urllib.request
body = ('"PutRequest":' * int(sys.argv[1])).encode()
headers = {"X-Amz-Target": "DynamoDB_20120810.BatchWriteItem"}
urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL_DYNAMODB"], body, headers)).read()
print("{}")
"""


def run(out: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "loadtest", "bench", "write", "--megabytes", "1", "--repeat", "1", *arguments]
    done = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(out.read_text())
    return result


@pytest.mark.e2e
def test_the_command_measures_a_part_judges_it_and_keeps_the_others(tmp_path: Path) -> None:
    out = tmp_path / "write.json"
    limiter = {"measured": [measured("ingest load", 10), measured("8 at a time", 9)], "not_measured": {}}
    limiter |= {"command": "an older one", "at": "then", "commit": "abc", "machine": "one", "load_before": 0.1}
    out.write_text(json.dumps({"goals": [], "parts": {"flow": limiter}}))
    result = run(out, "--part", "memory")
    assert list(result["parts"]) == ["flow", "memory"]
    small, large = result["parts"]["memory"]["measured"]
    assert (small["file_bytes"] > 2e6, large["file_bytes"] > 2e7) == (True, True)
    assert large["requests"] >= large["rows"] / 25
    assert {goal["what"].partition(" ")[0] for goal in result["goals"]} == {"share", "peak", "growth"}
    assert str(tmp_path) not in out.read_text()
    assert "## Peak memory" in out.with_suffix(".md").read_text()


def case(items: int, taken: int) -> WriteCase:
    command = [sys.executable, "-c", PUT]
    return WriteCase("tiny", [*command, str(taken)], [*command, "0"], rows=items, items=items)


@pytest.mark.e2e
def test_a_party_that_loads_all_is_measured(tmp_path: Path) -> None:
    (found,) = Bench(tmp_path).measure([replace(case(5, 5), latency_ms=50)], repeat=1)
    assert (found.rows, found.requests, found.latency_ms) == (5, 1, 50)
    assert found.seconds.median > 0.05
    assert found.rows_per_cpu_second_with_start_up.median > 1


@pytest.mark.e2e
@pytest.mark.parametrize("taken", [4, 6])
def test_a_party_that_loses_or_doubles_rows_is_an_error(taken: int, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=f"lost or doubled rows: {taken} of 5"):
        list(Bench(tmp_path).measure([case(5, taken)], repeat=1))


@pytest.mark.e2e
def test_a_party_that_fails_is_an_error(tmp_path: Path) -> None:
    failing = replace(case(0, 0), command=[sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(RuntimeError, match="exit 3"):
        list(Bench(tmp_path).measure([failing], repeat=1))


@pytest.mark.e2e
def test_a_party_that_is_not_installed_is_left_out_and_reported_of(tmp_path: Path) -> None:
    absent = [sys.executable, "-c", """print('{"not_measured": "no such module"}')"""]
    bench = Bench(tmp_path)
    assert list(bench.measure([replace(case(0, 0), command=absent, start_up=absent)], repeat=2)) == []
    assert bench.missing == {"tiny": "no such module"}


def measured(party: str, speed: float, **changes: Any) -> dict[str, Any]:
    rate, none = Spread(speed, speed, speed), Spread(1, 1, 1)
    found = Measured(
        party, "mixed", False, 0, 100, 1000, rate, rate, rate, rate, none, none, none, 0, 0, none, 40, 8, 8
    )
    return {**json.loads(json.dumps(found.document())), **changes}


def peak(megabytes: int) -> dict[str, float]:
    return {"median": megabytes * 1e6, "min": 0, "max": 0}


def test_goals_are_judged_by_what_was_measured() -> None:
    parts = {
        "shapes": [
            *(measured(party, speed) for party, speed in (("ingest load", 400.0), ("boto3 loop", 10.0))),
            *(measured(party, speed, tls=True) for party, speed in (("ingest load", 340.0), ("boto3 loop", 10.0))),
            measured("ingest load", 1.0, shape="wide"),
        ],
        "latency": [measured("ingest load", 59_999.0, latency_ms=10), measured("ingest load", 9e9)],
        "flow": [measured("ingest load", 90.0), measured("8 at a time", 100.0), measured("16 at a time", 80.0)],
        "memory": [
            measured("ingest load", 1.0, file_bytes=200, peak_resident_bytes=peak(200)),
            measured("ingest load", 1.0, file_bytes=2000, peak_resident_bytes=peak(221)),
        ],
    }
    assert [(round(goal.found, 3), goal.is_met) for goal in judge(parts)] == [
        (40.0, True),
        (34.0, False),
        (59_999.0, False),
        (0.9, True),
        (221.0, False),
        (1.105, False),
    ]
    assert list(judge({})) == []


def test_the_table_has_a_row_for_each_measurement_and_says_what_is_missing() -> None:
    part = {"command": "command", "at": "now", "commit": "0123456789abcdef", "machine": "one", "load_before": 0.1}
    part |= {"measured": [measured("ingest load", 1234.4)], "not_measured": {"awscrt": "no such module"}}
    goals = [goal.document() for goal in judge({"latency": [measured("ingest load", 70_000.0, latency_ms=10)]})]
    page = markdown({"goals": goals, "parts": {"transports": part}})
    assert "| ingest load | mixed | no | 0 | 1,000 | 1,234 | 1,234 | 1,234 | 1,234 | 0 | 40 | 20,253 | 8 |" in page
    assert "Not measured: awscrt: no such module" in page
    assert "- met: rows per second against a simulator of 10 ms: 70,000.0 (at least 60000)" in page
