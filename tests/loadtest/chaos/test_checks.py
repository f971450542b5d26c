"""The judge finds what is wrong, and nothing where all is right."""

from dataclasses import replace
from typing import Any

import pytest

from ingest.contract import Status
from loadtest.chaos.checks import ChaosFound, Judge
from loadtest.chaos.rows import RowMaker, digest_of
from loadtest.chaos.uploads import ALWAYS, PERHAPS, Version

MAKER = RowMaker("f1v1", 1)
DATA = b"".join(MAKER.until(200_000))
ORACLE = MAKER.oracle
VERSION = Version("drops/1.csv", "e1", len(DATA), ALWAYS, oracle=ORACLE)
TABLE = {key: digest_of(key, tail) for key, tail in ORACLE.items.items()}
REJECTS = [{"line": line, "reason": reason} for line, reason in ORACLE.rejects.items()]
ENTRY: dict[str, Any] = {
    "pk": "b/drops/1.csv",
    "sk": "FILE#01",
    "file": {"key": "drops/1.csv", "etag": "e1"},
    "status": Status.COMPLETE,
    "reported": 1,
    "lease_until": 0,
    "rows_read": ORACLE.rows,
    "rows_written": len(ORACLE.items),
    "rows_rejected": len(ORACLE.rejects),
    "rows_superseded": len(ORACLE.repeats),
    "rejects": "s3://r/1",
}
EVENT = {"key": "drops/1.csv", "etag": "e1", "id": "1"}
GOOD = ChaosFound(
    ledger=[ENTRY],
    table=TABLE,
    rejects=lambda url: REJECTS,
    dead_letters=["poison", "poison"],
    queue_depth=0,
    events=[EVENT, EVENT],
)


def problems(found: ChaosFound, version: Version = VERSION) -> list[str]:
    return Judge("b", [version], {"poison"}, found).judge().problems


def entry(**changes: Any) -> list[dict[str, Any]]:
    return [{**ENTRY, **changes}]


def test_a_good_run_has_no_problems() -> None:
    check_result = Judge("b", [VERSION], {"poison"}, GOOD).judge()
    assert check_result.problems == []
    assert (check_result.rows, check_result.lost, check_result.doubled, check_result.stuck) == (ORACLE.rows, 0, 0, 0)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (replace(GOOD, table=dict(list(TABLE.items())[1:])), "the table lacks 1 items"),
        (replace(GOOD, table={**TABLE, ("C", "x"): 1}), "the table has 1 items that no file says"),
        (replace(GOOD, table={**TABLE, next(iter(TABLE)): 1}), "the table has 1 items that no file says"),
        (replace(GOOD, rejects=lambda url: REJECTS[1:]), "rejects missing"),
        (replace(GOOD, rejects=lambda url: [*REJECTS, REJECTS[0]]), "too many"),
        (replace(GOOD, ledger=entry(rows_read=2 * ORACLE.rows)), "do not reconcile"),
        (
            replace(GOOD, ledger=entry(rows_read=ORACLE.rows + 1, rows_written=len(ORACLE.items) + 1)),
            "the row counts are",
        ),
        (replace(GOOD, ledger=entry(status=Status.LOADING)), "ended as ['LOADING']"),
        (replace(GOOD, ledger=entry(lease_until=12)), "its lease runs to 12"),
        (replace(GOOD, ledger=[*entry(), *entry(sk="FILE#~e1")]), "ended as ['COMPLETE', 'COMPLETE']"),
        (replace(GOOD, ledger=[]), "ended as ['']"),
        (replace(GOOD, ledger=[{k: v for k, v in ENTRY.items() if k != "reported"}]), "was never reported"),
        (replace(GOOD, dead_letters=["poison", "good"]), "a dead letter that was not expected: good"),
        (replace(GOOD, dead_letters=[]), "in no dead letter"),
        (replace(GOOD, queue_depth=1), "the queue still holds 1"),
        (replace(GOOD, events=[]), "no event says"),
        (replace(GOOD, events=[EVENT, {**EVENT, "id": "2"}]), "has 2 outcomes"),
    ],
)
def test_what_is_wrong_is_said(found: ChaosFound, said: str) -> None:
    assert any(said in problem for problem in problems(found)), problems(found)


def test_a_version_that_was_overwritten_may_leave_some_of_its_rows() -> None:
    version = replace(VERSION, may_end=PERHAPS)
    found = replace(
        GOOD, ledger=entry(status=Status.SUPERSEDED), table=dict(list(TABLE.items())[:10]), dead_letters=["poison"]
    )
    assert problems(found, version) == []
