"""Rejects as they are counted: by file, by version where there are several, and no row twice without being noticed."""

from collections import Counter
from typing import Any

from loadtest.harness.read_back import rejects_of

ENTRIES = [{"file": {"key": "a.csv", "etag": "1"}, "rejects": "s3://r/1"}, {"file": {"key": "b.csv", "etag": "2"}}]


def rejects(*lines: int) -> list[dict[str, Any]]:
    return [{"line": line, "reason": "bad_number" if line % 2 else "ragged_row"} for line in lines]


def test_rows_are_counted_by_reason_and_a_file_without_rejects_has_none() -> None:
    found = {"a.csv": Counter(bad_number=2, ragged_row=1)}
    assert rejects_of(lambda url: rejects(1, 2, 3), ENTRIES) == found
    assert rejects_of(lambda url: rejects(1, 2, 3), ENTRIES, by_version=True) == {"a.csv 1": found["a.csv"]}


def test_a_row_that_was_rejected_twice_does_not_stand_for_one_that_was_not() -> None:
    found = rejects_of(lambda url: rejects(1, 1), ENTRIES)
    assert found == {"a.csv": Counter({"bad_number": 1, "rejected again": 1})}
