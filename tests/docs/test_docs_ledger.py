"""docs/ledger.md says what is so: it names every attribute there is, and its queries are answered."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ingest.contract import LedgerKeys, Status
from ingest.errors import BadHeader, Throttled
from ingest.file import FileVersion
from ingest.ledger.claims import LeaseToken, Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.store import TableLedger
from ingest.ledger.work_item import CarriedOver, Checkpoint, KeptFeed, SegmentPlan, WorkItem
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment
from tests.docs.pages.all import ROOT
from tests.support.clients import client, ledger_table, mock_aws
from tests.support.fakes import ScriptedClock
from tests.support.memory_ledger import at

TEXT = (ROOT / "docs/ledger.md").read_text(encoding="utf-8")
FILE = FileVersion("BUCKET", "orders/a.csv", "v", "e", "0A", 100, "2026-11-22T10:00:00Z")
BEFORE = FileVersion("BUCKET", "orders/a.csv", etag="e")
NOW_S = 1_795_348_800.0  # 2026-11-22T12:00:00Z


@pytest.fixture
def rows() -> Iterator[Any]:
    """A ledger in which everything has happened that leaves an attribute."""
    with mock_aws():
        rows = ledger_table()
        ledger = TableLedger(table=rows, clock=ScriptedClock())
        token = LeaseToken("m", 1, NOW_S + 60)
        at(ledger, NOW_S).leases.note_newest(FILE)
        at(ledger, NOW_S).leases.note_newest(replace(BEFORE, etag="found"))
        segment = Segment(Position(5, 2), Position(100, 20))
        ledger.transitions.keep_feeds({"orders": KeptFeed("f1", "{}")})
        ledger.transitions.keep_feeds({})
        at(ledger, NOW_S).leases.claim(WorkItem(FILE), feed="orders", token=token, settings="f1")
        at(ledger, NOW_S).transitions.add_segment(FILE, segment)
        at(ledger, NOW_S).leases.save_plan(FILE, token, SegmentPlan(segment.end, 1))
        at(ledger, NOW_S).transitions.split(FILE, token, SegmentPlan(segment.end, 1), head_bytes=5)
        work = WorkItem(FILE, segment)
        at(ledger, NOW_S).leases.claim(work, feed="orders", token=token)
        at(ledger, NOW_S).leases.save(work, token, Checkpoint(segment.start, segment.start, RowCounts()))
        ledger.leases.put_back(work, token, None, Throttled("slow"))
        at(ledger, NOW_S).transitions.note_resent(work, 1)
        again = LeaseToken("m", 2, NOW_S + 60)
        at(ledger, NOW_S).leases.claim(work, feed="orders", token=again)
        at(ledger, NOW_S).transitions.end_segment(work, again, RowCounts(1, 0, 1, 0, 95), is_whole=True)
        outcome = Outcome(Status.FAILED, RowCounts(), 1.0, "s3://rejects/", BadHeader("no column"))
        at(ledger, NOW_S).transitions.end_early(FILE, outcome)
        at(ledger, NOW_S).transitions.note_reported(FILE, "orders", Status.FAILED)
        other = replace(FILE, key="orders/b.csv", retry=1)
        at(ledger, NOW_S).transitions.retry(other, feed="orders", begun=CarriedOver())
        at(ledger, NOW_S).leases.claim(WorkItem(other), feed="orders", token=token)
        checkpoint = Checkpoint(segment.start, segment.start, RowCounts())
        at(ledger, NOW_S).transitions.end_file(other, token, replace(outcome, checkpoint=checkpoint))
        at(ledger, NOW_S).leases.begin(replace(BEFORE, etag="begun"), feed="orders", token=token, settings="f1")
        yield rows


def test_the_page_names_every_attribute_and_the_parts_of_a_file(rows: Any) -> None:
    items = rows.scan()["Items"]
    assert sorted(item[LedgerKeys.SORT_KEY].partition("#")[0] for item in items if "/" in item["pk"]) == [
        "COUNT",
        "FILE",
        "FILE",
        "HEAD",
        "SEG",
    ]
    names = {name for item in items for name in (*item, *item.get("file", {}), *item.get("error", {}))}
    assert {"reported", "found_etag", "window", "resent", "event_time", "code"} <= names
    assert sorted(name for name in names if f"`{name}`" not in TEXT) == []


def test_the_page_names_no_attribute_that_is_not_written(rows: Any) -> None:
    tables = re.findall(r"^\| (`[a-z_`, ]+`) \| [SNLM] \|", TEXT, re.MULTILINE)
    named = {name for cell in tables for name in re.findall(r"`([a-z_]+)`", cell)}
    assert len(named) > 25
    assert named - {name for item in rows.scan()["Items"] for name in item} == set()


def test_the_questions_it_shows_are_answered(rows: Any) -> None:
    asked = [
        block for block in re.findall(r"```console[^\n]*\n\$ (.*?)```", TEXT, re.DOTALL) if "dynamodb query" in block
    ]
    assert len(asked) == 2
    for command in asked:
        words = shlex.split(command.replace("\\\n", " ").replace("$LEDGER", "Ledger"))
        options = {words[i]: words[i + 1] for i in range(3, len(words) - 1, 2)}
        assert answer(options)["Count"] == 1, command


def answer(options: dict[str, str]) -> Any:
    """Return what DynamoDB says to the options of `aws dynamodb query`."""
    index = {"IndexName": options["--index-name"]} if "--index-name" in options else {}
    return client("dynamodb").query(
        TableName=options["--table-name"],
        KeyConditionExpression=options["--key-condition-expression"],
        ExpressionAttributeValues=json.loads(options["--expression-attribute-values"]),
        **index,
    )
