import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.bench.small_files import WORKERS, load, write_files


@pytest.mark.e2e
def test_the_command_measures_each_number_of_workers_and_what_a_file_asks_for(tmp_path: Path) -> None:
    out = tmp_path / "small.json"
    command = [sys.executable, "-m", "loadtest", "bench", "small-files", "--files", "60", "--repeat", "1"]
    run = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    result = json.loads(out.read_text())
    assert [one["workers"] for one in result["loads"]] == list(WORKERS)
    for one in result["loads"]:
        assert one["rows"] > 400
        assert one["files_per_cpu_second"]["median"] > 1
        asked = {name: one["calls"][name] for name in ("UpdateItem", "PutEvents", "BatchGetItem")}
        assert asked == {"UpdateItem": 3, "PutEvents": 1, "BatchGetItem": 0.1}
        assert "GetItem" not in one["calls"]
    assert len(result["goals"]) == 1
    assert str(tmp_path) not in out.read_text()


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_rows_that_are_missing_are_an_error(tmp_path: Path) -> None:
    rows, batches = write_files(tmp_path, 10, seed=1)
    with pytest.raises(RuntimeError, match=f"{10 * rows:,} items were written of {10 * rows + 1:,}"):
        load(tmp_path, batches, 1, 10 * rows + 1)
