"""The event that a file ended: what it says, and what it warns of."""

import json
from typing import Any

import pytest

from ingest.contract import Status
from ingest.file import FileVersion
from ingest.ledger.claims import Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.metrics.events import EventBus

FILE = FileVersion("landing", "orders/a.csv", sequencer="0A", etag="e")


class RecordingBus:
    def __init__(self) -> None:
        self.entries: list[Any] = []

    def put_events(self, Entries: list[Any]) -> dict[str, int]:
        self.entries += Entries
        return {"FailedEntryCount": 0}


def detail(row_counts: RowCounts, status: str = Status.COMPLETE) -> tuple[str, dict[str, Any]]:
    """Return the type and the detail of the event of a file with these row counts."""
    bus: Any = RecordingBus()
    EventBus(lambda: bus, stack="ingest").file_ended(FILE, "orders", Outcome(status, row_counts, 1.5))
    (entry,) = bus.entries
    return entry["DetailType"], json.loads(entry["Detail"])


@pytest.mark.parametrize(("superseded", "is_warned_of"), [(0, False), (1, False), (2, True), (500, True)])
def test_it_warns_of_a_file_in_which_more_than_a_thousandth_of_the_rows_share_a_key(
    superseded: int, is_warned_of: bool
) -> None:
    kind, found = detail(RowCounts(1000, 1000 - superseded, 0, superseded, 9999))
    assert kind == "file completed"
    assert ("warning" in found) == is_warned_of
    if is_warned_of:
        assert found["warning"]["code"] == "duplicate_keys"
        assert found["warning"]["message"].startswith(
            f"{superseded} of 1,000 rows ({superseded / 10:.1f}%) have the key"
        )


def test_it_has_the_rows_that_were_skipped_by_why_where_there_are_any() -> None:
    _, found = detail(RowCounts(10, 4, 0, 0, 99, rows_older=5, rows_exists=1))
    assert (found["rows_skipped"], found["rows_older"], found["rows_exists"]) == (6, 5, 1)
    _, found = detail(RowCounts(10, 10, 0, 0, 99))
    assert {name: value for name, value in found.items() if name.startswith("rows_")} == {
        **{"rows_read": 10, "rows_written": 10, "rows_rejected": 0},
        **{"rows_superseded": 0, "rows_skipped": 0},
    }


def test_a_file_without_rows_is_not_warned_of() -> None:
    assert "warning" not in detail(RowCounts(bytes_read=9))[1]
