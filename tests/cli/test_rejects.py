"""`ingest rejects`: what was rejected and why, and the rows themselves to fix and drop again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.contract import Reason, Status
from ingest.feeds.dialect import Csv
from ingest.file import FileVersion
from ingest.ledger.claims import Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import WorkItem
from ingest.rejects.bucket import RejectParts
from ingest.rejects.reject import DuplicateRow, Reject
from tests.support.clients import client
from tests.support.command import Ran
from tests.support.scenario import LedgerScenario, deployed

KEY = "orders/a.csv"


def found(offset: int, raw: bytes, value: str | None = "x", reason: str = Reason.BAD_NUMBER) -> Reject:
    return Reject(offset // 10 + 1, offset, reason, "not a valid number", "n", value, raw)


def ended(
    stack: LedgerScenario, *rejects: Reject, sequencer: str = "0A", second: float = -1000.0, csv: Csv | None = None
) -> None:
    """Let a version of the file be loaded, with these rejects."""
    file = FileVersion("landing", KEY, sequencer=sequencer, etag=f"e{sequencer}")
    parts = RejectParts(client=client("s3"), bucket="rejects", file=file)
    parts.begin(b"id;n\n", csv or Csv(delimiter=";"))
    parts.add(list(rejects))
    parts.close()
    row_counts = RowCounts(10, 10 - len(rejects), len(rejects), 0, 100)
    stack.load(WorkItem(file), second, Outcome(Status.COMPLETE, row_counts, 1.0, parts.url if rejects else None))


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LedgerScenario]:
    with deployed(monkeypatch, tmp_path, columns=120) as made:
        yield made


def test_the_reasons_come_first_then_the_rows(capsys: pytest.CaptureFixture[str], stack: LedgerScenario) -> None:
    ragged = Reject(9, 80, Reason.RAGGED_ROW, "the record has 1 cell(s)", None, None, b"e\n")
    ended(stack, found(10, b"a;x\n"), found(40, b"d;y\n", "y"), ragged)
    lines = [line.rstrip() for line in Ran(capsys, "rejects", KEY).out.splitlines()]
    assert lines[0] == f"s3://landing/{KEY}, version 0A{'0' * 30}: COMPLETE"
    assert lines[1] == "3 row(s) rejected: 2 bad_number, 1 ragged_row"
    assert [line.split()[:4] for line in lines[5:7]] == [["2", "n", "bad_number", "x"], ["5", "n", "bad_number", "y"]]
    assert lines[7].split()[:3] == ["9", "ragged_row", "the"]


def test_a_limit_leaves_the_counts_as_they_are(capsys: pytest.CaptureFixture[str], stack: LedgerScenario) -> None:
    ended(stack, *(found(10 * n, b"a;x\n") for n in range(1, 6)))
    out = Ran(capsys, "rejects", KEY, "--limit", "2").out
    assert "5 row(s) rejected: 5 bad_number" in out
    assert out.count(" bad_number ") == 2
    assert out.endswith("Only the first 2 are shown; see --limit, --reason, --csv and --json.\n")


def test_for_machines_it_is_one_object_with_all_of_them(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario
) -> None:
    ended(stack, found(10, b"a;x\n"), found(40, b"\xff;y\n", None, Reason.BAD_ENCODING))
    reported = Ran(capsys, "rejects", f"s3://landing/{KEY}", "--json").json
    assert (reported["file"], reported["status"], reported["rows_rejected"]) == (f"s3://landing/{KEY}", "COMPLETE", 2)
    assert (reported["reasons"], reported["truncated"]) == ({"bad_number": 1, "bad_encoding": 1}, False)
    assert [(reject["line"], reject["byte_offset"]) for reject in reported["rejects"]] == [(2, 10), (5, 40)]
    assert reported["rejects"][0]["raw"] == "a;x\n"
    cut = Ran(capsys, "rejects", KEY, "--json", "--limit", "1").json
    assert (len(cut["rejects"]), cut["rows_rejected"], cut["truncated"]) == (1, 2, True)


def test_the_csv_is_the_rows_as_they_stand_under_the_files_own_header(
    capfdbinary: pytest.CaptureFixture[bytes], stack: LedgerScenario
) -> None:
    ended(stack, found(10, "ä;x\n".encode()), found(40, b"d;y"), csv=Csv(delimiter=";", encoding="cp1252"))
    assert run(capfdbinary, "rejects", KEY, "--csv") == (0, "id;n\nä;x\nd;y\n".encode("cp1252"), b"")


def test_a_reason_and_a_limit_choose_rows_of_the_csv(
    capfdbinary: pytest.CaptureFixture[bytes], stack: LedgerScenario
) -> None:
    bad = [found(10 * n, b"%d;x\n" % n) for n in range(1, 4)]
    ended(stack, *bad, found(90, b"r\n", None, Reason.RAGGED_ROW), found(95, b"long", None, Reason.RECORD_TOO_LONG))
    _, out, err = run(capfdbinary, "rejects", KEY, "--csv")
    assert out == b"id;n\n1;x\n2;x\n3;x\nr\n"
    assert err == b"ingest: 1 row(s) with reason record_too_long are left out: only their beginning was kept.\n"
    assert run(capfdbinary, "rejects", KEY, "--csv", "--limit", "2")[1] == b"id;n\n1;x\n2;x\n"
    assert run(capfdbinary, "rejects", KEY, "--csv", "--reason", "ragged_row") == (0, b"id;n\nr\n", b"")


def run(captured: pytest.CaptureFixture[bytes], *arguments: str) -> tuple[int, bytes, bytes]:
    from ingest.cli import main as cli

    code = cli.run(list(arguments))
    return code, *captured.readouterr()


def test_the_newest_version_is_meant_unless_another_is_named(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario
) -> None:
    ended(stack, found(10, b"a;x\n"), second=-200)
    ended(stack, second=-100, sequencer="0B")
    assert Ran(capsys, "rejects", KEY).out.endswith("COMPLETE\nNo rows were rejected.\n")
    assert Ran(capsys, "rejects", KEY, "--json").json["rejects"] == []
    assert Ran(capsys, "rejects", KEY, "--json", "--version", "e0a").json["rows_rejected"] == 1


def test_rejects_that_were_kept_long_enough_are_reported_of(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario
) -> None:
    ended(stack, found(10, b"a;x\n"))
    for thing in client("s3").list_objects_v2(Bucket="rejects")["Contents"]:
        client("s3").delete_object(Bucket="rejects", Key=thing["Key"])
    ran = Ran(capsys, "rejects", KEY)
    assert ran.code == 3
    assert ran.sentence.startswith(
        f"The 1 rejected row(s) of s3://landing/{KEY} have expired from s3://rejects/orders/a.csv/"
    )


def test_values_can_do_nothing_to_the_terminal(capsys: pytest.CaptureFixture[str], stack: LedgerScenario) -> None:
    ended(stack, found(10, b"a;x\n", "\x1b[2J" + "y" * 100))
    out = Ran(capsys, "rejects", KEY).out
    assert "\x1b" not in out and "\\x1b[2J" in out
    assert "y" * 57 not in out.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "begin"),
    [
        (["--csv", "--json"], "--csv and --json cannot be combined"),
        (["--reason", "bad"], "--reason 'bad' is not valid; accepted are ragged_row,"),
    ],
)
def test_what_cannot_be_asked_is_refused(capsys: pytest.CaptureFixture[str], arguments: Any, begin: str) -> None:
    ran = Ran(capsys, "rejects", KEY, *arguments)
    assert ran.code == 2
    assert (ran.err or ran.json["error"]["message"]).removeprefix("ingest: ").startswith(begin)


# --- duplicates ---


def with_duplicates(stack: LedgerScenario, *portions: list[DuplicateRow], superseded: int = 25) -> None:
    """Let a file be loaded, with these duplicates in portions that were flushed one by one."""
    file = FileVersion("landing", KEY, sequencer="0A", etag="e0A")
    parts = RejectParts(client=client("s3"), bucket="rejects", file=file)
    for portion in portions:
        parts.add_duplicates(portion)
        parts.flush()
    row_counts = RowCounts(100, 100 - superseded, 0, superseded, 100)
    stack.load(WorkItem(file), -1000.0, Outcome(Status.COMPLETE, row_counts, 1.0))


def duplicate(line: int) -> DuplicateRow:
    return DuplicateRow({"id": f"k{line}", "at": "\x1b[2J"}, line - 1, line, 10 * line)


def test_the_first_rows_that_share_a_key_are_shown_with_both_lines(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario
) -> None:
    with_duplicates(stack, [duplicate(line) for line in range(50, 60)], [duplicate(line) for line in range(3, 18)])
    ran = Ran(capsys, "rejects", KEY, "--duplicates")
    lines = [line.split() for line in ran.out.splitlines() if line.strip()]
    assert (ran.code, lines[0][-1]) == (0, "COMPLETE")
    assert " ".join(lines[1]).startswith("25 of 100 rows (25.0%) have the key of a later row")
    assert " ".join(lines[2]) == "The first rows replaced by a later row with the same key:"
    assert lines[3] == ["id", "at", "line", "replaced", "by", "line"]
    first = [*range(3, 18), *range(50, 55)]
    assert lines[5:] == [[f"k{line}", "\\x1b[2J", str(line - 1), str(line)] for line in first]
    two = Ran(capsys, "rejects", KEY, "--duplicates", "--limit", "2").out
    assert [line.split()[0] for line in two.splitlines()[-2:]] == ["k3", "k4"]


def test_duplicates_for_machines_are_one_object(capsys: pytest.CaptureFixture[str], stack: LedgerScenario) -> None:
    with_duplicates(stack, [duplicate(3)], superseded=1)
    found = Ran(capsys, "rejects", KEY, "--duplicates", "--json").json
    assert found["duplicates"] == [duplicate(3).document()]
    assert (found["rows_superseded"], found["truncated"], found["warning"]["code"]) == (1, False, "duplicate_keys")


def test_duplicates_are_not_rejects(capsys: pytest.CaptureFixture[str], stack: LedgerScenario) -> None:
    with_duplicates(stack, [duplicate(3)])
    assert Ran(capsys, "rejects", KEY).out.endswith("COMPLETE\nNo rows were rejected.\n")
    ended(stack, found(10, b"a;x\n"), sequencer="0B")
    assert Ran(capsys, "rejects", KEY, "--duplicates").out.endswith("COMPLETE\nNo row has the key of a later row.\n")
    assert Ran(capsys, "rejects", KEY, "--duplicates", "--json").json["duplicates"] == []


def test_duplicates_that_are_not_kept_any_more_are_a_fault(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario
) -> None:
    with_duplicates(stack)
    ran = Ran(capsys, "rejects", KEY, "--duplicates")
    assert ran.code == 3
    assert ran.sentence.startswith(f"The first of the 25 duplicate(s) of s3://landing/{KEY} are not kept: they have")


@pytest.mark.parametrize("option", [["--csv"], ["--reason", "bad_number"]], ids=["csv", "reason"])
def test_duplicates_have_no_csv_and_no_reason(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario, option: list[str]
) -> None:
    ran = Ran(capsys, "rejects", KEY, "--duplicates", *option)
    assert (ran.code, ran.sentence) == (2, f"--duplicates and {option[0]} cannot be combined.")
