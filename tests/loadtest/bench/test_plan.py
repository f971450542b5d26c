import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.bench import plan as plan_bench
from loadtest.bench.plan import KINDS, Planning, judge, measure
from loadtest.bench.read import Spread


@pytest.mark.e2e
def test_the_command_measures_every_kind_of_file(tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    command = [sys.executable, "-m", "loadtest", "bench", "plan", "--megabytes", "1", "--repeat", "1"]
    run = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    result = json.loads(out.read_text())
    assert [planning["kind"] for planning in result["plannings"]] == [kind.name for kind in KINDS]
    assert all(planning["segments"] == 1 and planning["file_bytes"] > 1e6 for planning in result["plannings"])
    assert len(result["goals"]) == 2 * len(KINDS)
    assert str(tmp_path) not in out.read_text()
    assert all(kind.name in run.stdout for kind in KINDS)


REPORTS = """
import json, pathlib, sys
data = pathlib.Path(sys.argv[1]).read_bytes()
head, middle, lines = data.index(b"\\n") + 1, data.rindex(b"\\nM-") + 1, data.count(b"\\n")
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
    sample = plan_bench.PlanSample(tmp_path / "file.csv", 21, 3)
    sample.path.write_bytes(b"id,a\nM-1,22222\nM-2,3\n")
    with pytest.raises(RuntimeError, match="planning went wrong"):
        plan_bench.plan_once([sys.executable, str(program)], sample)
    program.write_text(REPORTS.replace("{}", '{"segments": [(head, middle), (middle, len(data))], "lines": lines}'))
    assert plan_bench.plan_once([sys.executable, str(program)], sample)[1] == 2


def test_a_planner_that_fails_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="planning went wrong"):
        measure(megabytes=1, repeat=1, seed=1, command=[sys.executable, "-c", "raise SystemExit('broken')"])


def test_each_kind_is_judged_by_its_own_goal_with_and_without_start_up() -> None:
    def planning(kind: str, without: float, with_start_up: float) -> Planning:
        first, second, none = Spread(without, 0, 0), Spread(with_start_up, 0, 0), Spread(0, 0, 0)
        return Planning(kind, 1, 1, first, second, none, 0, none, none)

    goals = judge([planning("quote-free", 400, 399), planning("quoted, line breaks", 150, 149)])
    assert [(goal.found, goal.at_least, goal.is_met) for goal in goals] == [
        *((400, 400, True), (399, 400, False)),
        *((150, 150, True), (149, 150, False)),
    ]
