"""Which feeds an operator's commands know: those of the deployed stack and its former ones, not feeds.toml's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.contract import Status
from ingest.feeds.feed import Feed, Feeds
from ingest.feeds.parse import parse_feeds
from ingest.file import FileVersion
from ingest.ledger.claims import Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import KeptFeed, WorkItem
from ingest.queue import operating
from ingest.queue.messages import body_of
from ingest.worker.attempt import DeployedSettings
from ingest.worker.load import Sizes
from tests.support.clients import client
from tests.support.command import FEEDS, Ran
from tests.support.scenario import LedgerScenario, deployed

HERE = parse_feeds(FEEDS).feeds
OLD = Feed("old/", "Old", "id")


@pytest.fixture
def scenario(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LedgerScenario]:
    with deployed(monkeypatch, tmp_path) as made:
        yield made


def deploy(scenario: LedgerScenario, feeds: dict[str, Feed]) -> None:
    """Let a container of the function start with these feeds."""
    DeployedSettings(Feeds(feeds), scenario.ledger, sizes=Sizes(), segment_bytes=99).keep()


def load(scenario: LedgerScenario, key: str, feed: str) -> None:
    work = WorkItem(FileVersion("landing", key, sequencer="0A", size_bytes=9))
    scenario.load(work, -5, Outcome(Status.COMPLETE, RowCounts(1, 1, 0, 0, 9), 1.0), feed=feed)


def test_before_the_function_has_run_the_local_feeds_are_used(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    load(scenario, "orders/a.csv", "orders")
    ran = Ran(capsys, "status", "--json")
    assert (ran.code, ran.err, len(ran.json["files"])) == (0, "", 1)


@pytest.mark.parametrize(
    "arguments",
    [("status",), ("status", "--feed", "old"), ("history", "--files"), ("history", "--files", "--feed", "old")],
)
def test_files_of_deployed_and_former_feeds_are_shown_though_feeds_toml_does_not_name_them(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario, arguments: tuple[str, ...]
) -> None:
    deploy(scenario, {"old": OLD})
    deploy(scenario, HERE)
    load(scenario, "old/a.csv", "old")
    ran = Ran(capsys, *arguments, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert [file["file"] for file in ran.json["files"]] == ["s3://landing/old/a.csv"]


def test_a_feeds_toml_that_differs_is_pointed_out_and_not_used(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    deploy(scenario, {"orders": Feed("orders/", "Other", "id"), "new": OLD})
    load(scenario, "old/a.csv", "new")
    ran = Ran(capsys, "status", "--json")
    assert [file["feed"] for file in ran.json["files"]] == ["new"]
    assert ran.err == (
        "ingest: feeds.toml here differs from what is deployed (new, orders, visits); the deployed feeds are used. "
        "--feeds feeds.toml uses the file.\n"
    )


def test_a_file_that_is_named_is_used(capsys: pytest.CaptureFixture[str], scenario: LedgerScenario) -> None:
    deploy(scenario, {"new": OLD})
    load(scenario, "old/a.csv", "new")
    ran = Ran(capsys, "status", "--feeds", "feeds.toml", "--json")
    assert (ran.code, ran.err, ran.json["files"]) == (0, "", [])


@pytest.mark.parametrize("text", [None, "[feeds.orders"])
def test_no_feeds_toml_is_needed_nor_a_whole_one(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario, text: str | None
) -> None:
    deploy(scenario, HERE)
    Path("feeds.toml").unlink() if text is None else Path("feeds.toml").write_text(text, encoding="utf-8")
    assert Ran(capsys, "status").code == 0
    ran = Ran(capsys, "reconcile", "--json")
    assert (ran.code, ran.err) == (0, "")


def test_a_stack_of_another_version_is_refused_and_former_feeds_of_one_are_left_out(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    strange = KeptFeed("f9", '{"block":1,"cell":1,"window":1,"rules":1,"segment":1,"feed":{"of":"the future"}}')
    scenario.ledger.transitions.keep_feeds({"old": strange})
    assert "cannot be read" in Ran(capsys, "status").sentence
    deploy(scenario, HERE)
    assert Ran(capsys, "status").code == 0
    assert Ran(capsys, "status", "--feed", "old").code == 2


def test_reconcile_finds_the_open_files_of_a_feed_that_was_renamed(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    deploy(scenario, {"old": OLD})
    deploy(scenario, HERE)
    scenario.begin(WorkItem(FileVersion("landing", "old/a.csv", sequencer="0A", size_bytes=9)), -7200, feed="old")
    ran = Ran(capsys, "reconcile", "--json")
    assert (ran.code, ran.json["found"]["files_sent_again"]) == (0, 1)
    assert [message["file"]["key"] for message in scenario.messages()] == ["old/a.csv"]


def test_dead_letters_and_objects_are_those_of_the_deployed_feeds(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`redrive --feed` and `backfill` took the feeds.toml that happened to be there."""
    monkeypatch.setattr(operating, "WAIT_S", 0)
    deploy(scenario, {"new": OLD})
    client("s3").put_object(Bucket="landing", Key="old/a.csv", Body=b"id\n1\n")
    body = body_of(WorkItem(FileVersion("landing", "old/b.csv", etag="e", sequencer="0A")))
    client("sqs").send_message(QueueUrl=scenario.dead_letter_url, MessageBody=body)
    for name, counted in {"backfill": "messages_sent", "redrive": "messages_sent"}.items():
        arguments = ["s3://landing/old/"] if name == "backfill" else ["--feed", "new", "--yes"]
        ran = Ran(capsys, name, *arguments, "--json")
        assert (ran.code, ran.json[counted]) == (0, 1)
        assert "differs from what is deployed" in ran.err
    assert [message["file"]["key"] for message in scenario.messages()] == ["old/a.csv", "old/b.csv"]
    assert set(groups(scenario.queue_url)) == {"new"}
    refused = Ran(capsys, "redrive", "--feed", "new", "--feeds", "feeds.toml", "--dry-run")
    assert refused.code == 2


def test_dead_letters_are_sent_back_though_no_feeds_are_known(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(operating, "WAIT_S", 0)
    (tmp_path / "feeds.toml").unlink()
    body = body_of(WorkItem(FileVersion("landing", "old/b.csv", etag="e", sequencer="0A")))
    client("sqs").send_message(QueueUrl=scenario.dead_letter_url, MessageBody=body)
    assert Ran(capsys, "redrive", "--yes", "--json").json["messages_sent"] == 1
    assert Ran(capsys, "redrive", "--feed", "orders", "--dry-run").code == 2


def groups(url: str) -> list[str | None]:
    """Return the message groups of what is in a queue."""
    found = client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0, MessageSystemAttributeNames=["MessageGroupId"]
    )
    return [message.get("Attributes", {}).get("MessageGroupId") for message in found["Messages"]]
