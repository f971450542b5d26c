"""What an alarm asks of an operator, by the command line, against the deployed template in the local stack."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Ran

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]

FEEDS = ("--feeds", str(Path(__file__).parent / "feeds.toml"))
HEADER = "order_id,customer_id,quantity,unit_price,gift,note\n"
SEGMENT_BYTES = 8 * 1024 * 1024  # of the local stage


class Operator:
    """Runs commands in this process, which is quicker; the tests of the other commands start processes."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, *arguments: str) -> Ran:
        return Ran(self._capsys, *arguments)

    def json(self, *arguments: str) -> Any:
        """Run a command that must succeed, and return what it prints for machines."""
        ran = self.run(*arguments, "--json")
        assert (ran.code, ran.err) == (0, ""), ran.out
        return ran.json


@pytest.fixture
def operator(
    stack: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Operator:
    monkeypatch.chdir(tmp_path)  # where no feeds.toml differs from what is deployed
    for name, value in stack.stack.environment().items():
        monkeypatch.setenv(name, value)
    return Operator(capsys)


def order(customer: str, number: int, quantity: str = "1", note: str = "") -> str:
    return f"O-{number},{customer},{quantity},2.50,no,{note}\n"


def orders(customer: str, count: int) -> bytes:
    return (HEADER + "".join(order(customer, n) for n in range(count))).encode()


def test_rejected_rows_are_shown_fixed_and_dropped_again(stack: Any, operator: Operator) -> None:
    rows = [order("to-fix", n, "many" if n in (3, 7) else "1", "Größe") for n in range(10)] + ["O-10,to-fix\n"]
    stack.drop("orders/to-fix.csv", (HEADER + "".join(rows)).encode())
    assert stack.final_entry("orders/to-fix.csv")["rows_rejected"] == 3
    printed = operator.run("rejects", "orders/to-fix.csv").out
    assert "3 row(s) rejected: 2 bad_number, 1 ragged_row" in printed
    printed_json = operator.json("rejects", f"s3://{stack.bucket}/orders/to-fix.csv", "--reason", "bad_number")
    assert [(reject["line"], reject["value"]) for reject in printed_json["rejects"]] == [(5, "many"), (9, "many")]
    data = stack.ingest("rejects", "orders/to-fix.csv", "--csv").stdout
    assert data == HEADER + rows[3] + rows[7] + rows[10]
    fixed = data.replace("many", "12").replace("O-10,to-fix", "O-10,to-fix,1,2.50,no,")
    stack.drop("orders/fixed.csv", fixed.encode())
    assert stack.final_entry("orders/fixed.csv")["rows_written"] == 3
    found = {item["order_id"]: item for item in stack.items("Orders") if item["customer_id"] == "to-fix"}
    assert (len(found), found["O-7"]["quantity"], found["O-6"]["quantity"]) == (11, 12, 1)


def test_rejects_of_a_file_that_is_split_come_in_its_order(stack: Any, operator: Operator) -> None:
    count, bad = 2500, {0, 1, 700, 1500, 2499}
    rows = [order("parts", n, "many" if n in bad else "1", "x" * 8000) for n in range(count)]
    data = (HEADER + "".join(rows)).encode()
    assert len(data) > 2 * SEGMENT_BYTES
    stack.drop("orders/parts.csv", data)
    assert stack.final_entry("orders/parts.csv")["segments_planned"] == 3
    assert operator.run("rejects", "orders/parts.csv", "--csv").out == HEADER + "".join(rows[n] for n in sorted(bad))
    again = operator.json("retry", "orders/parts.csv")
    assert (again["new_attempt"], again["version"][-4:]) == (True, "+001")
    first, second = stack.wait_for(lambda: both_reported(stack, "orders/parts.csv"))
    assert [entry["status"] for entry in (first, second)] == ["COMPLETE"] * 2
    assert second["rows_written"] == first["rows_written"] == count - len(bad)
    printed_json = operator.json("rejects", "orders/parts.csv")
    assert (printed_json["version"], printed_json["rows_rejected"]) == (again["version"], len(bad))


def both_reported(stack: Any, key: str) -> Any:
    entries = stack.entries(key)
    return entries if len(entries) == 2 and all("reported" in entry for entry in entries) else None


def test_a_dead_letter_reports_why_it_is_there_and_goes_back_when_that_is_fixed(stack: Any, operator: Operator) -> None:
    stack.purge_dead_letters()
    stack.drop("orphans/redriven.csv", orders("redriven", 3))
    stack.send('{"not": "ours"}')
    stack.wait_for(lambda: stack.depth(stack.dead_letter_url) == 2 or None)
    look = operator.json("redrive", "--dry-run")
    by_reason = {letter["reason"]: letter for letter in look["dead_letters"]}
    assert set(by_reason) == {"unknown_message", "table_missing"}
    assert (look["messages_found"], look["messages_chosen"], look["messages_sent"]) == (2, 1, 0)
    dead = by_reason["table_missing"]
    assert dead["file"].endswith("/orphans/redriven.csv") and "NoSuchTable" in dead["why"]
    refused = operator.run("redrive")
    assert (refused.code, refused.out) == (2, "")
    assert "add --yes" in refused.err
    with stack.table("NoSuchTable", "customer_id", "order_id"):
        printed = operator.run("redrive", "--file", "orphans/*", "--yes").out
        assert "2 dead letter(s): 1 " in printed and "= 1 sent + 1 left in the queue." in printed
        assert stack.final_entry("orphans/redriven.csv")["status"] == "COMPLETE"
        assert len(stack.items("NoSuchTable")) == 3
    gone = operator.json("redrive", "--reason", "unknown_message", "--discard", "--yes")
    assert (gone["messages_found"], gone["messages_deleted"], gone["messages_sent"]) == (1, 1, 0)
    assert stack.depth(stack.dead_letter_url) == 0
    assert operator.run("redrive", "--dry-run").out == "The dead-letter queue is empty.\n"


def test_the_first_rows_that_share_a_key_are_shown_with_both_lines(stack: Any, operator: Operator) -> None:
    header, *rows = orders("shared keys", 5).splitlines(keepends=True)
    stack.drop("orders/shared-keys.csv", b"".join([header, *rows, *rows[:3]]))
    assert stack.final_entry("orders/shared-keys.csv")["status"] == "COMPLETE"
    printed = operator.run("rejects", "orders/shared-keys.csv", "--duplicates").out
    assert "3 of 8 rows (37.5%) have the key of a later row, which replaced them." in printed
    assert [line.split()[-2:] for line in printed.splitlines()[-3:]] == [["2", "7"], ["3", "8"], ["4", "9"]]
    printed_json = operator.json("rejects", "orders/shared-keys.csv", "--duplicates")
    assert [(one["replaced_line"], one["line"]) for one in printed_json["duplicates"]] == [(2, 7), (3, 8), (4, 9)]
    assert printed_json["warning"]["code"] == "duplicate_keys"
    status = operator.json("status", "orders/shared-keys.csv")
    assert status["duplicates"] == printed_json["duplicates"]
    assert status["versions"][0]["warning"] == printed_json["warning"]


def test_a_file_that_failed_is_loaded_again_once_its_cause_is_fixed(stack: Any, operator: Operator) -> None:
    stack.drop("nowhere/failed.csv", orders("failed", 2))
    assert stack.final_entry("nowhere/failed.csv")["error"]["code"] == "no_feed"
    missing = operator.run("retry", "nowhere/never-dropped.csv")
    assert missing.code == 3
    stack.drop("visits/failed.csv", b"".join(b"v%d,%s\n" % (n, b"x" if n % 2 else b"1") for n in range(40)))
    assert stack.final_entry("visits/failed.csv")["error"]["code"] == "too_many_rejects"
    nothing = operator.run("retry", "visits/failed.csv", "--from", "somewhere")
    assert (nothing.code, nothing.out) == (2, "")
    printed_json = operator.json("retry", "visits/failed.csv", "--from", "checkpoint")
    assert (printed_json["new_attempt"], printed_json["superseded"], printed_json["messages_sent"]) == (True, None, 1)
    _, again = stack.wait_for(lambda: both_reported(stack, "visits/failed.csv"))
    assert again["error"]["code"] == "too_many_rejects"  # the feed still allows no more
    stack.drop("visits/failed.csv", b"anna,1\n")
    old = operator.run("retry", "visits/failed.csv", "--version", printed_json["version"])
    assert (old.code, old.out) == (3, "")
    stack.wait_until_quiet()


def test_a_paused_stack_takes_nothing_until_it_is_resumed(stack: Any, operator: Operator) -> None:
    try:
        printed_json = operator.json("pause")
        assert (printed_json["state"], printed_json["changed"]) == ("paused", True)
        assert "was already paused" in operator.run("pause").out
        stack.drop("orders/paused.csv", orders("paused", 2))
        assert operator.json("pause")["messages_waiting"] >= 1  # the schedule may have sent one, too
        assert stack.entries("orders/paused.csv") == []
    finally:
        assert "is running" in operator.run("resume").out
    assert stack.final_entry("orders/paused.csv")["status"] == "COMPLETE"


def test_history_counts_what_ended_by_day_and_feed(stack: Any, operator: Operator) -> None:
    stack.drop("catalog/history.csv", b"#\nnothing\tlike\tit\n-\n")
    stack.drop("orders/history.csv", orders("history", 4))
    stack.final_entry("orders/history.csv")
    assert stack.final_entry("catalog/history.csv")["status"] == "FAILED"
    printed_json = operator.json("history", "--days", "2", *FEEDS)
    by_feed = {day["feed"]: day for day in printed_json["days"]}
    assert by_feed["catalog"]["files_failed"] >= 1 and by_feed["orders"]["rows_written"] >= 4
    assert printed_json["total"]["files_ended"] == sum(day["files_ended"] for day in printed_json["days"])
    printed = operator.run("history", "--files", "--csv", "--feed", "catalog", "--status", "FAILED", *FEEDS).out
    rows = [row for row in csv.DictReader(io.StringIO(printed)) if row["file"].endswith("/catalog/history.csv")]
    assert [(row["status"], row["error_code"]) for row in rows] == [("FAILED", "empty_file")]
