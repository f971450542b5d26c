"""What an operator asks and does, by the command line, against the deployed template in the local stack."""

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.contract import Output

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]

FEEDS = ("--feeds", str(Path(__file__).parent / "feeds.toml"))
HEADER = "order_id,customer_id,quantity,unit_price,gift,note\n"
SEGMENT_BYTES = 8 * 1024 * 1024  # of the local stage


def orders(customer: str, count: int, note: str = "") -> bytes:
    return (HEADER + "".join(f"O-{n},{customer},1,2.50,no,{note}\n" for n in range(count))).encode()


@pytest.mark.any_writer
def test_a_file_that_is_split_shows_its_segments(stack: Any) -> None:
    data = orders("split", 2500, "x" * 8000)
    assert 2 * SEGMENT_BYTES < len(data) < 3 * SEGMENT_BYTES
    stack.drop("orders/large.csv", data)
    assert stack.final_entry("orders/large.csv")["status"] == "COMPLETE"
    result = stack.ingest_json("status", "orders/large.csv")
    (version,) = result["versions"]
    assert version["segments"] == {"planned": 3, "done": 3, "all_planned": True}
    assert (version["progress"], version["rows_written"], version["bytes_read"]) == (1.0, 2500, len(data))
    segments = result["segments"]
    assert [(segment["status"], segment["progress"]) for segment in segments] == [("DONE", 1.0)] * 3
    ends = [len(HEADER), *(segment["end_byte"] for segment in segments)]
    assert [segment["first_byte"] for segment in segments] == ends[:-1]
    assert ends[-1] == len(data)
    assert sum(segment["rows_read"] for segment in segments) == 2500
    printed = stack.ingest("status", f"s3://{stack.bucket}/orders/large.csv").stdout
    assert "done     100 %, 3/3 segments" in printed
    assert printed.count("DONE") == 3


def test_segments_are_sent_in_the_message_group_of_their_feed(stack: Any) -> None:
    """What AWS makes of it, no emulator shows (docs/deploy.md)."""
    data = orders("grouped", 2500, "x" * 8000)
    client = stack.stack.client
    with stack.function_off():
        with stack.without_notifications():
            etag = stack.drop("orders/grouped.csv", data)
        body = stack.notification("orders/grouped.csv", sequencer="01", etag=etag, size=len(data))
        record = {"messageId": "m", "receiptHandle": "r", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}
        payload = json.dumps({"Records": [record]})
        client("lambda").invoke(FunctionName=stack.stack.outputs[Output.FUNCTION], Payload=payload)
        sent = client("sqs").receive_message(
            QueueUrl=stack.queue_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=0,
            MessageSystemAttributeNames=["MessageGroupId"],
        )["Messages"]
    segments = [message for message in sent if json.loads(message["Body"]).get("ingest") == "segment"]
    assert [message["Attributes"] for message in segments] == [{"MessageGroupId": "orders"}] * 3
    assert stack.final_entry("orders/grouped.csv")["status"] == "COMPLETE"


def test_an_object_under_no_prefix_is_named_by_the_reconciler(stack: Any) -> None:
    with stack.without_notifications():
        stack.drop("nowhere/stray.csv", orders("stray", 3))
    shown = stack.ingest_json("reconcile", *FEEDS)
    assert f"s3://{stack.bucket}/nowhere/stray.csv" in shown["under_no_prefix"]
    assert shown["found"]["objects_under_no_prefix"] >= 1
    assert stack.entries("nowhere/stray.csv") == []


def test_files_are_listed_by_feed_and_status(stack: Any) -> None:
    stack.drop("visits/listed.csv", b"anna,1\nbert,x\n")
    stack.final_entry("visits/listed.csv")
    stack.wait_until_quiet()  # it was reported, too
    files = stack.ingest_json("status", "--feed", "visits", "--status", "COMPLETE", *FEEDS)["files"]
    (listed,) = [file for file in files if file["file"].endswith("/visits/listed.csv")]
    assert (listed["rows_read"], listed["rows_rejected"], listed["progress"]) == (2, 1, 1.0)
    assert listed["rejects_at"].startswith("s3://") and listed["age_s"] > 0
    assert "visits/listed.csv" in stack.ingest("status", "--feed", "visits", *FEEDS).stdout


def test_a_withheld_notification_is_found(stack: Any) -> None:
    with stack.without_notifications():
        stack.drop("orders/withheld.csv", orders("withheld", 3))
    assert stack.entries("orders/withheld.csv") == []
    missing = stack.ingest("status", "orders/withheld.csv")
    assert (missing.returncode, missing.stdout) == (3, "")
    result = stack.ingest_json("reconcile", "--stuck-after", "0s", *FEEDS)
    assert result["found"]["objects_not_known"] == 1
    assert f"s3://{stack.bucket}/orders/withheld.csv" in [did.get("file") for did in result["did"]]
    assert stack.final_entry("orders/withheld.csv")["status"] == "COMPLETE"
    assert stack.ingest_json("reconcile", *FEEDS)["found"]["objects_not_known"] == 0


def test_what_was_there_before_is_sent_once(stack: Any) -> None:
    with stack.without_notifications():
        for n in range(3):
            stack.drop(f"orders/backlog/{n}.csv", orders(f"backlog{n}", 3))
        stack.drop("elsewhere/backlog.csv", orders("backlog", 3))
    place = f"s3://{stack.bucket}/orders/backlog/"
    dry = stack.ingest_json("backfill", place, "--dry-run", *FEEDS)
    assert (dry["objects_found"], dry["messages_sent"]) == (3, 3)
    assert stack.entries("orders/backlog/0.csv") == []
    result = stack.ingest_json("backfill", place, "--per-second", "50", *FEEDS)
    assert (result["objects_found"], result["messages_sent"], result["objects_known"]) == (3, 3, 0)
    for n in range(3):
        assert stack.final_entry(f"orders/backlog/{n}.csv")["rows_written"] == 3
    again = stack.ingest_json("backfill", place, *FEEDS)
    assert (again["messages_sent"], again["objects_known"]) == (0, 3)
    refused = stack.ingest("backfill", f"s3://{stack.bucket}/elsewhere/backlog", *FEEDS)
    assert (refused.returncode, refused.stderr) == (0, "")
    assert "1 under no feed's prefix" in refused.stdout


def test_a_stack_that_is_not_there_is_reported_in_one_sentence(stack: Any) -> None:
    done = stack.ingest("status", "--stack", "nowhere", *FEEDS)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ingest: ") and "CloudFormation stack 'nowhere'" in done.stderr
    assert "in us-east-1;" in done.stderr
