import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.bench.cold_start import measuring
from loadtest.bench.cold_start.ledger_stub import AgreeableTables
from loadtest.bench.cold_start.measuring import seconds_by_package

ROOT = Path(__file__).parents[4]


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
    assert {"botocore", "pyarrow", "standard library"} <= set(start["imports"])
    assert start["cpu_seconds"]["cold start"]["median"] > 0.05
    assert [goal["at_most"] for goal in result["goals"]] == [900]
    assert str(tmp_path) not in out.read_text()


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_handler_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    program = tmp_path / "probe.py"
    program.write_text("print('{}')")
    idle = measuring.Code("idle", [tmp_path])
    with measuring.world(tmp_path, 1) as around, pytest.raises(RuntimeError, match="wrote 0 items of"):
        measuring.measure(idle, around, 1)


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_handler_that_cannot_be_imported_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text("import no_such_module")
    with measuring.world(tmp_path, 1) as around, pytest.raises(RuntimeError, match="no_such_module"):
        measuring.measure(measuring.Code("broken", [tmp_path]), around, 1)


def test_imports_are_summed_by_package() -> None:
    logged = "import time: self [us] | cumulative | imported package\n"
    logged += "import time:      1000 |       1000 |   json\nimport time:       500 |       1500 | botocore.args\n"
    logged += "import time:      4000 |       4000 |     botocore\n{'level': 'a log line'}\n"
    assert seconds_by_package(logged, standard=frozenset({"json"})) == {"botocore": 0.0045, "standard library": 0.001}


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_the_tables_agree_to_everything() -> None:
    import boto3

    with AgreeableTables() as tables:
        dynamodb = boto3.resource("dynamodb", endpoint_url=tables.url)
        dynamodb.Table("Ledger").update_item(Key={"pk": "a"}, UpdateExpression="SET a = :a")
        with dynamodb.Table("Orders").batch_writer() as batch:
            for number in range(30):
                batch.put_item(Item={"id": str(number)})
        assert tables.items == 30
        dynamodb.meta.client.close()
