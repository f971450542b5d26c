"""The script of docs/transcript.md, run in this process: each command says and does what the page has it do."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.stack import LocalStack
from ingest.cli import main as cli
from ingest.queue import dead_letters
from loadtest.demo_script import incoming
from loadtest.demo_script.run import report
from loadtest.demo_script.script import Command, Ran, Script
from loadtest.demo_script.steps import LARGE, MONDAY
from loadtest.simulator import Simulator
from loadtest.simulator.capacity import write_units
from loadtest.simulator.values import item_bytes

pytestmark = pytest.mark.e2e

GOOD, REJECTED = incoming.GOOD_FILES * incoming.GOOD_ROWS, len(incoming.MANY) + len(incoming.RAGGED)


def in_this_process(*arguments: str) -> Ran:
    """Run a command here: a tenth of the time that a process of its own takes."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.run(list(arguments))
    out.flush()
    return Ran(arguments, code, out.buffer.getvalue().decode(), err.getvalue())  # type: ignore[attr-defined]


@pytest.fixture
def ran_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Script, Simulator]]:
    def command(stack: LocalStack) -> Command:
        for name, value in stack.environment().items():
            monkeypatch.setenv(name, value)
        return in_this_process

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dead_letters, "WAIT_S", 0)  # the emulator's queue answers with all it has
    yield report(tmp_path, command, form=("--json",))


def test_an_operators_day_goes_as_the_page_reports_it(ran_script: tuple[Script, Simulator]) -> None:
    story, tables = ran_script
    assert {name: ran.code for name, ran in story.steps.items() if ran.code} == {"status tuesday paused": 3}
    a_plan_in_full_is_what_happens(story, tables)
    top_and_status_show_the_load_while_it_goes_on(story)
    rejected_rows_are_fixed_and_loaded(story, tables)
    a_right_version_follows_a_wrong_one(story, tables)
    nothing_is_processed_while_paused_and_a_retry_loads_what_had_failed(story, tables)
    dead_letters_are_sent_back_once_their_cause_is_fixed(story, tables)
    the_row_counts_balance_and_nothing_is_left(story)


def a_plan_in_full_is_what_happens(story: Script, tables: Simulator) -> None:
    for name, of, key in (("plan large", "status large", LARGE), ("plan orders", "rejects", MONDAY)):
        plan = story.steps[name].json
        file = newest(story.steps[of]) if of.startswith("status") else the_file(story, key)
        for figure in ("rows_written", "rows_rejected", "rows_superseded"):
            assert plan[figure] == exactly(file[figure]), (name, figure)
        assert plan["rows"] == exactly(file["rows_read"])
    assert story.steps["plan orders"].json["reasons"] == story.steps["rejects"].json["reasons"]
    taken = sum(write_units(item_bytes(item)) for item in tables.written_items.items("Clicks"))
    assert story.steps["plan large"].json["write_units"]["value"] == taken
    assert len(tables.written_items.items("Clicks")) == incoming.LARGE_ROWS


def top_and_status_show_the_load_while_it_goes_on(story: Script) -> None:
    top = story.steps["top during"].json
    assert (top["source"], top["function"]["is_paused"]) == ("logs", False)
    assert LARGE in [key_of(file) for file in top["files"]["open"] + top["files"]["last_ended"]]
    assert {key_of(file): file["error"]["code"] for file in top["files"]["last_failed"]} == {
        "visits/monday.csv": "too_many_rejects",
        "stock/monday.csv": "bad_header",
    }
    during = newest(story.steps["status large during"])
    is_through = during["status"] == "COMPLETE"  # the machine was slower than the load
    assert is_through or (during["status"] in ("LOADING", "SPLIT") and 0 < during["progress"] < 1)
    files = {key_of(file): file for file in story.steps["status during"].json["files"]}
    assert files["returns/monday.csv"]["status"] in ("WAITING", "LOADING")  # between two attempts, or within one
    assert (files[MONDAY]["status"], files[MONDAY]["rows_rejected"]) == ("COMPLETE", REJECTED)
    assert newest(story.steps["status large"])["segments"] == {"planned": 3, "done": 3, "all_planned": True}
    errors = story.steps["top end"].json["errors"]
    assert (
        errors["requests_throttled"] > 0 < errors["throttled_by"]["provisioned"] + errors["throttled_by"]["key_range"]
    )


def rejected_rows_are_fixed_and_loaded(story: Script, tables: Simulator) -> None:
    rejects = story.steps["rejects"].json
    assert rejects["reasons"] == {"bad_number": len(incoming.MANY), "ragged_row": len(incoming.RAGGED)}
    assert [reject["line"] for reject in rejects["rejects"]] == sorted(n + 2 for n in incoming.MANY + incoming.RAGGED)
    assert len(story.steps["rejects csv"].out.splitlines()) == 1 + REJECTED
    assert is_complete(newest(story.steps["status fixed"]), rows=REJECTED)
    orders = {item["order_id"]["S"]: item for item in tables.written_items.items("Orders")}
    assert set(orders) == {f"O-{n}" for n in incoming.order_numbers()}
    assert {orders[f"O-{10_000 + n}"]["quantity"]["N"] for n in incoming.MANY} == {"12"}


def a_right_version_follows_a_wrong_one(story: Script, tables: Simulator) -> None:
    failed = {key_of(file) for file in story.steps["status failed"].json["files"]}
    assert failed == {"visits/monday.csv", "stock/monday.csv"}
    assert story.steps["rejects visits"].json["count"] == newest(story.steps["status visits"])["rows_rejected"] == 180
    wrong, right = story.steps["status visits right"].json["versions"]
    assert (wrong["status"], wrong["error"]["code"]) == ("FAILED", "too_many_rejects")
    assert is_complete(right, rows=incoming.VISIT_ROWS)
    assert tables.written_items.keys("Visits") == incoming.VISIT_ROWS


def nothing_is_processed_while_paused_and_a_retry_loads_what_had_failed(story: Script, tables: Simulator) -> None:
    assert (story.steps["pause"].json["state"], story.steps["pause"].json["changed"]) == ("paused", True)
    again = story.steps["pause again"].json
    assert again["changed"] is False and again["messages_waiting"] >= 1
    assert story.steps["status tuesday paused"].json["error"]["code"] == "file_missing"
    top = story.steps["top paused"].json
    assert (top["function"]["is_paused"], top["lag"]["drain_s"]) == (True, None)
    assert top["lag"]["messages_visible"] >= 1
    checked = story.steps["check stock"].json
    assert (checked["rows_written"], checked["rows_rejected"]) == (incoming.STOCK_ROWS, 0)
    assert (story.steps["resume"].json["state"], story.steps["resume"].json["changed"]) == ("running", True)
    retried = story.steps["retry"].json
    assert (retried["new_attempt"], retried["messages_sent"], retried["from"]) == (True, 1, "start")
    failed, complete = story.steps["status retried"].json["versions"]
    assert (failed["status"], complete["version"]) == ("FAILED", retried["version"])
    assert is_complete(complete, rows=incoming.STOCK_ROWS)
    expected = {f"{day}-{n}" for day in "ST" for n in range(incoming.STOCK_ROWS)}
    assert {item["sku"]["S"] for item in tables.written_items.items("Stock")} == expected


def dead_letters_are_sent_back_once_their_cause_is_fixed(story: Script, tables: Simulator) -> None:
    dry = story.steps["redrive dry"].json
    by_reason = {letter["reason"]: letter for letter in dry["letters"]}
    assert {reason: letter["chosen"] for reason, letter in by_reason.items()} == {
        "table_missing": True,
        "unknown_message": False,
    }
    assert (dry["found"], dry["chosen"], dry["sent"], dry["deleted"]) == (2, 1, 0, 0)
    assert "Returns" in by_reason["table_missing"]["why"]
    sent = story.steps["redrive"].json
    assert (sent["found"], sent["chosen"], sent["sent"]) == (2, 1, 1)
    assert is_complete(newest(story.steps["status redriven"]), rows=incoming.RETURN_ROWS)
    assert tables.written_items.keys("Returns") == incoming.RETURN_ROWS
    gone = story.steps["redrive discard"].json
    assert (gone["found"], gone["deleted"], gone["sent"]) == (1, 1, 0)
    assert story.steps["redrive none"].json["found"] == 0


def the_row_counts_balance_and_nothing_is_left(story: Script) -> None:
    days = {day["feed"]: day for day in story.steps["history"].json["days"]}
    assert {feed: (day["files"], day["failed"]) for feed, day in days.items()} == {
        "orders": (incoming.GOOD_FILES + 2, 0),
        "clicks": (1, 0),
        "visits": (2, 1),
        "stock": (3, 1),
        "returns": (1, 0),
    }
    files = story.steps["history files"].json["files"]
    for file in files:
        assert file["rows_read"] == file["rows_written"] + file["rows_rejected"] + file["rows_superseded"]
    total = story.steps["history"].json["total"]
    assert total["rows_written"] == sum(file["rows_written"] for file in files)
    top = story.steps["top end"].json
    assert (top["files"]["open"], top["lag"]["drain_s"], top["errors"]["dead_letters"]) == ([], 0.0, 0)
    assert top["throughput"]["rows_written"] == total["rows_written"]
    assert top["errors"]["rows_rejected"] == total["rows_rejected"]


def exactly(number: int) -> dict[str, int]:
    return {"value": number, "low": number, "high": number}


def newest(ran: Ran) -> Any:
    return ran.json["versions"][-1]


def the_file(story: Script, key: str) -> Any:
    return next(file for file in story.steps["history files"].json["files"] if file["file"].endswith(key))


def key_of(file: Any) -> str:
    return "/".join(file["file"].rsplit("/", 2)[1:])


def is_complete(version: Any, *, rows: int) -> bool:
    counts = (version["rows_read"], version["rows_written"], version["rows_rejected"], version["rows_superseded"])
    return bool(version["status"] == "COMPLETE" and counts == (rows, rows, 0, 0))
