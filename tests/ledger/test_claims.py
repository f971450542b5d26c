"""Whose file is it?"""

import pytest

from ingest.contract import FINAL_STATUSES, Status
from ingest.ledger.claims import Busy, ClaimStatus, Duplicate, LeaseToken, final_status, judge_claim
from ingest.ledger.row_counts import RowCounts


def test_each_delivery_of_a_message_has_its_own_token() -> None:
    assert LeaseToken("m", 1, 0.0, "w").value == "m/1/w"
    assert LeaseToken("m", 2, 0.0, "w").value == "m/2/w"


def test_two_workers_that_are_handed_the_same_delivery_have_tokens_of_their_own() -> None:
    assert LeaseToken("m", 1, 0.0, "v").value != LeaseToken("m", 1, 0.0, "w").value


@pytest.mark.parametrize("status", [Status.LOADING, Status.WAITING])
def test_an_earlier_delivery_of_the_same_message_is_waited_for(status: str) -> None:
    assert judge_claim(ClaimStatus(status, "m/1/w"), LeaseToken("m", 2, 0.0)) == Busy()


@pytest.mark.parametrize("holder", ["n/1/w", "m/x/1/w", "", "mm/1/w"])
def test_another_message_is_never_waited_for(holder: str) -> None:
    assert judge_claim(ClaimStatus(Status.LOADING, holder), LeaseToken("m", 1, 0.0)) == Duplicate()


@pytest.mark.parametrize("status", FINAL_STATUSES)
def test_a_file_that_came_to_an_end_is_done_for_everybody(status: str) -> None:
    assert judge_claim(ClaimStatus(status, "m/1/w"), LeaseToken("m", 2, 0.0)) == Duplicate()


def test_a_message_id_with_a_slash_is_still_its_own() -> None:
    assert judge_claim(ClaimStatus(Status.LOADING, "a/b/1/w"), LeaseToken("a/b", 2, 0.0)) == Busy()


def test_only_row_counts_that_balance_are_complete() -> None:
    assert final_status(RowCounts(), object_bytes=0) == Status.COMPLETE
    assert final_status(RowCounts(rows_read=2, rows_written=1, rows_superseded=1), object_bytes=0) == Status.COMPLETE
    assert final_status(RowCounts(bytes_read=7), object_bytes=8) == Status.UNBALANCED
    assert final_status(RowCounts(bytes_read=8), object_bytes=8, bytes_seen=7) == Status.UNBALANCED
    assert final_status(RowCounts(bytes_read=90), object_bytes=8, bytes_seen=8) == Status.COMPLETE  # compressed
    assert final_status(RowCounts(rows_read=1, rows_written=2), object_bytes=0) == Status.UNBALANCED
