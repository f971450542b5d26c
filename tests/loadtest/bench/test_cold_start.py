import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.bench.cold_start import Code, measure, world

IDLE = """
class Idle:
    def answer(self, event, left_s):
        return {"batchItemFailures": []}


def build(environment, root):
    return Idle()
"""


@pytest.mark.e2e
def test_the_command_reports_where_the_time_of_a_cold_start_goes(tmp_path: Path) -> None:
    out = tmp_path / "cold.json"
    command = [sys.executable, "-m", "loadtest", "bench", "cold-start", "--repeat", "2", "--out", str(out)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    result = json.loads(out.read_text())
    (start,) = result["starts"]
    steps = {step: found["median"] for step, found in start["seconds"].items()}
    assert all(0.001 < seconds < 60 for seconds in steps.values())
    parts = steps["imports"] + steps["clients"] + steps["first request"]
    assert steps["cold start"] == pytest.approx(parts, rel=0.3)
    assert start["cpu_seconds"]["cold start"]["median"] > 0.05
    assert [goal["at_most"] for goal in result["goals"]] == [600]
    assert str(tmp_path) not in out.read_text()


def handler(folder: Path, program: str) -> Code:
    """Give a function of this handler alone."""
    worker = folder / "code/ingest/worker"
    worker.mkdir(parents=True)
    (worker / "handler.py").write_text(program)
    return Code("other", folder / "code")


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize(
    ("program", "why"),
    [(IDLE, "wrote 0 items of"), ("import no_such_module", "no_such_module")],
    ids=["idle", "broken"],
)
def test_a_handler_that_writes_nothing_or_cannot_be_imported_is_an_error(
    program: str, why: str, tmp_path: Path
) -> None:
    code = handler(tmp_path, program)
    with world(tmp_path, 1) as around, pytest.raises(RuntimeError, match=why):
        measure(code, around, 1)
