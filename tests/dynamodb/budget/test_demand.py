"""What a worker wants, the units it has at hand, and how large its requests are."""

from itertools import count
from math import inf

import pytest

from ingest.dynamodb.budget.demand import AT_HAND_S, LOOK_S, MORE, Bucket, WriteDemand, most_rows
from ingest.dynamodb.budget.worker import BudgetedWorker
from ingest.ledger.claims import BudgetEntry


def test_units_come_by_the_rate_and_those_that_are_not_used_are_lost() -> None:
    bucket = Bucket(0.0)
    bucket.fill(100, 0.5, request_units=25)
    assert bucket.units == 50
    bucket.fill(100, 10, request_units=25)
    assert bucket.units == 25 + AT_HAND_S * 100
    assert bucket.spilt == 950


def test_a_request_waits_until_it_can_be_paid() -> None:
    bucket = Bucket(0.0)
    assert bucket.wait_s(25, 0.0) == inf
    assert bucket.wait_s(25, 100) == 0.25
    bucket.fill(100, 0.25, request_units=25)
    assert bucket.wait_s(25, 100) == 0
    bucket.take(60)  # it cost more than was thought
    assert bucket.wait_s(25, 100) == 0.6


def look(demand: WriteDemand, used: float, spilt: float, *, short: bool, now_s: float) -> float:
    bucket = Bucket(now_s, used=used * LOOK_S, spilt=spilt * LOOK_S, was_short=short)
    demand.look(bucket, budget_per_s=1000, now_s=now_s)
    return demand.want_per_s(1000)


def test_a_worker_wants_all_until_it_cannot_use_what_it_has() -> None:
    demand = WriteDemand(0.0)
    assert demand.want_per_s(1000) == inf
    assert look(demand, 100, 0, short=True, now_s=LOOK_S) == inf
    assert look(demand, 100, 50, short=True, now_s=2 * LOOK_S) == 100 * MORE


def test_a_worker_that_could_use_more_wants_twice_as_much_and_at_last_all() -> None:
    demand = WriteDemand(0.0)
    look(demand, 100, 50, short=False, now_s=LOOK_S)
    found = [look(demand, 100, 0, short=True, now_s=n * LOOK_S) for n in range(2, 7)]
    assert found == [212, 424, 848, inf, inf]


def test_a_worker_that_used_nearly_all_wants_the_same() -> None:
    demand = WriteDemand(0.0)
    look(demand, 100, 50, short=False, now_s=LOOK_S)
    assert look(demand, 100, 3, short=True, now_s=2 * LOOK_S) == 106


@pytest.mark.parametrize(("budget", "least"), [(5, 0.05), (1000, 0.5)])
def test_a_worker_wants_something_even_if_it_has_used_nothing(budget: float, least: float) -> None:
    demand = WriteDemand(0.0)
    demand.look(Bucket(0.0, spilt=10.0), budget_per_s=budget, now_s=LOOK_S)
    assert demand.want_per_s(budget) == least


def test_a_request_is_at_most_four_percent_of_ten_seconds_and_a_quarter_of_a_second_of_the_share() -> None:
    assert most_rows(5, 5, 1.0) == 1
    assert most_rows(20, 100, 1.0) == 8
    assert most_rows(40_000, 10, 1.0) == 2
    assert most_rows(40_000, 400, 100.0) == 1
    assert most_rows(40_000, 400, 1.0) == 25


def worker() -> BudgetedWorker:
    """A worker that has had a budget of 1,000 for itself for ten seconds."""
    names = count()
    found = BudgetedWorker(name=lambda: f"w{next(names)}", chance=lambda: 0.5, budget_per_s=1000, now_s=0.0)
    entries: dict[str, BudgetEntry] = {}
    for tick in range(200):
        now_s = tick / 20
        call = found.due(now_s)
        if call == "put":
            entries[found.member.name] = found.entry(now_s)
            found.put_worked(entries[found.member.name], sent_s=now_s, now_s=now_s)
        elif call == "read":
            found.read_worked(dict(entries), budget_per_s=1000, sent_s=now_s, now_s=now_s)
    return found


def test_the_first_request_has_one_row_and_is_alone() -> None:
    one = worker()
    assert one.most_rows(1.0) == 1
    assert one.wait_s(1, 10.0) == 0
    one.send(1)
    assert one.wait_s(1, 10.0) == inf


def test_what_an_index_takes_counts_for_the_requests_that_follow() -> None:
    one = worker()
    one.answered(one.send(1), written=1.0, taken=3)
    assert one.most_rows(1.0) == 25
    assert one.most_rows(40.0) == 2  # of 120 units each, in a quarter of a second
    assert one.wait_s(25, 10.0) == 0
    sent = 0
    while one.wait_s(25, 10.0) == 0:
        one.answered(one.send(25), written=1.0, taken=75)
        sent += 1
    assert sent == 3  # of 75 units each, in a quarter of a second


def test_what_a_table_throttles_is_not_asked_for_again_at_once() -> None:
    one = worker()
    one.answered(one.send(1), written=1.0, taken=1)
    sent = 0
    while one.wait_s(25, 10.0) == 0:
        one.answered(one.send(25), written=0.0, taken=0)
        sent += 1
    assert 1 <= sent <= 12
