"""How a budget is divided: never more than there is, whoever has seen which entries."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dynamodb.budget.shares import LEAST_PER_S, TRICKLE_PER_S, level, shares

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
