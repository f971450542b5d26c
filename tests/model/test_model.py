"""Small simulations under schedules of faults: nothing is lost, nothing counted twice, nothing stuck."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.model.budget import SharedBudget
from tests.model.check import check
from tests.model.deployments import HEAD
from tests.model.scheduler import Act, Kind
from tests.model.simulation import Kinds, ModelRun
from tests.support.examples import HALF

DEADLY = "orders/0.csv"


def acts(kinds: Sequence[Kind]) -> st.SearchStrategy[list[Act]]:
    """Return schedules of acts of these kinds."""
    act = st.builds(Act, st.integers(0, 60), st.sampled_from(kinds), st.integers(0, 15))
    return st.lists(act, max_size=10) | st.lists(act, min_size=10, max_size=30)


def file(rows: bytes, letter: str) -> bytes:
    """Return a file of these rows: of 256 bytes each stands for a key and a number that is good, bad or refused."""
    kinds = {0: "x1", 1: "13"}
    lines = [f"{letter}{b % 7},{kinds.get(b // 7 % 8, f'{20 + n % 70}')}\n" for n, b in enumerate(rows)]
    return HEAD + "".join(lines).encode()


ACTS = acts([*Kind, Kind.KILL, Kind.SWITCH, Kind.SWITCH])


@st.composite
def model_runs(
    draw: st.DrawFn,
    kinds: Kinds | None = None,
    schedules: st.SearchStrategy[list[Act]] = ACTS,
    *,
    is_ordered: bool = False,
) -> ModelRun:
    """Return a simulation in which some files were dropped, with one notification, with two or without any.

    Where files are ordered, two of them have keys in common.
    """
    simulation = ModelRun(
        draw(schedules),
        kinds or Kinds(),
        most_received=draw(st.sampled_from([5, 2])),
        skews_s=draw(st.sampled_from([(0,), (0,), (0, 90), (0, -90, 30)])),
        batch_size=draw(st.sampled_from([1, 1, 3])),
        deadly=draw(st.sampled_from([None, None, DEADLY])),
        is_ordered=is_ordered,
        budget=draw(st.sampled_from([None, None, 5.0, 12.0]).map(lambda per_s: SharedBudget(per_s) if per_s else None)),
    )
    if simulation.deadly:
        simulation.drop((DEADLY, file(draw(st.binary(min_size=1, max_size=11)), "d")))
    small = ("orders/a.csv", file(draw(st.binary(max_size=11)), "a"))
    large = ("orders/b.csv", file(draw(st.binary(min_size=14, max_size=40)), "b"))
    wrong = ("orders/wrong.csv", b"no,head\n1,2\n")
    together, are_reported = draw(st.booleans()), draw(st.sampled_from([True, True, True, False]))
    for files in [(small, large)] if together else [(small,), (large,)]:
        simulation.drop(*files, is_reported=are_reported)
    if is_ordered:
        simulation.drop(("orders/c.csv", file(draw(st.binary(max_size=30)), "a")), is_reported=are_reported)
    if draw(st.booleans()):
        simulation.drop(wrong)
    if draw(st.booleans()):
        simulation.drop(("orders/_SUCCESS", b"done\n"), is_reported=draw(st.booleans()))
    return simulation


@HALF
@given(model_runs())
def test_nothing_is_lost_doubled_or_stuck(simulation: ModelRun) -> None:
    run(simulation)


@HALF
@given(model_runs(is_ordered=True))
def test_with_newest_file_the_last_row_of_the_last_file_stays_whatever_happens(simulation: ModelRun) -> None:
    run(simulation)


def run(simulation: ModelRun) -> None:
    """Run a simulation and check it; an error says what was done to it."""
    try:
        simulation.run()
        check(simulation)
    except (Exception, AssertionError) as error:
        error.add_note("\n".join(simulation.scheduler.trace))
        raise
