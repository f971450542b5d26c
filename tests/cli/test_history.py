"""`ingest history`: what ended, by day and feed."""

import csv
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from ingest.cli import history as command
from ingest.contract import Status
from ingest.errors import BadHeader
from ingest.estimate.cost import ended_dollars
from ingest.feeds.feed import Feed, Index
from ingest.file import FileVersion
from ingest.ledger import queries as ledger_ended
from ingest.ledger.claims import Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import WorkItem
from tests.support.command import NOON, Ran
from tests.support.fakes import ScriptedClock
from tests.support.scenario import LedgerScenario, deployed

DAY = 86_400.0


def ended(
    scenario: LedgerScenario, name: str, days_ago: int = 0, status: str = Status.COMPLETE, rows: int = 10
) -> None:
    """Let a file end some days before today."""
    error = BadHeader("No column id.") if status == Status.FAILED else None
    outcome = Outcome(status, RowCounts(rows, rows - 3, 2, 1, 10 * rows), 2.0, None, error)
    work = WorkItem(FileVersion("landing", name, etag="e", sequencer="0A"))
    scenario.load(work, -days_ago * DAY, outcome, feed=name.partition("/")[0])


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LedgerScenario]:
    monkeypatch.setattr(command, "Clock", lambda: ScriptedClock(NOON))
    with deployed(monkeypatch, tmp_path, clock=ScriptedClock(NOON)) as scenario:
        yield scenario


@pytest.fixture
def scenario(empty: LedgerScenario) -> LedgerScenario:
    """Four files of two days, and one of the week before."""
    ended(empty, "orders/a.csv")
    ended(empty, "orders/b.csv", rows=1000)
    ended(empty, "orders/c.csv", status=Status.FAILED)
    ended(empty, "visits/d.csv", days_ago=1)
    ended(empty, "orders/old.csv", days_ago=8)
    return empty


def days(ran: Ran) -> list[tuple[Any, ...]]:
    return [
        (day["day"], day["feed"], day["files_ended"], day["files_failed"], day["rows_read"]) for day in ran.json["days"]
    ]


YESTERDAY = ("2026-11-21", "visits", 1, 0, 10)
TODAY = ("2026-11-22", "orders", 3, 1, 1020)
OLD = ("2026-11-14", "orders", 1, 0, 10)


ASKED: list[tuple[list[str], list[tuple[Any, ...]]]] = [
    ([], [YESTERDAY, TODAY]),
    (["--days", "1"], [TODAY]),
    (["--days", "9"], [OLD, YESTERDAY, TODAY]),
    (["--day", "2026-11-14"], [OLD]),
    (["--day", "2026-11-15"], []),
    (["--feed", "visits"], [YESTERDAY]),
    (["--feed", "-"], []),
    (["--status", "FAILED"], [("2026-11-22", "orders", 1, 1, 10)]),
]


def test_files_are_counted_by_day_and_feed(capsys: pytest.CaptureFixture[str], scenario: LedgerScenario) -> None:
    for arguments, found in ASKED:
        ran = Ran(capsys, "history", *arguments, "--json")
        assert days(ran) == found, arguments
        assert ran.json["total"]["files_ended"] == sum(day[2] for day in found)


def test_the_table_ends_with_the_sum(capsys: pytest.CaptureFixture[str], scenario: LedgerScenario) -> None:
    lines = [line.split() for line in Ran(capsys, "history").out.splitlines()]
    assert lines[0] == ["day", "feed", "files", "failed", "rows", "read", "written", "rejected", "superseded", "bytes"]
    assert lines[-2:] == [
        ["2026-11-22", "orders", "3", "1", "1,020", "1,011", "6", "3", "10,200"],
        ["total", "4", "1", "1,030", "1,018", "8", "4", "10,300"],
    ]


def test_each_file_is_shown_when_that_is_asked(capsys: pytest.CaptureFixture[str], scenario: LedgerScenario) -> None:
    out = Ran(capsys, "history", "--files").out
    assert [line.split()[1:4] for line in out.splitlines()[2:]] == [
        ["visits", "visits/d.csv", "COMPLETE"],
        ["orders", "orders/a.csv", "COMPLETE"],
        ["orders", "orders/b.csv", "COMPLETE"],
        ["orders", "orders/c.csv", "FAILED"],
    ]
    assert "FAILED bad_header" in out.splitlines()[-1]
    files = Ran(capsys, "history", "--days", "2", "--files", "--json").json["files"]
    assert [file["rows_read"] for file in files] == [10, 10, 1000, 10]


@pytest.mark.parametrize("arguments", [[], ["--files"]])
def test_on_a_narrow_terminal_it_drops_columns_and_names_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, scenario: LedgerScenario, arguments: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended(scenario, "orders/a/name/that/is/long/and/longer/still/and/does/not/fit.csv", status=Status.FAILED)
    lines = Ran(capsys, "history", "--days", "2", *arguments).out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1].startswith("Columns not shown: ") and "bytes" in lines[-1]
    assert "rejected" in lines[0] and "failed" in "".join(lines).lower()
    assert ("orders/c.csv" in "".join(lines)) == bool(arguments)


@pytest.mark.parametrize(("arguments", "count"), [([], 2), (["--files"], 4)])
def test_csv_is_for_spreadsheets(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario, arguments: list[str], count: int
) -> None:
    rows = list(csv.DictReader(io.StringIO(Ran(capsys, "history", "--days", "2", "--csv", *arguments).out)))
    assert len(rows) == count
    assert (rows[0]["day"], rows[0]["feed"], rows[0]["rows_written"]) == ("2026-11-21", "visits", "7")


def test_rows_that_were_skipped_are_counted(capsys: pytest.CaptureFixture[str], empty: LedgerScenario) -> None:
    row_counts = RowCounts(rows_read=1500, rows_unchanged=1200, rows_older=300)
    for name in ("orders/a.csv", "orders/b.csv"):
        work = WorkItem(FileVersion("landing", name, etag="e", sequencer="0A"))
        empty.load(work, -10.0, Outcome(Status.COMPLETE, row_counts, 2.0), feed="orders")
    (today,) = Ran(capsys, "history", "--days", "2", "--json").json["days"]
    assert (today["rows_skipped"], today["rows_unchanged"], today["rows_older"]) == (3000, 2400, 600)
    lines = Ran(capsys, "history", "--days", "2").out.splitlines()
    assert ("skipped" in lines[0].split(), "3,000" in lines[-1].split()) == (True, True)
    (file, _) = csv.DictReader(io.StringIO(Ran(capsys, "history", "--days", "2", "--files", "--csv").out))
    assert (file["rows_skipped"], file["rows_written"]) == ("1500", "0")


def test_of_more_files_than_are_read_at_once_none_is_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, scenario: LedgerScenario
) -> None:
    monkeypatch.setattr(ledger_ended, "MOST_KEYS", 2)
    for n in range(3):
        ended(scenario, f"orders/{n}.csv")
    reported = Ran(capsys, "history", "--days", "1", "--files", "--status", "COMPLETE", "--json").json
    names = [file["file"].rpartition("/")[2] for file in reported["files"]]
    assert sorted(names) == ["0.csv", "1.csv", "2.csv", "a.csv", "b.csv"]


def test_ignored_objects_are_counted_apart_from_files(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    for name in ("_SUCCESS", ".a.csv.crc"):
        file = FileVersion("landing", f"orders/{name}", etag="e", sequencer="0A")
        scenario.at(0).transitions.ignore(file, "orders")
    (today,) = Ran(capsys, "history", "--days", "1", "--json").json["days"]
    assert (today["files_ended"], today["files_failed"], today["files_ignored"]) == (3, 1, 2)
    assert today["statuses"] == {"COMPLETE": 2, "FAILED": 1, "IGNORED": 2}
    lines = [line.split() for line in Ran(capsys, "history", "--days", "1").out.splitlines()]
    assert (lines[0][:5], lines[-1][2:5]) == (["day", "feed", "files", "failed", "ignored"], ["1", "2", "1,020"])
    listed = Ran(capsys, "history", "--days", "1", "--files", "--status", "IGNORED", "--json").json["files"]
    assert sorted(document["file"] for document in listed) == [
        "s3://landing/orders/.a.csv.crc",
        "s3://landing/orders/_SUCCESS",
    ]


def test_when_nothing_ended_it_says_so(capsys: pytest.CaptureFixture[str], empty: LedgerScenario) -> None:
    for arguments in ([], ["--files"]):
        ran = Ran(capsys, "history", "--day", "2020-01-01", *arguments)
        assert ran.out == "No files ended on these days.\n"
    ran = Ran(capsys, "history", "--day", "2020-01-01", "--csv")
    assert (
        ran.out == "day,feed,files_ended,files_failed,files_ignored,"
        "rows_read,rows_written,rows_rejected,rows_superseded,rows_skipped,bytes_read\n"
    )


def expected_dollars(rows: int, files: int, seconds: float) -> float:
    """Return what rows of one unit each cost by the price table: units, the function's time, the ledger, requests."""
    units, gb_s = rows + 4 * files + seconds / 5, seconds * 1769 / 1024
    sqs, reads, logs_gb = 3 * files + seconds / 20, files * 2 + 1, seconds / 5 * 2000 / 1e9
    return logs_gb * 0.5 + units * 0.625e-6 + gb_s * 0.0000133334 + files * 0.2e-6 + sqs * 0.4e-6 + reads * 0.4e-6


def test_cost_is_shown_by_feed_and_day_with_its_sum(
    capsys: pytest.CaptureFixture[str], scenario: LedgerScenario
) -> None:
    ran = Ran(capsys, "history", "--cost")
    *lines, about = ran.out.splitlines()
    assert lines[0].split()[-2:] == ["bytes", "dollars"]
    assert [line.split()[-1][0] for line in lines[2:]] == ["$", "$", "$"]
    assert about.startswith("Dollars are estimated from rows and bytes") and "2026-11-22" in about
    document = Ran(capsys, "history", "--days", "2", "--cost", "--json").json
    yesterday, today = document["days"]
    assert yesterday["dollars"] == pytest.approx(expected_dollars(7, 1, 2.0), abs=1e-6)
    assert today["dollars"] == pytest.approx(expected_dollars(1011, 3, 6.0), abs=1e-6)
    assert document["total"]["dollars"] == pytest.approx(yesterday["dollars"] + today["dollars"], abs=1e-6)
    rows = list(csv.DictReader(io.StringIO(Ran(capsys, "history", "--days", "2", "--cost", "--csv").out)))
    assert [float(row["dollars"]) for row in rows] == [yesterday["dollars"], today["dollars"]]


def test_reads_and_indexes_and_large_rows_cost_too() -> None:
    plain = Feed("o/", "Orders", "id")
    row_counts = RowCounts(rows_read=100_000, rows_written=40_000, rows_unchanged=60_000, bytes_read=200 * 100_000)
    cost = partial(ended_dollars, files=1, seconds=0.0)
    writes = 40_000 * 0.625e-6
    assert cost(row_counts, structs.replace(plain, skip_unchanged=True)) - cost(row_counts, plain) == pytest.approx(
        100_000 * 0.125e-6
    )
    indexed = structs.replace(plain, indexes={"a": Index("a"), "b": Index("b")})
    assert cost(row_counts, indexed) - cost(row_counts, plain) == pytest.approx(2 * writes)
    large = RowCounts(rows_read=1000, rows_written=1000, bytes_read=2048 * 1000)
    assert cost(large, plain) > 2.5 * 1000 * 0.625e-6
    refused = RowCounts(rows_read=1000, rows_older=1000, bytes_read=100)
    assert cost(refused, None) > 1000 * 0.625e-6


@pytest.mark.parametrize(
    ("arguments", "begin"),
    [
        (["--files", "--cost"], "--files and --cost cannot be combined"),
        (["--day", "today"], "--day 'today' is not a valid date"),
        (["--day", "2026-11-22", "--days", "2"], "--day and --days cannot be combined"),
        (["--status", "LOADING"], "--status 'LOADING' is not valid; accepted are COMPLETE"),
        (["--csv", "--json"], "--csv and --json cannot be combined"),
        (["--feed", "nothing"], "feed 'nothing' does not exist"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    capsys: pytest.CaptureFixture[str], empty: LedgerScenario, arguments: list[str], begin: str
) -> None:
    ran = Ran(capsys, "history", *arguments)
    assert ran.code == 2
    assert (ran.err or ran.json["error"]["message"]).removeprefix("ingest: ").lower().startswith(begin.lower())
