"""What an operator asks and does, by the command line, against the deployed template in the local stack."""

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

FEEDS = ("--feeds", str(Path(__file__).parent / "feeds.toml"))
HEADER = "order_id,customer_id,quantity,unit_price,gift,note\n"
SEGMENT_BYTES = 8 * 1024 * 1024  # of the local stage


def orders(customer: str, count: int, note: str = "") -> bytes:
    return (HEADER + "".join(f"O-{n},{customer},1,2.50,no,{note}\n" for n in range(count))).encode()


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
