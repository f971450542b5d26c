"""`ingest top`: what it shows of a ledger, queues and CloudWatch; and how it ends."""

import os
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ingest.cli import aws
from ingest.cli import top as command
from ingest.cli.status_overview import Overview
from ingest.cli.top import Keys, keep_showing
from ingest.cli.top_health import StackHealth, health_document
from ingest.cli.top_view import view
from ingest.contract import METRIC_NAMESPACE, Metric, Output, Status
from ingest.errors import BadHeader, TableMissing, Unavailable, WaitingForBudget
from ingest.feeds.tables import TableLimits, limits_text
from ingest.file import FileVersion
from ingest.ledger.claims import BudgetEntry, LeaseToken, Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import WorkItem
from ingest.metrics.cloudwatch import Invocations, Measured
from ingest.queue.sqs import Depth
from tests.metrics.test_cloudwatch import FakeCloudWatch
from tests.support.clients import client, mock_aws, session
from tests.support.command import NOON, Ran
from tests.support.fakes import ScriptedClock
from tests.support.scenario import LedgerScenario

FEEDS = """
[feeds.orders]
prefix = "orders/"
table = "Orders"
partition_key = "id"
"""


class LiveStack(LedgerScenario):
    """A deployed stack at noon: moto's queues and ledger, and scripted metrics and a function."""

    def __init__(self) -> None:
        super().__init__(ScriptedClock(NOON))
        self.cloudwatch = FakeCloudWatch()
        self.state = "Enabled"
        self.resource = session().resource
        self.meta = client("cloudwatch").meta

    def client(self, service: str, config: object) -> Any:
        if service == "cloudwatch":
            return self.cloudwatch
        return self if service in ("cloudformation", "lambda") else client(service)

    def describe_stacks(self, StackName: str) -> Any:
        outputs = {Output.QUEUE_URL: self.queue_url, Output.DEAD_LETTER_URL: self.dead_letter_url}
        outputs |= {Output.LEDGER_TABLE: "Ledger", Output.FUNCTION: "worker", Output.LOG_GROUP: "log"}
        return {"Stacks": [{"Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]}]}

    def list_event_source_mappings(self, FunctionName: str) -> Any:
        return {"EventSourceMappings": [{"State": self.state}]}

    def report(self, feed: str, values: dict[str, float], *, stat: str = "Sum") -> None:
        """Let CloudWatch have metrics of the last whole minute, of the stack and of a feed."""
        for name, value in values.items():
            points = {NOON - 60: value} if stat == "Sum" else {NOON - 300: value}
            self.cloudwatch.put(METRIC_NAMESPACE, name, stat, points, stack="ingest")
            self.cloudwatch.put(METRIC_NAMESPACE, name, stat, points, stack="ingest", feed=feed)

    def loading(self, name: str, ago_s: float, rows: int = 0, read_bytes: int = 0) -> tuple[WorkItem, LeaseToken]:
        """Let a worker begin a file, and save a checkpoint a second ago."""
        work = WorkItem(FileVersion("landing", name, etag="e", sequencer="0A", size_bytes=1_000_000))
        token = self.begin(work, -ago_s, lease_s=ago_s + 60)
        self.save(work, token, -1, RowCounts(rows, rows, 0, 0, read_bytes))
        return work, token

    def ended(self, name: str, ago_s: float, status: str = Status.COMPLETE) -> None:
        work, token = self.loading(name, ago_s + 2)
        error = BadHeader("It has no id.") if status == Status.FAILED else None
        self.end(work, token, -ago_s, Outcome(status, RowCounts(10, 9, 1), 2.0, None, error))


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LiveStack]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    Path("feeds.toml").write_text(FEEDS, encoding="utf-8")
    with mock_aws():
        made = LiveStack()
        monkeypatch.setattr(aws, "session", lambda: made)
        monkeypatch.setattr(command, "Clock", lambda: made.clock)
        yield made


def busy(stack: LiveStack) -> None:
    stack.loading("orders/now.csv", 100, rows=5000, read_bytes=250_000)
    stack.ended("orders/good.csv", 50)
    stack.ended("orders/bad.csv", 20, Status.FAILED)
    for _ in range(3):
        client("sqs").send_message(QueueUrl=stack.queue_url, MessageBody="m")
    client("sqs").send_message(QueueUrl=stack.dead_letter_url, MessageBody="d")
    stack.report("orders", {Metric.ROWS_READ: 6400, Metric.ROWS_WRITTEN: 6000, Metric.ROWS_REJECTED: 64})
    stack.report("orders", {Metric.ROWS_SKIPPED: 40})
    stack.report("orders", {Metric.BYTES_READ: 6e7, Metric.WRITE_UNITS: 12_000, Metric.FILES_COMPLETED: 2})
    stack.report("orders", {Metric.FILES_FAILED: 1, Metric.REQUESTS_SENT: 500, Metric.REQUESTS_THROTTLED: 40})
    stack.report("orders", {Metric.THROTTLED_BY_KEY_RANGE: 40, Metric.REQUESTS_REPEATED: 45})
    for stat in ("p50", "p99"):
        stack.report("orders", {Metric.EVENT_TO_VISIBLE: 3.5}, stat=stat)


def test_one_document_holds_everything(capsys: pytest.CaptureFixture[str], stack: LiveStack) -> None:
    busy(stack)
    ran = Ran(capsys, "top", "--once", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = ran.json
    files = found.pop("files")
    assert found == {
        "stack": "ingest",
        "at": "2026-11-22T12:00:00Z",
        "window_s": 300.0,
        "recent_s": 60.0,
        "lag": {
            "messages_waiting": 3,
            "messages_in_flight": 0,
            "messages_delayed": 0,
            "oldest_message_s": None,
            "oldest_file_s": 100.0,
            "event_to_visible_p50_s": 3.5,
            "event_to_visible_p99_s": 3.5,
            "drain_s": 300.0,
        },
        "throughput": {
            "rows_written": 6000,
            "rows_skipped": 40,
            "rows_per_s": 100.0,
            "bytes_per_s": 1_000_000.0,
            "write_units_per_s": 200.0,
            "rows_written_by_feed": {"orders": 6000},
            "series": {"period_s": 60, "rows_written": [0] * 29 + [6000]},
        },
        "budgets": [],
        "errors": {
            "rows_rejected": 64,
            "reject_share": 0.01,
            "files_failed": 1,
            "files_unbalanced": 0,
            "files_retried": 0,
            "dead_letters": 1,
            "messages_unknown": 0,
            "requests_sent": 500,
            "requests_repeated": 45,
            "requests_throttled": 40,
            "throttled_by": {"key_range": 40, "account": 0, "maximum": 0, "provisioned": 0, "other": 0},
            "items_unprocessed": 0,
        },
        "function": {
            "is_paused": False,
            "mapping": "Enabled",
            "invocations": 0,
            "errors": 0,
            "throttles": 0,
            "duration_p50_s": None,
            "duration_max_s": None,
            "concurrent": 0,
        },
    }
    assert set(files) == {"completed", "ignored", "open", "open_truncated", "last_ended", "last_failed"}
    (opened,) = files["open"]
    assert (opened["file"], opened["progress"], opened["eta_s"]) == ("s3://landing/orders/now.csv", 0.25, 300.0)
    assert [file["file"].rpartition("/")[2] for file in files["last_ended"]] == ["bad.csv", "good.csv"]
    assert [file["error"]["code"] for file in files["last_failed"]] == ["bad_header"]
    assert (files["completed"], files["open_truncated"]) == (2, False)


def test_without_a_terminal_it_shows_one_picture_of_80_columns(
    capsys: pytest.CaptureFixture[str], stack: LiveStack
) -> None:
    busy(stack)
    ran = Ran(capsys, "top")
    lines = [line.rstrip() for line in ran.out.splitlines()]
    assert (ran.code, ran.err) == (0, "")
    assert max(map(len, lines)) <= 80
    assert lines[0] == "ingest top  ingest  2026-11-22T12:00:00Z   enabled"
    assert lines[1] == "lag         3 waiting, 0 in flight, 0 delayed   done in 5 min 0 s"
    assert lines[2] == "            oldest file 1 min 40 s   event to visible: p50 3.5 s, p99 3.5 s"
    assert lines[3] == "throughput  100 rows/s   1.0 MB/s   200 write units/s"
    assert "            in 5 min: 40 skipped; orders 6,000" in lines
    assert "errors      64 rejects (1.00 %)   1 failed   1 dead letters   0 retried" in lines
    assert "throttled   40 of 500 requests (key_range 40)   45 repeated" in lines
    (opened,) = [line for line in lines if "now.csv" in line]
    cells = "orders/now.csv ━━────── 25.0 % 0.2/1.0 MB 5,000 rows 50/s 5 min"
    assert opened.split() == cells.split()
    (failed,) = [line for line in lines[lines.index("last failures") :] if "bad.csv" in line]
    assert "bad_header" in failed


def test_a_quiet_stack_has_nothing_to_do(capsys: pytest.CaptureFixture[str], stack: LiveStack) -> None:
    found = Ran(capsys, "top", "--json").json
    assert (found["lag"]["drain_s"], found["lag"]["oldest_file_s"]) == (0.0, None)
    assert "nothing to do" in Ran(capsys, "top", "--once").out


def test_a_paused_stack_says_so(capsys: pytest.CaptureFixture[str], stack: LiveStack) -> None:
    stack.state = "Disabled"
    assert Ran(capsys, "top", "--json").json["function"]["is_paused"] is True
    assert "PAUSED" in Ran(capsys, "top", "--once").out.splitlines()[0]


def test_what_a_paused_stack_has_to_do_waits_until_it_is_resumed(
    capsys: pytest.CaptureFixture[str], stack: LiveStack
) -> None:
    busy(stack)
    stack.state = "Disabled"
    assert Ran(capsys, "top", "--json").json["lag"]["drain_s"] is None
    assert Ran(capsys, "top", "--once").out.splitlines()[1].rstrip().endswith("paused: run `ingest resume`")


def test_a_waiting_file_shows_its_error(capsys: pytest.CaptureFixture[str], stack: LiveStack) -> None:
    work, token = stack.loading("orders/waits.csv", 10, read_bytes=35)
    stack.ledger.leases.put_back(work, token, None, TableMissing("The table Orders does not exist."))
    (line,) = [line for line in Ran(capsys, "top", "--once").out.splitlines() if "waits.csv" in line]
    assert line.split() == ["orders/waits.csv", "table_missing", "0.0", "%", "0.0/1.0", "MB", "0", "rows"]


def test_messages_without_progress_have_no_estimate(capsys: pytest.CaptureFixture[str], stack: LiveStack) -> None:
    client("sqs").send_message(QueueUrl=stack.queue_url, MessageBody="m")
    assert Ran(capsys, "top", "--json").json["lag"]["drain_s"] is None
    assert "no progress" in Ran(capsys, "top", "--once").out


@pytest.mark.parametrize(("columns", "widest"), [("80", 80), (None, 200)])
def test_in_a_pipe_nothing_is_cut_and_at_a_width_that_is_asked_for_the_key_is_shortened(
    capsys: pytest.CaptureFixture[str],
    stack: LiveStack,
    monkeypatch: pytest.MonkeyPatch,
    columns: str | None,
    widest: int,
) -> None:
    busy(stack)
    key = f"orders/{'very/' * 20}long-name.csv"
    stack.loading(key, 1000, rows=123_456_789, read_bytes=250_000)
    if columns is None:
        monkeypatch.delenv("COLUMNS")
    out = Ran(capsys, "top").out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= widest
    assert (key in out, "…" in out) == ((False, True) if columns else (True, False))


def test_a_file_of_which_only_the_header_was_read_has_no_estimate(
    capsys: pytest.CaptureFixture[str], stack: LiveStack
) -> None:
    stack.loading("orders/now.csv", 10, rows=0, read_bytes=50)
    found = Ran(capsys, "top", "--json").json
    assert (found["files"]["open"][0]["eta_s"], found["lag"]["drain_s"]) == (None, None)


# --- live ---


@pytest.fixture
def terminal() -> Console:
    return Console(file=StringIO(), force_terminal=True, width=80, height=24, emoji=False)


def shown(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def health(**changes: Any) -> StackHealth:
    quiet = StackHealth(
        stack="prod",
        now_s=NOON,
        measured=Measured(),
        queue=Depth(0, 0, 0),
        dead_letters=Depth(0, 0, 0),
        mapping="Enabled",
        open=Overview((), is_cut=False, now_s=NOON),
        ended=(),
        failed=(),
        oldest_file_s=None,
    )
    return replace(quiet, **changes)


class Pressing:
    """Keys of which q is pressed after a number of pauses."""

    def __init__(self, pauses: int, instead: type[BaseException] | None = None) -> None:
        self.pauses: list[float] = []
        self._left = pauses
        self._instead = instead

    def wants_to_quit(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        if len(self.pauses) <= self._left:
            return False
        if self._instead:
            raise self._instead
        return True


@pytest.mark.parametrize("instead", [None, KeyboardInterrupt])
def test_it_looks_again_until_q_or_ctrl_c_and_leaves_the_terminal_as_it_was(
    terminal: Console, instead: type[BaseException] | None
) -> None:
    looks = iter([health(dead_letters=Depth(n, 0, 0)) for n in (1, 2)])
    pressing = Pressing(2, instead)
    keep_showing(health(), lambda: next(looks), pressing, 1.5, terminal)  # type: ignore[arg-type]
    assert pressing.pauses == [1.5] * 3
    printed = shown(terminal)
    assert [f"{n} dead letters" in printed for n in (0, 1, 2, 3)] == [True, True, True, False]
    assert printed.endswith("\x1b[?25h\x1b[?1049l")  # the cursor, and the screen there was before


def test_what_fails_meanwhile_is_reported_and_the_last_picture_stays(terminal: Console) -> None:
    def fail() -> StackHealth:
        raise Unavailable("The endpoint could not be reached.")

    keep_showing(health(dead_letters=Depth(7, 0, 0)), fail, Pressing(1), 2.0, terminal)  # type: ignore[arg-type]
    last = shown(terminal).rpartition("ingest top")[2]
    assert "7 dead letters" in last and "The endpoint could not be reached." in last


@pytest.mark.parametrize(("typed", "quits"), [(b"q", True), (b"Q", True), (b"x", False), (b"", False)])
def test_q_quits_and_any_other_key_looks_at_once(typed: bytes, quits: bool) -> None:
    reading, writing = os.pipe()
    os.write(writing, typed)
    assert Keys(reading, ScriptedClock()).wants_to_quit(0.01) is quits
    os.close(reading)
    os.close(writing)


def test_without_keys_it_waits() -> None:
    clock = ScriptedClock()
    assert Keys(None, clock).wants_to_quit(2.0) is False
    assert clock.sleeps == [2.0]


def test_a_picture_fits_the_terminal_however_many_files_there_are(
    capsys: pytest.CaptureFixture[str], stack: LiveStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(21):
        stack.loading(f"orders/{'very/' * 20}long-name-{n:02}.csv", 100 + n, rows=10, read_bytes=10_000)
    for n in range(6):
        stack.ended(f"orders/done-{n}.csv", 50 + n, Status.FAILED)
    stack.report("orders", {Metric.ROWS_WRITTEN: 1})
    found: list[StackHealth] = []
    monkeypatch.setattr(command, "health_document", lambda seen: found.append(seen) or health_document(seen))
    document = Ran(capsys, "top", "--json").json
    assert (len(document["files"]["open"]), document["files"]["open_truncated"]) == (20, True)
    for height in (24, 30, 50):
        console = Console(file=StringIO(), width=80, height=height)
        invocations = Invocations(1000, 10, 20, 123.4, 850.0, 10)
        seen = replace(found[0], measured=replace(found[0].measured, invocations=invocations))
        console.print(view(seen, rows=height, every=2.0, last_error="It failed."))
        lines = shown(console).splitlines()
        assert len(lines) <= height
        assert max(map(len, lines)) <= 80
        assert any("…" in line for line in lines)


# --- write budgets


def sharing(stack: LiveStack) -> None:
    """Let two workers share a budget that is smaller by day, and one have died a minute ago."""
    budgets = stack.ledger.budgets
    budgets.keep_limits({"Orders": limits_text(TableLimits(2000, {"07-19": 500}))})
    for name, used_per_s in (("w1", 300.0), ("w2", 180.5)):
        budgets.put_worker("Orders", name, BudgetEntry(3, 400.0, 1, used_per_s))
    stack.at(-60).budgets.put_worker("Orders", "w0", BudgetEntry(9, 400.0, 1, 250.0))


def test_the_document_has_each_budget_what_is_used_of_it_and_by_how_many(
    capsys: pytest.CaptureFixture[str], stack: LiveStack
) -> None:
    sharing(stack)
    expected = {"table": "Orders", "write_units": 500, "used_per_s": 480.5, "workers": 2, "parked": 0}
    assert Ran(capsys, "top", "--once", "--json").json["budgets"] == [expected]


def test_the_view_shows_each_budget(capsys: pytest.CaptureFixture[str], stack: LiveStack) -> None:
    sharing(stack)
    lines = Ran(capsys, "top", "--once").out.splitlines()
    assert "budget      Orders: 480 of 500 write units/s used by 2 workers" in [line.rstrip() for line in lines]


def test_a_file_that_waits_for_the_budget_is_not_shown_as_an_error(
    capsys: pytest.CaptureFixture[str], stack: LiveStack
) -> None:
    park(stack, "orders/now.csv")
    assert "write_budget" in Ran(capsys, "top", "--once").out


def park(stack: LiveStack, name: str) -> None:
    """Let a worker take a file, and park."""
    work, token = stack.loading(name, 100)
    stack.at(0).leases.put_back(work, token, None, WaitingForBudget("Table Orders waits for the write budget."))


def test_what_is_parked_stands_beside_the_workers(capsys: pytest.CaptureFixture[str], stack: LiveStack) -> None:
    sharing(stack)
    stack.loading("orders/loading.csv", 100)
    for name in ("orders/a.csv", "orders/b.csv"):
        park(stack, name)
    assert Ran(capsys, "top", "--once", "--json").json["budgets"][0]["parked"] == 2
    assert "480 of 500 write units/s used by 2 workers, 2 parked" in Ran(capsys, "top", "--once").out
