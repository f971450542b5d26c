"""`ingest undo`: what it says and asks, and that the ledger and the queue are as the function needs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.contract import Status
from ingest.feeds.feed import Feed, Lineage
from ingest.file import FileVersion
from ingest.ledger.claims import Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import WorkItem
from tests.support.clients import client
from tests.support.command import Ran
from tests.support.scenario import LedgerScenario, deployed

KEY = "orders/a.csv"
URL = f"s3://landing/{KEY}"
VERSION = "0A" + "0" * 30
FEED = Feed("orders/", "Orders", "id", lineage=Lineage(row="_row"))


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LedgerScenario]:
    """A stack with a file that was loaded."""
    with deployed(monkeypatch, tmp_path) as made:
        etag = client("s3").put_object(Bucket="landing", Key=KEY, Body=b"id,n\n")["ETag"].strip('"')
        file = FileVersion("landing", KEY, etag=etag, sequencer="0A", size_bytes=5)
        made.load(WorkItem(file), -50, Outcome(Status.COMPLETE, RowCounts(2000, 1997, 3, 0, 5), 2.0), settings=FEED)
        yield made


def statuses(stack: LedgerScenario) -> list[str]:
    return [entry.status for entry in stack.ledger.queries.versions("landing", KEY)]


def test_it_says_what_it_would_do(capsys: pytest.CaptureFixture[str], stack: LedgerScenario) -> None:
    ran = Ran(capsys, "undo", KEY, "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"{URL}, version {VERSION}, is COMPLETE.",
        f"Items of table Orders that still name {URL} are deleted, of 1,997 that were written.",
    ]
    assert (statuses(stack), stack.messages()) == (["COMPLETE"], [])


def test_it_asks_first_and_what_is_declined_is_not_done(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = Ran(capsys, "undo", KEY)
    assert (ran.code, ran.sentence.endswith("Nothing was deleted.")) == (2, True)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    for answer, is_done in (("n", False), ("y", True)):
        monkeypatch.setattr("builtins.input", lambda *_, text=answer: text)
        monkeypatch.setattr("typer.confirm", lambda question, text=answer: text == "y")
        Ran(capsys, "undo", KEY)
        assert (statuses(stack), len(stack.messages())) == (
            (["UNDONE", "WAITING"], 1) if is_done else (["COMPLETE"], 0)
        )


def test_it_is_an_attempt_of_its_own_that_the_other_commands_show_as_one(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario
) -> None:
    found = Ran(capsys, "undo", KEY, "--yes", "--json").json
    assert found == {
        "file": URL,
        "version": f"{VERSION}+001",
        "feed": "orders",
        "table": "Orders",
        "dry_run": False,
        "undone": [VERSION],
        "not_found": [],
        "rows_written": 1997,
    }
    (message,) = stack.messages()
    file = FileVersion(**message["file"])
    assert (file.undo, file.retry, file.event_time) == (True, 1, None)
    row_counts = RowCounts(2000, 1900, 0, 0, 5, rows_replaced=90, rows_absent=10)
    work = WorkItem(file)
    stack.end(work, stack.begin(work, -1), 0, Outcome(Status.COMPLETE, row_counts, 1.0))
    lines = Ran(capsys, "status", KEY).out.splitlines()
    assert f"version {VERSION}, 5 bytes, feed orders: UNDONE" in lines
    assert f"version {VERSION}+001, 5 bytes, feed orders: undo COMPLETE" in lines
    sentence = "2,000 rows read = 1,900 deleted + 0 rejected + 0 superseded + 100 skipped (90 replaced, 10 absent)"
    assert f"  rows     {sentence}; row counts reconcile." in lines
    versions = Ran(capsys, "status", KEY, "--json").json["versions"]
    assert [(file["status"], file["undo"]) for file in versions] == [("UNDONE", False), ("COMPLETE", True)]
    waited = Ran(capsys, "wait", KEY)
    assert (waited.code, waited.out.startswith(f"The undo of {URL}")) == (0, True)
    (day,) = Ran(capsys, "history", "--json").json["days"]
    assert (day["files_ended"], day["rows_written"], day["statuses"]) == (1, 1997, {"UNDONE": 1})
    files = Ran(capsys, "history", "--files", "--json").json["files"]
    assert [(file["status"], file["undo"]) for file in files] == [("COMPLETE", True), ("UNDONE", False)]


def test_an_undo_that_is_under_way_goes_on(capsys: pytest.CaptureFixture[str], stack: LedgerScenario) -> None:
    Ran(capsys, "undo", KEY, "--yes")
    out = Ran(capsys, "undo", KEY, "--yes").out
    assert f"Its undo was begun before, as version {VERSION}+001, and goes on." in out
    assert statuses(stack) == ["UNDONE", "WAITING"]


def test_an_object_that_was_overwritten_is_refused(capsys: pytest.CaptureFixture[str], stack: LedgerScenario) -> None:
    client("s3").put_object(Bucket="landing", Key=KEY, Body=b"another")
    ran = Ran(capsys, "undo", KEY, "--yes")
    assert (ran.code, statuses(stack), stack.messages()) == (3, ["COMPLETE"], [])
    assert ran.sentence.startswith(f"The version of {URL} that was loaded no longer exists in its bucket")


def test_an_older_version_that_its_bucket_still_has_is_not(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario
) -> None:
    client("s3").put_bucket_versioning(Bucket="landing", VersioningConfiguration={"Status": "Enabled"})
    put = client("s3").put_object(Bucket="landing", Key="orders/b.csv", Body=b"id,n\n")
    etag, version_id = put["ETag"].strip('"'), put["VersionId"]
    file = FileVersion("landing", "orders/b.csv", version_id=version_id, etag=etag, sequencer="0A", size_bytes=5)
    stack.load(WorkItem(file), -50, Outcome(Status.COMPLETE, RowCounts(2, 2, 0, 0, 5), 2.0), settings=FEED)
    client("s3").put_object(Bucket="landing", Key="orders/b.csv", Body=b"another")
    stack.load(WorkItem(replace(file, sequencer="0B")), -10, Outcome(Status.COMPLETE, RowCounts(), 2.0))
    assert Ran(capsys, "undo", "orders/b.csv", "--version", "0A", "--yes").code == 0
    assert [message["file"]["version_id"] for message in stack.messages()] == [version_id]


def test_a_feed_whose_items_do_not_name_the_file_is_refused(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario
) -> None:
    work = WorkItem(FileVersion("landing", "orders/c.csv", etag="e", sequencer="0A", size_bytes=5))
    settings = Feed("orders/", "Orders", "id")
    stack.load(work, -50, Outcome(Status.COMPLETE, RowCounts(), 2.0), settings=settings)
    ran = Ran(capsys, "undo", "orders/c.csv", "--dry-run")
    assert (ran.code, "takes `lineage.row` in the feed" in ran.sentence) == (2, True)
