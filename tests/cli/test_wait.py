"""`ingest wait`, `ingest drop` and `ingest cancel`: how a file is followed, dropped and ended."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.contract import Status
from ingest.errors import BadHeader, LeaseLost
from ingest.file import FileVersion
from ingest.ledger.claims import ClaimStatus, LeaseToken, Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import WorkItem
from tests.support.clients import client
from tests.support.command import Ran
from tests.support.fakes import ScriptedClock
from tests.support.scenario import LedgerScenario, deployed

KEY = "orders/a.csv"
COUNTS = RowCounts(10, 8, 1, 1, 100)


def version(number: int = 10, etag: str = "e") -> FileVersion:
    return FileVersion("landing", KEY, etag=etag, sequencer=f"{number:02X}", size_bytes=100)


class Stack:
    """A stack in which something happens while a command waits for the n-th time."""

    def __init__(self, scenario: LedgerScenario) -> None:
        self.scenario = scenario
        self.events: list[object] = []
        self.waits = 0

    def sleep(self, seconds: float) -> None:
        self.waits += 1
        self.scenario.clock.time_s += seconds
        if self.events:
            self.events.pop(0)()  # type: ignore[operator]

    def ends(self, status: str, file: FileVersion | None = None) -> None:
        error = BadHeader("The header has no column 'id'.") if status == Status.FAILED else None
        rejects = "s3://rejects/orders/a.csv/0A/"
        self.scenario.load(WorkItem(file or version()), 0, Outcome(status, COUNTS, 12.5, rejects, error))


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stack]:
    clock = ScriptedClock(1_795_348_800.0)
    with deployed(monkeypatch, tmp_path, clock=clock) as scenario:
        stack = Stack(scenario)
        monkeypatch.setattr(clock, "sleep", stack.sleep)
        monkeypatch.setattr("ingest.cli.wait.Clock", lambda: clock)
        yield stack


@pytest.mark.parametrize(
    ("status", "code"),
    [(Status.COMPLETE, 0), (Status.FAILED, 3), (Status.UNBALANCED, 3), (Status.SUPERSEDED, 3)],
)
def test_the_exit_code_says_how_a_file_ended(
    capsys: pytest.CaptureFixture[str], stack: Stack, status: str, code: int
) -> None:
    stack.ends(status)
    ran = Ran(capsys, "wait", KEY)
    assert (ran.code, ran.err, stack.waits) == (code, "", 0)
    lines = ran.out.splitlines()
    assert lines[0] == f"s3://landing/{KEY}, version {'0A'.ljust(32, '0')}, is {status} in 12.5 s."
    assert lines[1].startswith("10 rows read = 8 written + 1 rejected + 1 superseded")
    assert lines[2].endswith(f"`ingest rejects {KEY}` shows them.")
    assert lines[3:] == (["The header has no column 'id'."] if status == Status.FAILED else [])


def test_of_an_ignored_object_it_says_that_it_was_not_loaded(capsys: pytest.CaptureFixture[str], stack: Stack) -> None:
    stack.scenario.ledger.transitions.ignore(version(), "orders")
    ran = Ran(capsys, "wait", KEY)
    assert (ran.code, ran.err) == (3, "")
    assert ran.out.splitlines()[0].endswith("is IGNORED in 0.0 s.")
    assert ran.out.splitlines()[1:] == [
        "It was not loaded: it stands for a folder, or the feed's `exclude` or `include` leaves it out."
    ]


@pytest.mark.parametrize("name", ["_SUCCESS", ".a.csv"])
def test_a_file_that_would_be_ignored_is_not_uploaded(
    capsys: pytest.CaptureFixture[str], stack: Stack, name: str
) -> None:
    Path(name).write_bytes(b"id\n1\n")
    ran = Ran(capsys, "drop", name, "--feed", "orders")
    assert (ran.code, ran.sentence.partition(":")[0]) == (2, f"{name} was not uploaded")
    assert "Contents" not in client("s3").list_objects_v2(Bucket="landing")


def test_a_file_is_followed_from_before_its_message_arrives(capsys: pytest.CaptureFixture[str], stack: Stack) -> None:
    token: list[LeaseToken] = []
    stack.events = [
        lambda: token.append(stack.scenario.begin(WorkItem(version()), 0)),
        lambda: stack.scenario.end(WorkItem(version()), token[0], 0, Outcome(Status.COMPLETE, COUNTS, 2.0)),
    ]
    ran = Ran(capsys, "wait", f"S3://landing/{KEY}", "--json")
    assert (ran.code, stack.waits) == (0, 2)
    assert (ran.json["file"], ran.json["status"], ran.json["rows_written"]) == (f"s3://landing/{KEY}", "COMPLETE", 8)


def test_after_the_timeout_it_says_what_the_file_is_and_exits_with_5(
    capsys: pytest.CaptureFixture[str], stack: Stack
) -> None:
    ran = Ran(capsys, "wait", KEY, "--timeout", "30s")
    assert (ran.code, ran.out, stack.waits) == (5, "", 30)
    assert ran.sentence.startswith(f"s3://landing/{KEY} has not arrived: its message waits, or the stack is paused")
    stack.scenario.begin(WorkItem(version()), 0)
    ran = Ran(capsys, "wait", KEY, "--timeout", "1m", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (5, "timed_out")
    assert ran.json["error"]["message"].startswith(f"s3://landing/{KEY} is LOADING after 60 s")


def test_a_dropped_file_is_uploaded_under_its_feeds_prefix_and_followed(
    capsys: pytest.CaptureFixture[str], stack: Stack
) -> None:
    Path("a.csv").write_bytes(b"id\n1\n")

    def load() -> None:
        etag = client("s3").head_object(Bucket="landing", Key=KEY)["ETag"].strip('"')
        stack.ends(Status.COMPLETE, version(11, etag))

    stack.ends(Status.FAILED)  # an earlier version, which is not the one that was dropped
    stack.events = [load]
    ran = Ran(capsys, "drop", "a.csv", "--feed", "orders")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == f"Uploaded to s3://landing/{KEY}."
    assert f"version {'0B'.ljust(32, '0')}, is COMPLETE" in ran.out.splitlines()[1]
    assert client("s3").get_object(Bucket="landing", Key=KEY)["Body"].read() == b"id\n1\n"


def test_an_earlier_version_of_the_same_content_is_not_taken_for_the_dropped_one(
    capsys: pytest.CaptureFixture[str], stack: Stack
) -> None:
    Path("a.csv").write_bytes(b"id\n1\n")
    etag = client("s3").put_object(Bucket="landing", Key=KEY, Body=b"id\n1\n")["ETag"].strip('"')
    stack.ends(Status.COMPLETE, version(10, etag))
    ran = Ran(capsys, "drop", "a.csv", "--feed", "orders", "--timeout", "5s", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (5, "timed_out")


def test_a_file_that_is_being_loaded_is_cancelled_and_its_worker_loses_it(
    capsys: pytest.CaptureFixture[str], stack: Stack
) -> None:
    token = stack.scenario.begin(WorkItem(version()), -10)
    stack.scenario.save(WorkItem(version()), token, -5, COUNTS)
    ran = Ran(capsys, "cancel", KEY)
    assert (ran.code, ran.err) == (0, "")
    assert "is FAILED: An operator cancelled s3://landing/orders/a.csv; rows written so far stay" in ran.out
    ledger = stack.scenario.ledger
    entry = ledger.queries.entry(WorkItem(version()))
    assert entry and (entry.status, entry.error_code, entry.row_counts) == (Status.FAILED, "cancelled", COUNTS)
    assert not ledger.queries.file_status(version()).should_continue
    with pytest.raises(LeaseLost):
        ledger.transitions.end_file(version(), token, Outcome(Status.COMPLETE, COUNTS, 1.0))
    later = LeaseToken("m2", 1, stack.scenario.now_s + 60, "w")
    assert isinstance(ledger.leases.claim(WorkItem(version()), feed="orders", token=later), ClaimStatus)


def test_a_cancelled_file_may_be_retried(capsys: pytest.CaptureFixture[str], stack: Stack) -> None:
    etag = client("s3").put_object(Bucket="landing", Key=KEY, Body=b"id\n1\n")["ETag"].strip('"')
    token = stack.scenario.begin(WorkItem(version(etag=etag)), -10)
    stack.scenario.save(WorkItem(version(etag=etag)), token, -5, COUNTS)
    cancelled = Ran(capsys, "cancel", KEY, "--json").json
    assert (cancelled["status"], cancelled["error"]["code"], cancelled["rows_written"]) == ("FAILED", "cancelled", 8)
    retried = Ran(capsys, "retry", KEY, "--from", "checkpoint", "--json").json
    assert (retried["new_attempt"], retried["kept"]) == (True, COUNTS.document())


def test_what_has_ended_is_not_cancelled(capsys: pytest.CaptureFixture[str], stack: Stack) -> None:
    stack.ends(Status.COMPLETE)
    ran = Ran(capsys, "cancel", KEY)
    assert (ran.code, ran.sentence) == (
        2,
        f"s3://landing/{KEY} has ended already, as `ingest status` shows: there is nothing to cancel.",
    )
