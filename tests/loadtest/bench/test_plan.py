import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loadtest.bench.measuring import checked
from loadtest.bench.plan import GOALS, judge, plan, segments_found
from loadtest.bench.surroundings import LINE_BREAKS, QUOTE_FREE, Sample


@pytest.mark.e2e
def test_the_command_measures_every_kind_of_file(tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    command = [sys.executable, "-m", "loadtest", "bench", "plan", "--megabytes", "1", "--repeat", "1"]
    run = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    result = json.loads(out.read_text())
    assert [planning["kind"] for planning in result["plannings"]] == list(GOALS)
    assert all(planning["segments"] == 1 and planning["file_bytes"] > 990_000 for planning in result["plannings"])
    assert len(result["goals"]) == 2 * len(GOALS)
    assert str(tmp_path) not in out.read_text()
    assert all(f"kind {kind}; " in run.stdout for kind in GOALS)


REPORTS = """
import json, pathlib, sys
data = pathlib.Path(sys.argv[1]).read_bytes()
head, middle, lines = data.index(b"\\n") + 1, data.rindex(b"\\n00000-") + 1, data.count(b"\\n")
print(json.dumps({}))
"""


@pytest.mark.parametrize(
    "printed",
    [
        '{"segments": [(head, len(data))], "lines": lines + 1}',
        '{"segments": [(head, len(data) - 1)], "lines": lines}',
        '{"segments": [(head, middle - 1), (middle, len(data))], "lines": lines}',
        '{"segments": [(head, middle + 5), (middle + 5, len(data))], "lines": lines}',
        "{}",
    ],
)
def test_planning_that_goes_wrong_is_an_error(printed: str, tmp_path: Path) -> None:
    program = tmp_path / "plan.py"
    program.write_text(REPORTS.replace("{}", printed))
    path = tmp_path / "file.csv"
    path.write_bytes(b"id,a\n00000-1,22222\n00000-2,3\n")
    command = [sys.executable, str(program), str(path)]
    sample = Sample(path, "mixed", path.stat().st_size, 2)
    with pytest.raises(RuntimeError, match="went wrong"):
        checked(segments_found)(command, sample)
    program.write_text(REPORTS.replace("{}", '{"segments": [(head, middle), (middle, len(data))], "lines": lines}'))
    assert checked(segments_found)(command, sample)[1] == {"segments": 2}


def test_a_planner_that_fails_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="went wrong"):
        plan(QUOTE_FREE, 1000, repeat=1, seed=1, command=(sys.executable, "-c", "raise SystemExit('broken')"))


def test_each_kind_is_judged_by_its_own_goal_with_and_without_start_up() -> None:
    def planning(kind: str, without: float, with_start_up: float) -> dict[str, Any]:
        rates = {"mb_per_cpu_second": without, "mb_per_cpu_second_with_start_up": with_start_up}
        return {"kind": kind, **{name: {"median": rate} for name, rate in rates.items()}}

    goals = judge([planning(QUOTE_FREE, 400, 399), planning(LINE_BREAKS, 150, 149)])
    assert [(goal.found, goal.at_least, goal.is_met) for goal in goals] == [
        *((400, 400, True), (399, 400, False)),
        *((150, 150, True), (149, 150, False)),
    ]
