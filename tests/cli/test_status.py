"""`ingest status`: what it shows of a ledger that the workers' own calls have written."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import Group

from ingest.cli import status as command
from ingest.cli.status import keep_looking
from ingest.contract import Status
from ingest.errors import BadHeader, Throttled, WaitingForBudget
from ingest.file import FileVersion
from ingest.ledger.claims import Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import SegmentPlan, WorkItem
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment
from ingest.rejects.bucket import RejectParts
from ingest.rejects.reject import DuplicateRow
from tests.support.clients import client
from tests.support.command import NOON, Ran
from tests.support.fakes import ScriptedClock
from tests.support.scenario import LedgerScenario, deployed


def file(name: str, sequencer: str = "0A", size: int = 1000) -> FileVersion:
    return FileVersion("landing", name, etag=f"e{sequencer}", sequencer=sequencer, size_bytes=size)


def whole(
    scenario: LedgerScenario, name: str, begun: float, ended: float, status: str = Status.COMPLETE, **more: Any
) -> None:
    """A file from its beginning to its reported end."""
    outcome = Outcome(status, RowCounts(10, 8, 2, 0, 100), ended - begun, **more)
    scenario.load(WorkItem(file(name)), ended, outcome, feed=name.partition("/")[0])


@pytest.fixture
def scenario(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LedgerScenario]:
    with deployed(monkeypatch, tmp_path, clock=ScriptedClock(NOON)) as made:
        monkeypatch.setattr(command, "Clock", lambda: made.clock)
        yield made


def names(ran: Ran) -> list[str]:
    return [document["file"].rpartition("/")[2] for document in ran.json["files"]]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


# --- all files ---


def test_without_any_file_it_says_so(capsys: pytest.CaptureFixture[str], scenario: LedgerScenario) -> None:
    ran = Ran(capsys, "status")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("No files are open and none finished today (UTC).")


def test_a_file_that_loads_is_shown_with_how_far_it_has_come(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    work = WorkItem(file("orders/now.csv"))
    token = scenario.begin(work, -100)
    scenario.save(work, token, -10, RowCounts(5000, 4990, 7, 3, 250))
    ran = Ran(capsys, "status")
    *_, line = [line for line in ran.out.splitlines() if line.strip()]
    assert cells(line) == ["orders/now.csv", "LOADING", "25.0 %", "50", "5,000", "7", "1 min 40 s"]
    (document,) = Ran(capsys, "status", "--json").json["files"]
    assert document == {
        "file": "s3://landing/orders/now.csv",
        "version": "0A" + "0" * 30,
        "version_id": None,
        "etag": "e0A",
        "size_bytes": 1000,
        "feed": "orders",
        "status": "LOADING",
        "undo": False,
        "progress": 0.25,
        "segments": None,
        "rows_per_s": 50.0,
        "rows_read": 5000,
        "rows_written": 4990,
        "rows_rejected": 7,
        "rows_superseded": 3,
        "rows_skipped": 0,
        "bytes_read": 250,
        "age_s": 100.0,
        "first_seen": "2026-11-22T11:58:20Z",
        "ended": None,
        "seconds": None,
        "rejects_at": None,
        "table_may_hold_more": False,
        "warning": None,
        "attempts": 1,
        "resent": 0,
        "last_progress": "2026-11-22T11:59:50Z",
        "lease": {"held_s": 100.0, "left_s": -40.0},
        "error": None,
    }


def test_an_ignored_object_is_shown_as_what_it_is(capsys: pytest.CaptureFixture[str], scenario: LedgerScenario) -> None:
    scenario.at(-5).transitions.ignore(file("orders/_SUCCESS", size=0), "orders")
    *_, line = [line for line in Ran(capsys, "status").out.splitlines() if line.strip()]
    assert cells(line)[:2] == ["orders/_SUCCESS", "IGNORED"]
    (document,) = Ran(capsys, "status", "--status", "IGNORED", "--json").json["files"]
    assert (document["status"], document["attempts"], document["error"], document["rows_read"]) == (
        "IGNORED",
        0,
        None,
        0,
    )
    assert (document["first_seen"], document["ended"]) == ("2026-11-22T11:59:55Z",) * 2
    ran = Ran(capsys, "status", "orders/_SUCCESS")
    assert (ran.code, ran.err) == (0, "")
    assert "feed orders: IGNORED" in ran.out


@pytest.mark.parametrize(("columns", "lines"), [("80", 3), (None, 1)])
def test_a_key_is_never_cut_and_in_a_pipe_each_file_is_one_line(
    capsys: pytest.CaptureFixture[str],
    scenario: LedgerScenario,
    monkeypatch: pytest.MonkeyPatch,
    columns: str | None,
    lines: int,
) -> None:
    key = "orders/" + "x" * 43
    work = WorkItem(file(key))
    scenario.save(work, scenario.begin(work, -4000), -10, RowCounts(12_345_678, 12_345_678, 0, 0, 250))
    monkeypatch.setenv("COLUMNS", columns or "")
    if columns is None:
        monkeypatch.delenv("COLUMNS")
    head, _, *shown = Ran(capsys, "status").out.rstrip().splitlines()
    assert head.split() == ["file", "status", "done", "rows/s", "rows", "rejects", "age"]
    assert "12,345,678" in shown[0] and "1 h 6 min" in shown[0]
    assert len(shown) == lines
    assert "".join(line.split()[0] for line in shown) == key


def test_of_a_compressed_file_it_is_not_known_how_much_is_to_come(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    for name, bytes_read in (("orders/a.csv.gz", 250), ("orders/unnamed", 2000)):
        work = WorkItem(file(name))
        scenario.save(
            work, scenario.begin(work, -100), -10, RowCounts(rows_read=1, rows_written=1, bytes_read=bytes_read)
        )
    assert [document["progress"] for document in Ran(capsys, "status", "--json").json["files"]] == [None, None]


def split(scenario: LedgerScenario, name: str, *, planned: bool = True) -> tuple[FileVersion, list[WorkItem]]:
    """A file of three segments behind a head of 10 bytes: one done, one half done, one not begun."""
    large = file(name, size=910)
    token = scenario.begin(WorkItem(large), -200)
    ends = [Position(byte, byte // 10) for byte in (10, 310, 610, 910)]
    works = [WorkItem(large, Segment(start, end)) for start, end in pairwise(ends)]
    for work in works:
        assert work.segment
        scenario.at(-190).transitions.add_segment(large, work.segment)
    plan = SegmentPlan(ends[-1], 3)
    scenario.at(-180).leases.save_plan(large, token, plan)
    if planned:
        scenario.at(-170).transitions.split(large, token, plan, head_bytes=10)
    done = scenario.begin(works[0], -160)
    scenario.at(-100).transitions.end_segment(works[0], done, RowCounts(30, 29, 1, 0, 300), is_whole=True)
    scenario.save(works[1], scenario.begin(works[1], -90, lease_s=150), -30, RowCounts(15, 14, 1, 0, 150))
    return large, works


@pytest.mark.parametrize(("planned", "status", "shown"), [(True, "SPLIT", "1/3"), (False, "LOADING", "1/3…")])
def test_a_split_file_has_come_as_far_as_its_segments(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario, planned: bool, status: str, shown: str
) -> None:
    split(scenario, "orders/large.csv", planned=planned)
    ran = Ran(capsys, "status")
    *_, line = [line for line in ran.out.splitlines() if line.strip()]
    assert cells(line) == ["orders/large.csv", status, "50.5 %", shown, "0", "45", "2", "3 min 20 s"]
    (document,) = Ran(capsys, "status", "--json").json["files"]
    assert document["segments"] == {"planned": 3, "done": 1, "all_planned": planned}
    assert (document["rows_read"], document["bytes_read"]) == (45, 460)


def busy_day(scenario: LedgerScenario) -> None:
    whole(scenario, "orders/yesterday.csv", -90_000, -86_400)
    whole(scenario, "orders/early.csv", -3000, -2900)
    whole(scenario, "visits/bad.csv", -2000, -1900, Status.FAILED, error=BadHeader("It has no id."))
    whole(scenario, "orders/late.csv", -2500, -500)
    whole(scenario, "-/no_feed.csv", -300, -290, Status.FAILED)
    scenario.begin(WorkItem(file("orders/long.csv")), -7000)
    work = WorkItem(file("visits/short.csv"))
    scenario.ledger.leases.put_back(
        work, scenario.begin(work, -100, feed="visits"), None, Throttled("The table takes nothing.")
    )


def test_open_files_come_first_and_then_those_that_ended_today_the_newest_first(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    busy_day(scenario)
    ran = Ran(capsys, "status", "--json")
    assert names(ran) == ["short.csv", "long.csv", "no_feed.csv", "late.csv", "bad.csv", "early.csv"]
    assert ran.json["files"][0]["error"] == {"code": "throttled", "message": "The table takes nothing."}
    assert (ran.json["stack"], ran.json["at"], ran.json["truncated"]) == ("ingest", "2026-11-22T12:00:00Z", False)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--feed visits", ["short.csv", "bad.csv"]),
        ("--feed -", ["no_feed.csv"]),
        ("--status FAILED", ["no_feed.csv", "bad.csv"]),
        ("--status WAITING", ["short.csv"]),
        ("--status SPLIT", []),
        ("--feed orders --status COMPLETE", ["late.csv", "early.csv"]),
        ("--day 2026-11-21", ["yesterday.csv"]),
        ("--day 2026-11-22 --status COMPLETE", ["late.csv", "early.csv"]),
        ("--limit 3", ["short.csv", "long.csv", "no_feed.csv"]),
    ],
)
def test_files_can_be_asked_for_by_feed_status_and_day(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario, options: str, expected: list[str]
) -> None:
    busy_day(scenario)
    assert names(Ran(capsys, "status", "--json", *options.split())) == expected


def test_it_says_that_there_are_more_files_than_it_shows(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    busy_day(scenario)
    assert "Only the first 5 are shown;" in Ran(capsys, "status", "--limit", "5").out
    assert "Only the first" not in Ran(capsys, "status", "--limit", "6").out
    assert Ran(capsys, "status", "--limit", "5", "--json").json["truncated"] is True


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--feed order", "Feed 'order' does not exist (did you mean 'orders'?); feeds.toml declares: orders, visits."),
        ("--status failed", "--status 'failed' is not valid; accepted are LOADING, WAITING, SPLIT, COMPLETE, FAILED,"),
        ("--day yesterday", "--day 'yesterday' is not a valid date; write it as 2026-11-22."),
        ("--day 20261122", "--day '20261122' is not a valid date"),
        ("--day 2026-11-22 --status SPLIT", "--day and --status SPLIT cannot be combined"),
        ("--version 1", "--version needs FILE."),
        ("a.csv --feed orders", "FILE and --feed cannot be combined."),
        ("a.csv --watch", "FILE and --watch cannot be combined."),
        ("s3://landing", "s3://landing is not the URL of an S3 object; write s3://bucket/key."),
    ],
)
def test_options_that_cannot_be_combined_exit_with_2(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario, options: str, sentence: str
) -> None:
    ran = Ran(capsys, "status", *options.split())
    assert ran.sentence.startswith(sentence)
    assert ran.code == 2


# --- watching ---


class Impatient:
    """A clock on which somebody presses Ctrl-C after some pauses."""

    def __init__(self, pauses: int) -> None:
        self.slept: list[float] = []
        self._pauses = pauses

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == self._pauses:
            raise KeyboardInterrupt


def test_watching_looks_again_until_it_is_interrupted() -> None:
    views: list[Group] = []
    clock = Impatient(3)
    with pytest.raises(KeyboardInterrupt):
        keep_looking(lambda: views.append(Group("a view")) or views[-1], 0.5, clock)  # type: ignore[func-returns-value]
    assert (len(views), clock.slept) == (3, [0.5] * 3)


@pytest.mark.parametrize(("options", "pause"), [(["--watch"], 2.0), (["--watch", "7s"], 7.0)])
def test_watching_shows_the_files_and_ends_with_130(
    capsys: pytest.CaptureFixture[str],
    scenario: LedgerScenario,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    pause: float,
) -> None:
    scenario.begin(WorkItem(file("orders/now.csv")), -100)
    slept: list[float] = []

    def interrupt(seconds: float) -> None:
        slept.append(seconds)
        raise KeyboardInterrupt

    monkeypatch.setattr(scenario.clock, "sleep", interrupt)
    ran = Ran(capsys, "status", *options, "--feed", "orders")
    assert (ran.code, slept, ran.err) == (130, [pause], "ingest: Interrupted.\n")
    assert "orders/now.csv" in ran.out


def test_watching_is_not_for_machines(capsys: pytest.CaptureFixture[str], scenario: LedgerScenario) -> None:
    ran = Ran(capsys, "status", "--watch", "--json")
    assert ran.code == 2
    assert ran.json["error"]["message"].startswith("--watch and --json cannot be combined.")


# --- one file ---


def test_a_file_is_shown_with_all_its_versions(capsys: pytest.CaptureFixture[str], scenario: LedgerScenario) -> None:
    key = "orders/a.csv"
    for sequencer, at, status in (("0A", -900, Status.COMPLETE), ("0B", -600, Status.FAILED)):
        version = file(key, sequencer)
        token = scenario.begin(WorkItem(version), at)
        error = BadHeader("The header has no column 'id'.") if status == Status.FAILED else None
        outcome = Outcome(status, RowCounts(10, 8, 2, 0, 1000), 12.5, f"s3://rejects/{key}/{sequencer}/", error)
        scenario.at(at + 12.5).transitions.end_file(version, token, outcome)
    ran = Ran(capsys, "status", key)
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "s3://landing/orders/a.csv",
        "",
        "version 0A000000000000000000000000000000, 1,000 bytes, feed orders: COMPLETE",
        "  done     100 %",
        "  seen     first 2026-11-22T11:45:00Z, ended 2026-11-22T11:45:12Z, 12.5 s, 1 attempt(s)",
        "  rows     10 rows read = 8 written + 2 rejected + 0 superseded; row counts reconcile.",
        "  rejects  s3://rejects/orders/a.csv/0A/",
        "",
        "version 0B000000000000000000000000000000, 1,000 bytes, feed orders: FAILED",
        "  done     100 %",
        "  seen     first 2026-11-22T11:50:00Z, ended 2026-11-22T11:50:12Z, 12.5 s, 1 attempt(s)",
        "  rows     10 rows read = 8 written + 2 rejected + 0 superseded; row counts reconcile.",
        "  rejects  s3://rejects/orders/a.csv/0B/",
        "  error    The header has no column 'id'.",
        "  note     it was ended early: the table may hold more rows than are counted here",
    ]
    document = Ran(capsys, "status", f"s3://landing/{key}", "--json").json
    assert [version["status"] for version in document["versions"]] == ["COMPLETE", "FAILED"]
    assert document["versions"][1]["error"] == {"code": "bad_header", "message": "The header has no column 'id'."}
    assert (document["segments_of"], document["segments"]) == ("0B" + "0" * 30, [])


def with_duplicates(scenario: LedgerScenario, name: str, row_counts: RowCounts, *found: DuplicateRow) -> None:
    parts = RejectParts(client=client("s3"), bucket="rejects", file=file(name))
    parts.add_duplicates(list(found))
    parts.close()
    scenario.load(WorkItem(file(name)), -100, Outcome(Status.COMPLETE, row_counts, 1.0))


def test_a_file_whose_rows_share_keys_is_shown_with_a_warning_and_the_first_of_them(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    found = DuplicateRow({"day": "2026-11-22", "hour": "7"}, 4, 9, 120)
    with_duplicates(scenario, "orders/a.csv", RowCounts(1000, 600, 0, 400, 9999), found)
    lines = Ran(capsys, "status", "orders/a.csv").out.splitlines()
    warning = "400 of 1,000 rows (40.0%) have the key of a later row, which replaced them. Check that the feed's key "
    assert f"  warning  {warning}is the whole key." in lines
    assert lines[-1].split() == ["2026-11-22", "7", "4", "9"]
    document = Ran(capsys, "status", "orders/a.csv", "--json").json
    assert document["versions"][0]["warning"] == {"code": "duplicate_keys", "message": f"{warning}is the whole key."}
    assert document["duplicates"] == [found.document()]
    assert "COMPLETE duplicate_keys" in Ran(capsys, "status").out


def test_a_file_with_few_duplicates_is_shown_without_a_warning(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    with_duplicates(scenario, "orders/b.csv", RowCounts(1000, 999, 0, 1, 9999), DuplicateRow({"id": "k"}, 2, 3, 30))
    out = Ran(capsys, "status", "orders/b.csv").out
    assert "  warning" not in out
    assert out.splitlines()[-1].split() == ["k", "2", "3"]
    assert "duplicate_keys" not in Ran(capsys, "status").out


def test_the_segments_of_a_file_are_shown_with_state_lease_and_checkpoint(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    split(scenario, "orders/large.csv")
    ran = Ran(capsys, "status", "orders/large.csv")
    lines = ran.out.splitlines()
    assert "  done     50.5 %, 1/3 segments" in lines
    rows = [cells(line) for line in lines if line.strip().startswith(("10 ", "310 ", "610 "))]
    assert rows == [
        ["10", "310", "1", "DONE", "100 %", "30", "1", "1"],
        ["310", "610", "31", "LOADING", "50.0 %", "15", "1", "1", "held for 1 min 30 s, 1 min 0 s left"],
        ["610", "910", "61", "PENDING", "0.0 %", "0", "0", "0"],
    ]
    document = Ran(capsys, "status", "orders/large.csv", "--json").json
    assert document["segments"][1] == {
        "first_byte": 310,
        "end_byte": 610,
        "first_line": 31,
        "status": "LOADING",
        "progress": 0.5,
        "checkpoint_byte": 460,
        "rows_read": 15,
        "rows_written": 14,
        "rows_rejected": 1,
        "rows_superseded": 0,
        "rows_skipped": 0,
        "bytes_read": 150,
        "attempts": 1,
        "resent": 0,
        "last_progress": "2026-11-22T11:59:30Z",
        "lease": {"held_s": 90.0, "left_s": 60.0},
        "error": None,
    }


def test_rows_that_were_skipped_are_shown_with_why(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    row_counts = RowCounts(12_000, 9_000, 0, 0, 100, rows_older=2_000, rows_exists=1_000)
    scenario.load(WorkItem(file("orders/a.csv")), -50, Outcome(Status.COMPLETE, row_counts, 2.0), feed="orders")
    sentence = "0 superseded + 3,000 skipped (2,000 older, 1,000 exists); row counts reconcile."
    assert sentence in Ran(capsys, "status", "orders/a.csv").out
    head, line = Ran(capsys, "status").out.splitlines()[::2]
    assert ("skipped" in head, "3,000" in line) == (True, True)
    (found,) = Ran(capsys, "status", "--json").json["files"]
    assert [found[f"rows_{what}"] for what in ("skipped", "older", "exists")] == [3_000, 2_000, 1_000]
    assert "rows_unchanged" not in found


def test_an_expired_lease_says_since_when(capsys: pytest.CaptureFixture[str], scenario: LedgerScenario) -> None:
    scenario.begin(WorkItem(file("orders/dead.csv")), -100, lease_s=60)
    assert "  lease    expired 40 s ago" in Ran(capsys, "status", "orders/dead.csv").out.splitlines()


def test_segments_may_be_limited(capsys: pytest.CaptureFixture[str], scenario: LedgerScenario) -> None:
    split(scenario, "orders/large.csv")
    ran = Ran(capsys, "status", "orders/large.csv", "--limit", "2")
    assert "There are 3 segments; use --limit to show more." in ran.out
    document = Ran(capsys, "status", "orders/large.csv", "--limit", "2", "--json").json
    assert (len(document["segments"]), document["truncated"]) == (2, True)


@pytest.mark.parametrize("name", ["0a", "0A" + "0" * 30, "e0A"])
def test_the_segments_of_an_older_version_are_shown_by_its_sequencer_version_or_etag(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario, name: str
) -> None:
    split(scenario, "orders/large.csv")
    scenario.begin(WorkItem(file("orders/large.csv", "0B")), -10)
    assert Ran(capsys, "status", "orders/large.csv", "--json").json["segments"] == []
    document = Ran(capsys, "status", "orders/large.csv", "--json", "--version", name).json
    assert (document["segments_of"], len(document["segments"])) == ("0A" + "0" * 30, 3)


def test_a_version_that_is_not_there_is_refused_with_those_that_are(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    scenario.begin(WorkItem(file("orders/a.csv")), -10)
    ran = Ran(capsys, "status", "orders/a.csv", "--version", "zz")
    assert (ran.code, ran.sentence) == (2, f"--version 'zz' is not in the ledger; it has: 0A{'0' * 30}.")


def test_a_file_that_waits_for_the_write_budget_says_so(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    work = WorkItem(file("orders/a.csv"))
    token = scenario.begin(work, -30)
    scenario.at(-20).leases.put_back(work, token, None, WaitingForBudget("Table Orders waits for the write budget."))
    (line,) = [line for line in Ran(capsys, "status").out.splitlines() if "a.csv" in line]
    assert "waiting for the write budget" in line
    (found,) = Ran(capsys, "status", "--json").json["files"]
    assert found["status"] == Status.WAITING
    assert "  waits    waiting for the write budget" in Ran(capsys, "status", "orders/a.csv").out.splitlines()


def test_a_split_file_says_how_many_of_its_segments_wait_for_the_write_budget(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    _, works = split(scenario, "orders/large.csv")
    token = scenario.begin(works[2], -30)
    parked = WaitingForBudget("Table Orders waits for the write budget.")
    scenario.at(-20).leases.put_back(works[2], token, None, parked)
    assert (
        "  waits    1 segment(s) waiting for the write budget"
        in Ran(capsys, "status", "orders/large.csv").out.splitlines()
    )
