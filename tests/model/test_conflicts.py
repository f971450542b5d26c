"""Of two transactions on one entry DynamoDB cancels one: how a file of 200 GB and 1,000 workers fare."""

import random
from pathlib import Path

import pytest

from ingest.ledger.table import COUNT_ENTRIES
from tests.model.conflicts import ENOUGH, of_fleet, sent_again

EVIDENCE = Path(__file__).parents[2] / "docs/evidence.md"


@pytest.mark.parametrize("segment_s", [10.0, 60.0])
def test_at_most_one_end_in_ten_is_sent_again_and_none_is_given_up(segment_s: float) -> None:
    share, given_up = of_fleet(COUNT_ENTRIES, segment_s)
    assert share <= ENOUGH
    assert given_up == 0


def test_one_entry_for_the_whole_file_would_have_most_ends_sent_again() -> None:
    """As it was: so the simulation shows the fault."""
    share, given_up = of_fleet(1, 10.0)
    assert share > 5 * ENOUGH
    assert given_up > 100


def test_ends_that_do_not_meet_are_sent_once_and_two_that_do_once_more() -> None:
    assert sent_again(iter([0.0, 1.0, 2.0]), 1, random.Random(1)) == (0.0, 0)
    assert sent_again(iter([0.0, 0.001, 2.0]), 1, random.Random(1)) == (1 / 3, 0)


def test_the_evidence_says_how_many_entries_there_are() -> None:
    assert f"\n| {COUNT_ENTRIES} |" in EVIDENCE.read_text(encoding="utf-8")
