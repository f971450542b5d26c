"""Small worlds under schedules of faults: nothing is lost, nothing counted twice, nothing stuck."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.scheduler import Act, Kind
from tests.model.truth import check
from tests.model.world import HEAD, Kinds, World

KINDS = st.sampled_from([*Kind, Kind.KILL, Kind.SWITCH, Kind.SWITCH])
ACT = st.builds(Act, st.integers(0, 60), KINDS, st.integers(0, 15))
ACTS = st.lists(ACT, max_size=10) | st.lists(ACT, min_size=10, max_size=30)


def file(rows: bytes, letter: str) -> bytes:
    """Return a file of these rows: of 256 bytes each stands for a key and a number that is good, bad or refused."""
    kinds = {0: "x1", 1: "13"}
    lines = [f"{letter}{b % 7},{kinds.get(b // 7 % 8, f'{20 + n % 70}')}\n" for n, b in enumerate(rows)]
    return HEAD + "".join(lines).encode()


@st.composite
def worlds(draw: st.DrawFn, kinds: Kinds | None = None) -> World:
    """Return a world in which some files were dropped, told of in one notification, in two or not at all."""
    world = World(
        draw(ACTS),
        kinds or Kinds(),
        most_received=draw(st.sampled_from([5, 2])),
        skews_s=draw(st.sampled_from([(0,), (0,), (0, 90), (0, -90, 30)])),
    )
    small = ("orders/a.csv", file(draw(st.binary(max_size=11)), "a"))
    large = ("orders/b.csv", file(draw(st.binary(min_size=14, max_size=40)), "b"))
    wrong = ("orders/wrong.csv", b"no,head\n1,2\n")
    together, are_reported = draw(st.booleans()), draw(st.sampled_from([True, True, True, False]))
    for files in [(small, large)] if together else [(small,), (large,)]:
        world.drop(*files, is_reported=are_reported)
    if draw(st.booleans()):
        world.drop(wrong)
    return world


@given(worlds())
@settings(max_examples=settings().max_examples * 3 // 2)
def test_nothing_is_lost_doubled_or_stuck(world: World) -> None:
    run(world)


def run(world: World) -> None:
    """Run a world and check it; an error tells what was done to it."""
    try:
        world.run()
        check(world)
    except (Exception, AssertionError) as error:
        error.add_note("\n".join(world.scheduler.trace))
        raise
