"""`ingest reconcile`: the function's own code, and its findings as sentences."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.cli.backfill import MOST_OUTSIDE, Outside, findings_sentences
from ingest.contract import Status
from ingest.file import FileVersion
from ingest.ledger.claims import LeaseToken, Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import WorkItem
from ingest.worker.reconcile import Findings
from tests.support.clients import client
from tests.support.command import Ran
from tests.support.scenario import LedgerScenario, deployed

FEEDS = "[feeds.orders]\nprefix = 'orders/'\ntable = 'Orders'\npartition_key = 'id'\n"
ALL_WELL = "Nothing is stuck, and every object is in the ledger."


def begin(stack: LedgerScenario, key: str, age_s: float) -> tuple[WorkItem, LeaseToken]:
    """Let a worker begin a file, and send no more heartbeats."""
    work = WorkItem(FileVersion("landing", key, etag="e", sequencer="0A"))
    return work, stack.begin(work, -age_s, lease_s=1)


def waiting(stack: LedgerScenario) -> list[str]:
    """The keys of the files that messages in the queue ask for."""
    return sorted(message["file"]["key"] for message in stack.messages())


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LedgerScenario]:
    with deployed(monkeypatch, tmp_path, feeds=FEEDS) as made:
        yield made


def test_when_all_is_well_it_says_so(capsys: pytest.CaptureFixture[str], stack: LedgerScenario) -> None:
    begin(stack, "orders/now.csv", 10)
    ran = Ran(capsys, "reconcile")
    assert (ran.code, ran.err, waiting(stack)) == (0, "", [])
    assert ran.out == f"{ALL_WELL}\n"


def test_stuck_files_and_objects_without_an_entry_are_queued_and_named(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario
) -> None:
    begin(stack, "orders/stuck.csv", 100)
    client("s3").put_object(Bucket="landing", Key="orders/withheld.csv", Body=b"id\n1\n")
    ran = Ran(capsys, "reconcile", "--stuck-after", "0s")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "1 file(s) were stuck: requeued.",
        "1 object(s) had no ledger entry: queued.",
        "  requeued: s3://landing/orders/stuck.csv",
        "  queued: s3://landing/orders/withheld.csv",
    ]
    assert waiting(stack) == ["orders/stuck.csv", "orders/withheld.csv"]


def test_objects_under_no_feeds_prefix_are_named_and_not_queued(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario
) -> None:
    for key in ("order.csv", "orders/known.csv", "orderz.csv", "Orders/a.csv", "z/folder/"):
        client("s3").put_object(Bucket="landing", Key=key, Body=b"" if key.endswith("/") else b"id\n1\n")
    outside = ["s3://landing/Orders/a.csv", "s3://landing/order.csv", "s3://landing/orderz.csv"]
    assert Ran(capsys, "reconcile").out.splitlines() == [
        ALL_WELL,
        "3 object(s) are under no feed's prefix and are not loaded:",
        *(f"  {url}" for url in outside),
    ]
    shown = Ran(capsys, "reconcile", "--json").json
    assert (shown["found"]["objects_under_no_prefix"], shown["under_no_prefix"]) == (3, outside)
    assert waiting(stack) == []


@pytest.mark.parametrize(
    ("outside", "lines"),
    [
        (Outside(0, []), []),
        (Outside(2, ["a"]), ["2 object(s) are under no feed's prefix and are not loaded:", "  a", "  ..."]),
        (
            Outside(MOST_OUTSIDE, ["a"]),
            ["10,000 or more object(s) are under no feed's prefix and are not loaded:", "  a", "  ..."],
        ),
    ],
    ids=["none", "some", "too many"],
)
def test_of_many_objects_the_first_are_named(outside: Outside, lines: list[str]) -> None:
    assert list(outside.lines()) == lines


def test_work_younger_than_stuck_after_is_left_alone(capsys: pytest.CaptureFixture[str], stack: LedgerScenario) -> None:
    begin(stack, "orders/young.csv", 100)
    assert Ran(capsys, "reconcile", "--stuck-after", "200s").out == f"{ALL_WELL}\n"
    assert waiting(stack) == []


def test_an_unreported_outcome_is_reported_by_an_event(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario
) -> None:
    work, token = begin(stack, "orders/unreported.csv", 100)
    outcome = Outcome(Status.COMPLETE, RowCounts(1, 1, 0, 0, 5), 1.0)
    stack.end(work, token, -90, outcome, feed=None)
    ran = Ran(capsys, "reconcile", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json["found"]["outcomes_reported"] == 1
    (did,) = ran.json["did"]
    assert (did["what"], did["file"], did["status"]) == ("file closed", work.file.url, "COMPLETE")
    assert list(stack.ledger.queries.open_files("orders")) == []


@pytest.mark.parametrize(
    "name", ["outcomes_reported", "files_closed", "files_given_up", "segments_sent_again", "is_late"]
)
def test_each_finding_is_one_sentence(name: str) -> None:
    (sentence,) = findings_sentences(Findings(**{name: 1}))
    assert sentence.endswith(".") and sentence != ALL_WELL
