"""The judge says nothing where all is right, and finds each thing that is not."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ingest.contract import Status
from loadtest.chaos.uploads import COLUMNS, DEFECTS, FEED, FEEDS
from loadtest.checker.found import Expected, Found, TableFound
from loadtest.checker.judge import BLOCK_BYTES, COUNTS, judge
from loadtest.workload.recipe import recipe_of
from loadtest.workload.stream import GROUP, hashes_of

FILE = Expected(
    key="a.csv",
    table="T",
    bytes=1000,
    rows=100,
    items=90,
    checksum=7,
    rejected={"bad_number": 3, "ragged_row": 1},
    superseded=(4, 6),
)
OTHER = Expected(key="b.csv", table="T", bytes=10, rows=10, items=10, checksum=2**64 - 1)
ENTRY: dict[str, Any] = {
    "file": {"key": "a.csv"},
    "status": Status.COMPLETE,
    "reported": 1,
    "rows_read": 100,
    "rows_written": 91,
    "rows_rejected": 4,
    "rows_superseded": 5,
}
REPORTED = ENTRY | {"file": {"key": "a.csv", "sequencer": "0A"}}  # the other was found in the bucket
OTHERS = ENTRY | {"file": {"key": "b.csv"}, "rows_read": 10, "rows_written": 10, "rows_rejected": 0}
OTHERS |= {"rows_superseded": 0}
GOOD = Found(
    tables={"T": TableFound(items=100, checksum=6, overwritten=1)},
    entries=[ENTRY, OTHERS],
    rejects={"a.csv": Counter(bad_number=3, ragged_row=1)},
    events=[{"key": "a.csv", "id": "1"}, {"key": "b.csv", "id": "2"}, {"key": "b.csv", "id": "2"}],
)


def table(**changed: Any) -> Found:
    return replace(GOOD, tables={"T": replace(GOOD.tables["T"], **changed)})


def first_entry(**changed: Any) -> Found:
    return replace(GOOD, entries=[ENTRY | changed, OTHERS])


def problems(found: Found) -> list[str]:
    return judge([FILE, OTHER], found).problems


def test_a_good_run_has_no_problems_and_says_what_was_counted() -> None:
    check_result = judge([FILE, OTHER], GOOD)
    assert check_result.document() == {
        "ok": True,
        "files": {"expected": 2, "complete": 2, "failed": 0, "superseded": 0},
        "rows": {"expected": 100, "found": 100, "lost": 0, "doubled": 0, "wrong": 0},
        "rejected": {
            "expected": {"bad_number": 3, "ragged_row": 1},
            "found": {"bad_number": 3, "ragged_row": 1},
        },
        "problems": [],
    }


def test_missing_rows_are_lost() -> None:
    check_result = judge([FILE, OTHER], table(items=98, checksum=1))
    assert (check_result.lost, check_result.wrong) == (2, 0)
    assert check_result.problems == ["table T lacks 2 of 100 rows"]


def test_rows_that_no_one_sent_are_wrong() -> None:
    check_result = judge([FILE, OTHER], table(items=101))
    assert (check_result.lost, check_result.wrong) == (0, 1)


def test_content_that_is_not_the_files_is_wrong_even_if_the_number_is_right() -> None:
    check_result = judge([FILE, OTHER], table(checksum=5))
    assert (check_result.lost, check_result.wrong) == (0, 1)
    assert "content" in check_result.problems[0]


def test_a_row_that_was_written_twice_with_different_content_is_doubled_even_if_the_right_one_stayed() -> None:
    check_result = judge([FILE, OTHER], table(overwritten=2))
    assert check_result.doubled == 1
    assert check_result.problems == ["table T: 1 rows were written again with different content"]


def test_rows_that_replace_an_earlier_one_of_another_segment_are_not_doubled() -> None:
    assert problems(table(overwritten=1)) == []
    assert problems(table(overwritten=0)) == []  # the same content twice


def test_a_row_may_replace_one_of_the_block_before_and_no_more_than_stand_so_close() -> None:
    """Its earlier row was in the table before the block of the later one was read."""
    split = replace(FILE, bytes=2 * BLOCK_BYTES, superseded=(4, 500))
    assert judge([split, OTHER], table(overwritten=1 + 2 * GROUP)).ok
    assert judge([split, OTHER], table(overwritten=2 + 2 * GROUP)).doubled == 1
    few = replace(split, superseded=(4, 6))
    assert judge([few, OTHER], table(overwritten=1 + 6)).ok
    assert judge([few, OTHER], table(overwritten=2 + 6)).doubled == 1


def test_who_has_not_seen_the_puts_cannot_say_they_were_doubled() -> None:
    assert problems(table(overwritten=None)) == []


def test_a_missing_table_loses_all_its_rows() -> None:
    assert judge([FILE, OTHER], replace(GOOD, tables={})).lost == 100


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (first_entry(status=Status.FAILED), "a.csv ended as FAILED, expected COMPLETE"),
        (replace(GOOD, entries=[OTHERS]), "a.csv ended as nothing"),
        (replace(GOOD, entries=[ENTRY, ENTRY, OTHERS]), "a.csv ended as COMPLETE, COMPLETE"),
        (replace(GOOD, entries=[ENTRY, REPORTED, OTHERS]), "a.csv ended as COMPLETE, COMPLETE"),
        (first_entry(rows_written=92), "the row counts do not reconcile"),
        (first_entry(rows_read=101, rows_written=92), "the ledger has 101 rows read"),
        (first_entry(rows_rejected=5, rows_written=90), "5 rejected"),
        (first_entry(rows_superseded=7, rows_written=89), "7 rows superseded, expected 4 to 6"),
        (first_entry(rows_superseded=3, rows_written=93), "3 rows superseded, expected 4 to 6"),
        (replace(GOOD, entries=[{k: v for k, v in ENTRY.items() if k != "reported"}, OTHERS]), "never reported"),
        (replace(GOOD, entries=[*GOOD.entries, OTHERS | {"file": {"key": "c"}}]), "c is in the ledger"),
        (replace(GOOD, rejects={}), "the rejects lack {'bad_number': 3, 'ragged_row': 1}"),
        (replace(GOOD, rejects={"a.csv": Counter(bad_number=4, ragged_row=1)}), "{'bad_number': 1} too many"),
        (replace(GOOD, rejects=dict(GOOD.rejects) | {"b.csv": Counter(bad_set=1)}), "b.csv: the rejects have"),
        (replace(GOOD, queue_depth=2), "the queue still holds 2 messages"),
        (replace(GOOD, dead_letters=["{}"]), "1 messages are in the dead-letter queue"),
        (replace(GOOD, events=GOOD.events[:1]), "no event says how 1 files ended, such as b.csv"),
        (replace(GOOD, events=[*GOOD.events, {"key": "a.csv", "id": "3"}]), "a.csv has 2 outcomes"),
        (replace(GOOD, troubles=["1 workers crashed (1)"]), "1 workers crashed"),
        (table(refused=("DynamoDB would have refused 1 requests: x",)), "would have refused"),
    ],
)
def test_each_thing_that_is_wrong_is_said_in_a_sentence(found: Found, said: str) -> None:
    assert any(said in problem for problem in problems(found)), problems(found)


def test_rejects_that_miss_are_lost_rows_and_rejects_too_many_are_doubled() -> None:
    assert judge([FILE, OTHER], replace(GOOD, rejects={})).lost == 4
    assert judge([FILE, OTHER], replace(GOOD, rejects={"a.csv": Counter(bad_number=5, ragged_row=1)})).doubled == 2


def test_of_many_problems_the_first_are_shown_and_the_others_counted() -> None:
    files = [replace(OTHER, key=f"{number}.csv") for number in range(30)]
    shown = judge(files, replace(GOOD, entries=[])).document()["problems"]
    assert len(shown) == 21
    assert shown[-1].startswith("and ")


V1 = replace(OTHER, etag="1", statuses=frozenset({Status.COMPLETE, Status.SUPERSEDED, ""}))
V2 = replace(FILE, key="b.csv", etag="2", rejected={}, superseded=(0, 0), rows=90)
SECOND = ENTRY | {"file": {"key": "b.csv", "etag": "2"}, "rows_read": 90, "rows_written": 90, "rows_rejected": 0}
SECOND |= {"rows_superseded": 0}
REPLACED = Found(
    tables={"T": TableFound(items=90, checksum=7)},
    entries=[SECOND, OTHERS | {"file": {"key": "b.csv", "etag": "1"}, "status": Status.SUPERSEDED}],
    rejects={},
    events=[{"key": "b.csv", "etag": "1", "id": "1"}, {"key": "b.csv", "etag": "2", "id": "2"}],
)


def test_of_two_versions_the_first_may_be_superseded_and_then_none_of_its_rows_is_missed() -> None:
    assert judge([V1, V2], REPLACED).problems == []


def test_a_version_that_no_one_looked_at_is_not_missed_if_that_may_be() -> None:
    assert judge([V1, V2], replace(REPLACED, entries=[SECOND], events=REPLACED.events[1:])).problems == []


def test_a_version_that_is_complete_has_all_its_rows_even_if_it_need_not_be() -> None:
    both = replace(REPLACED, entries=[SECOND, OTHERS | {"file": {"key": "b.csv", "etag": "1"}}])
    assert judge([V1, V2], both).problems == ["table T lacks 10 of 100 rows"]


def test_a_version_that_must_fail_and_loads_is_found() -> None:
    failing = replace(V1, statuses=frozenset({Status.FAILED}))
    assert "expected FAILED" in judge([failing, V2], REPLACED).problems[0]


def ledger(**changed: Any) -> Found:
    file = {"pk": "b/a.csv", "sk": "FILE#01", "status": Status.FAILED, "lease_until": 0}
    return replace(GOOD, ledger=[file, {"pk": "b/a.csv", "sk": "SEG#01#0", "status": Status.PENDING} | changed])


def test_a_segment_that_a_failed_file_has_left_behind_is_not_stuck() -> None:
    assert judge([FILE, OTHER], ledger()).stuck == 0


@pytest.mark.parametrize(("status", "stuck"), [(Status.FAILED, 0), (Status.WAITING, 1)])
def test_a_small_file_is_stuck_or_not_by_what_its_head_says(status: str, stuck: int) -> None:
    head = {"pk": "b/a.csv", "sk": "HEAD", "status": status, "lease_until": 0}
    assert judge([FILE, OTHER], replace(GOOD, ledger=[*ledger().ledger, head])).stuck == stuck


@pytest.mark.parametrize("changed", [{"lease_until": 12}, {"status": Status.LOADING}, {"pk": "b/b.csv"}])
def test_what_someone_holds_or_waits_for_is_stuck(changed: dict[str, Any]) -> None:
    check_result = judge([FILE, OTHER], ledger(**changed))
    assert (check_result.stuck, len(check_result.problems)) == (1, 1)


def test_poison_must_be_in_the_dead_letter_queue_and_nothing_else_may_be() -> None:
    poisoned = replace(GOOD, poison=frozenset({"x"}))
    assert problems(replace(poisoned, dead_letters=["x", "x"])) == []
    assert "is not: x" in problems(poisoned)[0]
    assert "the first: y" in problems(replace(poisoned, dead_letters=["x", "y"]))[0]


RECIPE = recipe_of(FEEDS, FEED, size=300_000, columns=COLUMNS, defects=DEFECTS, file=3)


def leaves(hashes: list[int]) -> list[str]:
    """Return what is wrong if a file was replaced and its table holds items with these hashes."""
    of_items = np.array(hashes, np.uint64)
    found = TableFound(items=len(hashes), checksum=int(of_items.sum(dtype=np.uint64)), hashes=of_items)
    return judge([replace(V1, recipe=RECIPE), V2], replace(REPLACED, tables={"T": found})).problems


def test_some_rows_of_a_file_that_was_replaced_may_be_left_and_no_others() -> None:
    of_v2 = [*range(1, 90), 2**64 - 4005 + FILE.checksum]
    left = hashes_of(RECIPE)[:5].tolist()
    assert leaves(of_v2) == leaves([*of_v2, *left]) == []
    assert leaves([*of_v2, *left, left[0] + 1]) == ["table T has 1 rows that no file says"]
    assert leaves([*of_v2[1:], *left]) == ["table T lacks 1 of 90 rows"]


def begun_anew(**changed: Any) -> Found:
    """Return a run in which a file was begun anew after a deployment."""
    first = ENTRY | {"sk": "FILE#0A", "status": Status.SUPERSEDED, **dict.fromkeys(COUNTS, 0)}
    again = ENTRY | {"sk": "FILE#0A+001", "file": {"key": "a.csv", "retry": 1}}
    events = [{"key": "a.csv", "id": "b/a.csv#0A#SUPERSEDED"}, {"key": "a.csv", "id": "b/a.csv#0A+001#COMPLETE"}]
    return replace(GOOD, entries=[first | changed, again, OTHERS], events=[*events, {"key": "b.csv", "id": "2"}])


def test_an_attempt_that_another_took_the_place_of_is_not_how_a_file_ended() -> None:
    assert problems(begun_anew()) == []


def test_an_attempt_that_ended_otherwise_before_it_was_begun_anew_is_wrong() -> None:
    assert "a.csv ended as COMPLETE, COMPLETE, expected COMPLETE" in problems(begun_anew(status=Status.COMPLETE))


def test_rows_that_were_skipped_are_part_of_the_account() -> None:
    assert problems(first_entry(rows_superseded=4, rows_older=1)) == []
    [problem] = problems(first_entry(rows_older=2))
    assert problem.endswith("100 read, 91 written, 4 rejected, 5 superseded, 2 skipped")
