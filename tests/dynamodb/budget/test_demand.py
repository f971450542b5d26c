"""What a worker wants of a write budget, the units it has at hand, how large its requests are, and what it gets."""

from itertools import count
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dynamodb.budget.demand import (
    AT_HAND_S,
    LEAST_PER_S,
    LOOK_S,
    MORE,
    TRICKLE_PER_S,
    Bucket,
    WriteDemand,
    level,
    most_rows,
    shares,
)
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


WANTS = st.one_of(st.just(inf), st.just(0.0), st.floats(0, 1e6))
BUDGETS = st.floats(1, 1e6)


@given(BUDGETS, st.dictionaries(st.text("abcdef", min_size=1), WANTS, max_size=12))
def test_all_shares_together_are_at_most_the_budget(budget: float, wants: dict[str, float]) -> None:
    found = shares(budget, wants)
    assert found.keys() == wants.keys()
    assert all(share >= 0 for share in found.values())
    assert sum(found.values()) <= budget * (1 + 1e-9)


@given(BUDGETS, st.dictionaries(st.text("abcdef", min_size=1), WANTS, min_size=1, max_size=12))
def test_nothing_is_left_while_anyone_wants_more(budget: float, wants: dict[str, float]) -> None:
    found = shares(budget, wants)
    is_short = any(found[name] < want for name, want in wants.items())
    assert not is_short or sum(found.values()) > min(budget - TRICKLE_PER_S, 0.999999 * budget)


@st.composite
def views(draw: st.DrawFn) -> tuple[float, list[float], list[list[float]], list[list[float]]]:
    """A budget, what each worker goes by, what each has read of all: as much or more, and of others that are gone."""
    uses = draw(st.lists(WANTS, min_size=1, max_size=8))
    read = [[max(use, draw(WANTS)) for use in uses] for _ in uses]
    gone = [draw(st.lists(WANTS, max_size=3)) for _ in uses]
    most = max(len(wants) + len(others) for wants, others in zip(read, gone, strict=True))
    return draw(st.one_of(st.floats(1, LEAST_PER_S * most), BUDGETS)), uses, read, gone


@given(views())
def test_together_they_are_at_most_the_budget_whatever_each_has_read_that_is_not_less_than_what_the_others_go_by(
    view: tuple[float, list[float], list[list[float]], list[list[float]]],
) -> None:
    """This is why a smaller want counts at once, and a larger one when all have read it."""
    budget, uses, read, gone = view
    total = 0.0
    for mine, use in enumerate(uses):
        wants = {f"gone {number}": want for number, want in enumerate(gone[mine])}
        wants |= {f"{number}": want for number, want in enumerate(read[mine])} | {f"{mine}": use}
        total += shares(budget, wants)[f"{mine}"]
    assert total <= budget * (1 + 1e-9)


@pytest.mark.parametrize(
    ("budget", "wants", "expected"),
    [
        (100, [inf], [100]),
        (100, [inf, inf], [50, 50]),
        (100, [10, inf, inf], [10, 45, 45]),
        (100, [10, 20], [45, 55]),  # what is left is divided equally
        (100, [], []),
        (5, [inf, inf, inf], [5, 0, 0]),
        (4, [inf, inf], [4, 0]),
        (14, [inf, inf, inf], [7, 7, 0]),
        (12, [1, inf, inf, inf], [1, 6, 5, 0]),
        (12, [5.5, inf, inf], [5.5, 6, 0]),  # half a unit does not count
        (200, [inf] * 100, [5] * 40 + [0] * 60),
    ],
)
def test_whoever_wants_less_has_it_and_the_others_share_the_rest(
    budget: float, wants: list[float], expected: list[float]
) -> None:
    found = shares(budget, {f"{number:03d}": want for number, want in enumerate(wants)})
    assert [found[name] for name in sorted(found)] == pytest.approx(expected)


def test_the_level_is_unlimited_where_there_is_enough() -> None:
    assert level(100, [40, 60]) == inf
    assert level(100, [40, 61]) == 60
    assert level(100, []) == inf
