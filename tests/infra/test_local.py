"""The local stack itself: it starts, reports what it leaves out, and leaves nothing behind however it ends."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from infra.local import __main__ as command
from infra.local import demo, deploy, ministack
from infra.local.guarded import put_metrics
from infra.local.left_out import without_unsupported
from infra.local.ministack import Emulator, EmulatorFault
from infra.local.stack import LocalStack, local_stack
from ingest.contract import Metric, Output
from ingest.metrics.emf import emf_line

ROOT = Path(__file__).parents[2]
MATH_ALARM = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [{"Id": "e", "Expression": "1"}]}}
TABLE = {"Type": "AWS::DynamoDB::Table", "Properties": {}}


def test_unsupported_resources_are_left_out_with_the_reason() -> None:
    template = {"Resources": {"Burn": MATH_ALARM, "Orders": TABLE}, "Outputs": {}}
    kept, left_out = without_unsupported(template)
    assert kept == {"Resources": {"Orders": TABLE}, "Outputs": {}}
    assert left_out == ["Burn (alarm on metric math): ministack rejects it and would roll the stack back"]
    assert "Burn" in template["Resources"]  # the one on disk is as it was


def test_the_metrics_in_a_line_of_a_log_are_stored_by_stack_and_by_feed() -> None:
    stored: list[tuple[Any, ...]] = []
    line = emf_line("local", "orders", {Metric.ROWS_READ: 3, Metric.REQUEST_LATENCY: [1.0, 2.5]}, at_s=1.5)
    for text in (line, "START RequestId: 1", '{"_aws": 1}', 'not JSON, with "_aws"'):
        put_metrics(text, lambda *arguments: stored.append(arguments))
    both = [{"Stack": "local"}, {"Stack": "local", "Feed": "orders"}]
    assert stored == [
        *(("CsvIngest", "RowsRead", whose, 1.5, "Count", None, [3], None, None) for whose in both),
        *(("CsvIngest", "RequestLatency", whose, 1.5, "Milliseconds", None, [1.0, 2.5], None, None) for whose in both),
    ]


def test_a_subprocess_is_pointed_at_the_local_endpoint_with_credentials_of_no_worth(tmp_path: Path) -> None:
    stack = LocalStack(Emulator(1, 4567, tmp_path), {}, name="ingest-local")
    reported = stack.environment()
    assert reported["INGEST_STACK"] == "ingest-local"
    assert reported["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4567"
    assert (reported["AWS_ACCESS_KEY_ID"], reported["AWS_SESSION_TOKEN"]) == ("test", "")


def test_with_iam_the_emulator_holds_the_function_to_its_role_and_is_reached_by_tls_alone(tmp_path: Path) -> None:
    emulator = Emulator(1, 4567, tmp_path, iam=True)
    reported = LocalStack(emulator, {}).environment()
    assert reported["AWS_ENDPOINT_URL"] == "https://127.0.0.1:4567"
    assert reported["AWS_CA_BUNDLE"] == str(emulator.ca_bundle)
    assert ministack._environment(tmp_path, 4567, iam=True).items() >= {"AUTH": "true", "USE_SSL": "1"}.items()
    assert "AUTH" not in ministack._environment(tmp_path, 4567)


def test_without_openssl_iam_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EmulatorFault, match="openssl"):
        ministack.start(iam=True)


def test_clients_go_to_the_local_endpoint_whatever_the_shell_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://example.com")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    monkeypatch.setenv("HTTP_PROXY", "http://example.com:3128")
    client = LocalStack(Emulator(1, 4567, tmp_path), {}).client("sqs")
    assert client.meta.endpoint_url == "http://127.0.0.1:4567"
    assert client.meta.region_name == "us-east-1"


def test_the_emulator_and_so_the_function_inherit_nobodys_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    monkeypatch.setenv("AWS_PROFILE", "production")
    reported = ministack._environment(tmp_path, 4567)
    assert {name for name in reported if name.startswith("AWS_")} == {
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    }
    assert reported["BIND_HOST"] == "127.0.0.1"


# --- with an emulator


def ended(emulator: Emulator, patience_s: float = 60.0) -> bool:
    """Wait until no process of the emulator's group and no folder of it is left."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        if not (group_lives(emulator.pid) or emulator.home.exists()):
            return True
        time.sleep(0.1)
    return False


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    """One stack for the tests that only look at it or load a file; nothing is left afterwards."""
    with local_stack() as stack:
        yield stack
    assert ended(stack.emulator)


@pytest.mark.e2e
@pytest.mark.xdist_group("local")
def test_the_synthesised_template_is_deployed_but_for_alarms_on_math(stack: LocalStack) -> None:
    assert len(stack.left_out) == 3 and all("(alarm on metric math)" in line for line in stack.left_out)
    name = stack.client("cloudformation").list_stacks()["StackSummaries"][0]["StackName"]
    found = stack.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
    assert {resource["ResourceStatus"] for resource in found} == {"CREATE_COMPLETE"}
    s3 = stack.client("s3")
    notified = s3.get_bucket_notification_configuration(Bucket=stack.outputs[Output.LANDING_BUCKET])
    assert len(notified["QueueConfigurations"]) == 2


@pytest.mark.e2e
def test_a_refused_template_is_reported_of_with_the_emulators_reason(tmp_path: Path) -> None:
    (tmp_path / "x.assets.json").write_text(json.dumps({"files": {"a": {"destinations": {"d": DESTINATION}}}}))
    (tmp_path / "x.template.json").write_text(json.dumps({"Resources": {"Bad": {"Type": "AWS::SQS::Queue"} | FIFO}}))
    with ministack.running() as emulator, pytest.raises(EmulatorFault, match=r"Stack x ended as .*Bad: .*fifo"):
        client = LocalStack(emulator, {}).client
        deploy.deploy(
            tmp_path, code=tmp_path, s3=client("s3"), ssm=client("ssm"), cloudformation=client("cloudformation")
        )


DESTINATION = {"bucketName": "assets-${AWS::AccountId}", "objectKey": "x.json"}
FIFO = {"Properties": {"QueueName": "no-suffix", "FifoQueue": True}}


@pytest.fixture
def foreground() -> Iterator[Callable[[], tuple[subprocess.Popen[str], Emulator]]]:
    """Start `python -m infra.local run` and return it with its emulator once the stack is there."""
    started: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], Emulator]:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.local", "run"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout
        first = next(line for line in process.stdout if line.startswith("Local stack at"))
        url, log = first.removeprefix("Local stack at ").strip().split("; log: ")
        return process, Emulator(child_of(process.pid), int(url.rpartition(":")[2]), Path(log).parent)

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def child_of(pid: int) -> int:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return next(int(child) for child, parent in map(str.split, listed.splitlines()) if int(parent) == pid)


@pytest.mark.e2e
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_nothing_is_left_however_it_is_ended(
    foreground: Callable[[], tuple[subprocess.Popen[str], Emulator]], number: signal.Signals, code: int
) -> None:
    process, emulator = foreground()
    assert ministack.is_healthy(emulator)
    process.send_signal(number)
    assert process.wait(timeout=120) == code
    assert ended(emulator)


@pytest.mark.e2e
def test_up_stays_a_second_up_updates_it_and_down_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "STATE", tmp_path / "state.json")
    monkeypatch.setattr(command, "console", Console(width=200))
    feeds = ROOT / "feeds.toml"
    assert command.up(feeds) == 0
    emulator = command._remembered()
    assert emulator
    try:
        assert emulator.endpoint_url in capsys.readouterr().out
        assert command.up(feeds) == 0
        assert command._remembered() == emulator
        assert "aws s3 cp sample_data.csv s3://" in capsys.readouterr().out
    finally:
        assert command.down(feeds) == 0
    assert ended(emulator)
    assert command.down(feeds) == 0
    assert "No local stack is running." in capsys.readouterr().out


@pytest.fixture
def demo_here(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the demo take the stack that is there."""
    monkeypatch.setattr(demo, "local_stack", lambda *_, **__: nullcontext(stack))


@pytest.mark.e2e
@pytest.mark.xdist_group("local")
def test_the_demo_accounts_for_every_row_and_ends_with_success(demo_here: None) -> None:
    shown = io.StringIO()
    assert demo.run(Console(file=shown, width=160)) == 0
    for expected in ("COMPLETE", "They reconcile", "Rejected rows", "bad_number", "Items as DynamoDB", "Try next"):
        assert expected in shown.getvalue()


@pytest.mark.e2e
@pytest.mark.xdist_group("local")
def test_the_demo_fails_when_the_file_does(demo_here: None, tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_bytes(b"")
    shown = io.StringIO()
    assert demo.run(Console(file=shown, width=160), sample=sample) == 1
    assert "FAILED" in shown.getvalue()


def test_rows_that_do_not_add_up_prove_nothing() -> None:
    from infra.local.demo import Landed

    entry: dict[str, Any] = {"status": "COMPLETE", "rows_read": 3, "rows_written": 2, "rows_rejected": 1}
    item = {"id": "1"}
    assert Landed(entry, [], [item], 2).is_proved
    assert not Landed(entry | {"rows_read": 4}, [], [item], 2).is_proved
    assert not Landed(entry, [], [item], 1).is_proved
    assert not Landed(entry | {"status": "FAILED"}, [], [item], 2).is_proved
    assert not Landed({}, [], [], 0).is_proved
