"""Why a dead letter is one: each way that leads there has its reason."""

import json
from typing import Any

import pytest

from ingest.contract import RECONCILE_MESSAGE, Status
from ingest.file import FileVersion
from ingest.ledger.work_item import Entry, WorkItem
from ingest.queue.messages import body_of
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment
from ingest.recovery.redrive import diagnose
from tests.support.world import event

FILE = FileVersion("landing-example", "orders/a.csv", etag="e", sequencer="0A")
WORK = WorkItem(FILE)
PART = WorkItem(FILE, Segment(Position(5, 2), Position(90, 9)))


def entry(work: WorkItem = WORK, status: str = Status.WAITING, **fields: Any) -> Entry:
    return Entry(work, status, **({"attempts": 3} | fields))


def reason(work: WorkItem, *entries: Entry) -> tuple[str, bool]:
    """The reason of a message that asks for some work, by what the ledger has, and whether it helps to send it."""
    known = {found.work: found for found in entries}
    found = diagnose(body_of(work), known.get)
    assert found.why.endswith(".") and found.work == work
    return found.reason, found.helps


def test_the_last_error_of_a_file_or_segment_is_the_reason() -> None:
    bad = {"error": "The table does not exist.", "error_code": "table_missing"}
    assert reason(WORK, entry(**bad)) == ("table_missing", True)
    assert reason(PART, entry(status=Status.SPLIT), entry(PART, **bad)) == ("table_missing", True)


def test_a_worker_that_said_nothing_was_interrupted() -> None:
    assert reason(WORK, entry(status=Status.LOADING)) == ("interrupted", True)
    assert reason(PART, entry(status=Status.SPLIT), entry(PART, Status.LOADING)) == ("interrupted", True)


@pytest.mark.parametrize("found", [(), (entry(attempts=0),)])
def test_what_no_worker_has_claimed_was_not_begun(found: tuple[Entry, ...]) -> None:
    assert reason(WORK, *found) == ("not_begun", True)


def test_a_file_that_has_ended_asks_for_nothing_more() -> None:
    failed = entry(status=Status.FAILED, error="No one could.", error_code="given_up")
    assert reason(WORK, failed) == ("given_up", False)
    assert reason(PART, failed, entry(PART)) == ("given_up", False)
    assert "ingest retry" in diagnose(body_of(WORK), lambda work: failed).why
    assert reason(WORK, entry(status=Status.COMPLETE)) == ("complete", False)


def test_of_several_files_the_one_that_is_not_done_counts() -> None:
    two = event("orders/done.csv", "orders/open.csv")
    found = diagnose(two, lambda w: entry(w, Status.COMPLETE if "done" in w.file.key else Status.LOADING))
    assert (found.reason, found.work and found.work.file.key) == ("interrupted", "orders/open.csv")


@pytest.mark.parametrize("body", ["no json", "[]", '{"hello": 1}', '{"ingest": "segment"}'])
def test_what_no_one_understands_has_the_reason_it_was_dead_lettered_for(body: str) -> None:
    assert diagnose(body, lambda work: None).reason == "unknown_message"
    reported = diagnose(body, lambda work: None, dead_lettered_for="It is of no known kind.")
    assert (reported.why, reported.helps, reported.work) == ("It is of no known kind.", False, None)


@pytest.mark.parametrize("body", [RECONCILE_MESSAGE, json.dumps({"Event": "s3:TestEvent"})])
def test_what_comes_again_by_itself_is_not_needed(body: str) -> None:
    assert (diagnose(body, lambda work: None).reason, diagnose(body, lambda work: None).helps) == ("not_needed", False)
