"""docs/json.md names exactly the fields that each command prints."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.cli.main import COMMANDS
from ingest.cli.stack import DeployedStack
from ingest.cli.status_overview import Overview
from ingest.cli.top_health import StackHealth, health_document
from ingest.contract import Status
from ingest.errors import TableMissing
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed, Lineage
from ingest.file import FileVersion
from ingest.ledger.claims import Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import WorkItem
from ingest.metrics.cloudwatch import Measured
from ingest.queue import operating
from ingest.queue.messages import body_of
from ingest.queue.sqs import Depth
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment
from ingest.rejects.bucket import RejectParts
from ingest.rejects.reject import DuplicateRow, Reject
from tests.support.clients import client, table
from tests.support.command import FEEDS, Ran
from tests.support.scenario import LedgerScenario, deployed

PAGE = (Path(__file__).parents[2] / "docs/json.md").read_text(encoding="utf-8")
TOKEN = re.compile(r"`(?P<field>\w+)`(?: \(\*(?P<entry>[a-z ]+)\*\))?|\*(?P<part>[a-z ]+)\*")


UNDOABLE = Feed("orders/", "Orders", "id", lineage=Lineage(row="_row"))


def table_rows(heading: str) -> Iterator[tuple[str, str]]:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    yield from re.findall(r"^\| ((?:`|\*).*?) \| (.*) \|$", section, re.MULTILINE)


PARTS = {name.strip("*"): text for name, text in table_rows("Parts that many documents share")}
DOCUMENTS = {command: text for names, text in table_rows("Commands") for command in re.findall(r"`([^`]+)`", names)}


def fields(text: str) -> dict[str, str | None]:
    """Return the fields that a text names, each with the part that its value, or each entry of it, is."""
    found: dict[str, str | None] = {}
    for token in TOKEN.finditer(text):
        found |= fields(PARTS[token["part"]]) if token["part"] else {token["field"]: token["entry"]}
    return found


def assert_described(document: Any, text: str, where: str) -> None:
    described = fields(text)
    assert list(document) == list(described), where
    for name, part in described.items():
        entries = document[name] if isinstance(document[name], list) else [document[name]]
        assert part is None or entries, f"{where}: {name} is empty, so nothing is compared"
        for entry in entries if part else []:
            if entry is not None:
                assert_described(entry, PARTS[str(part)], f"{where}.{name}")


def test_the_page_has_each_command_that_prints_a_document() -> None:
    assert {name.split()[0] for name in DOCUMENTS} == set(COMMANDS)
    assert len(PAGE.encode()) <= 6400


class Switch:
    def switch(self, *, on: bool) -> bool:
        return on


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LedgerScenario]:
    """A stack with a file that is loading in segments, one that has ended with rejects, and a dead letter."""
    monkeypatch.setattr(operating, "WAIT_S", 0)  # moto really waits
    monkeypatch.setattr(DeployedStack, "event_source", Switch())
    feeds = FEEDS.replace("partition_key", 'writer = "boto3"\npartition_key')
    with deployed(monkeypatch, tmp_path, feeds=feeds) as made:
        table("Orders", "id")
        Path("a.csv").write_bytes(b"id,n\na,1\na,1\n,2\n")
        ended_with_rejects(made)
        split(made)
        stuck = WorkItem(FileVersion("landing", "orders/dead.csv", etag="e", sequencer="0A"))
        made.ledger.leases.put_back(stuck, made.begin(stuck, -1000), None, TableMissing("It is missing."))
        client("sqs").send_message(QueueUrl=made.dead_letter_url, MessageBody=body_of(stuck))
        yield made


def ended_with_rejects(stack: LedgerScenario) -> None:
    etag = client("s3").put_object(Bucket="landing", Key="orders/a.csv", Body=b"id\n")["ETag"].strip('"')
    file = FileVersion("landing", "orders/a.csv", etag=etag, sequencer="0A", size_bytes=3)
    parts = RejectParts(client=client("s3"), bucket="rejects", file=file)
    parts.begin(b"id,n\n", Csv())
    parts.add([Reject(2, 5, "bad_number", "not a valid number", "n", "x", b"a,x\n")])
    parts.add_duplicates([DuplicateRow({"id": "a"}, 2, 3, 10)])
    parts.close()
    stack.load(
        WorkItem(file), -5, Outcome(Status.COMPLETE, RowCounts(3, 1, 1, 1, 9), 1.0, parts.url), settings=UNDOABLE
    )


def split(stack: LedgerScenario) -> None:
    file = FileVersion("landing", "orders/large.csv", etag="e", sequencer="0A", size_bytes=2000)
    parts = RejectParts(client=client("s3"), bucket="rejects", file=file)
    parts.add_duplicates([DuplicateRow({"id": "a"}, 2, 3, 10)])
    parts.close()
    stack.begin(WorkItem(file), -50)
    segment = WorkItem(file, Segment(Position(5, 2), Position(1000, 20)))
    stack.at(-40).transitions.add_segment(file, Segment(Position(5, 2), Position(1000, 20)))
    stack.save(segment, stack.begin(segment, -39, lease_s=1), -39, RowCounts(3, 2, 0, 1, 30))


CASES = {
    "sniff": "sniff a.csv",
    "check": "check a.csv --feed orders",
    "preview": "preview a.csv --feed orders",
    "plan": "plan a.csv --feed orders",
    "load": "load a.csv --feed orders --table Orders",
    "wait": "wait orders/a.csv",
    "status": "status",
    "status FILE": "status orders/large.csv",
    "history": "history",
    "history --files": "history --files",
    "rejects": "rejects orders/a.csv",
    "rejects --duplicates": "rejects orders/a.csv --duplicates",
    "retry": "retry orders/a.csv",
    "undo": "undo orders/a.csv --dry-run",
    "redrive": "redrive --dry-run",
    "reconcile": "reconcile",
    "backfill": "backfill s3://landing/orders/ --dry-run",
    "pause": "pause",
    "resume": "resume",
    "cancel": "cancel orders/large.csv",
    "init": "init project",
    "feeds check": "feeds check",
}


@pytest.mark.parametrize("name", CASES)
def test_a_document_has_the_fields_that_the_page_names(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario, name: str
) -> None:
    ran = Ran(capsys, *CASES[name].split(), "--json")
    document = json.loads(ran.err if name == "preview" else ran.out)
    assert_described(document, DOCUMENTS[name], name)


def test_the_document_of_top_has_the_fields_that_the_page_names() -> None:
    depth, nothing = Depth(0, 0, 0), Overview((), is_cut=False, now_s=0.0)
    health = StackHealth("ingest", 0.0, Measured(), depth, depth, "Enabled", nothing, (), (), None)
    document = health_document(health)
    assert_described(document, DOCUMENTS["top"], "top")
    (sentence,) = re.findall(r"^\* `top`: (.*?)\Z", PAGE, re.MULTILINE | re.DOTALL)
    for part, named in re.findall(r"`(\w+)` has\s((?:`\w+`(?:, )?\s*)+)", sentence):
        assert set(re.findall(r"\w+", named)) <= set(document[part]), part


def test_drop_prints_what_wait_prints() -> None:
    assert (DOCUMENTS["drop"], set(DOCUMENTS) - set(CASES)) == (DOCUMENTS["wait"], {"drop", "top"})
