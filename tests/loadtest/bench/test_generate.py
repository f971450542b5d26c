"""What the generator's measurement is to show."""

from typing import Any

import pytest

from loadtest.bench.generate import COMMAND, KINDS, judge, sum_up
from loadtest.bench.goals import Spread
from loadtest.generate import recipe_from
from loadtest.workload.stream import Generation
from tests.loadtest.generate.test_command import parsed

FAST: dict[str, Any] = {
    "kind": "clean",
    "mb_per_cpu_second": {"median": 250},
    "mb_per_cpu_second_with_start_up": {"median": 210},
    "peak_resident_bytes": {"median": 100},
    "peak_resident_bytes_of_a_tenth": {"median": 99},
}
SUMMED = Spread(200_000, 1, 1)


def test_what_is_fast_and_flat_meets_the_goals() -> None:
    assert [goal.is_met for goal in judge([FAST], SUMMED)] == [True] * 4


@pytest.mark.parametrize(
    ("making", "summed"),
    [
        (FAST | {"mb_per_cpu_second": {"median": 199}}, SUMMED),
        (FAST | {"mb_per_cpu_second_with_start_up": {"median": 199}}, SUMMED),
        (FAST | {"peak_resident_bytes": {"median": 120}}, SUMMED),
        (FAST, Spread(99_999, 1, 1)),
    ],
)
def test_what_is_slow_or_grows_misses_one(making: dict[str, Any], summed: Spread) -> None:
    assert [goal.is_met for goal in judge([making], summed)].count(False) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_measured_can_be_made(kind: str) -> None:
    generation = Generation(recipe_from(parsed(*COMMAND[4:], *KINDS[kind], "--size", "20000")))
    assert sum(map(len, generation)) == generation.known_outcome.bytes > 5_000


def test_summing_up_gives_a_rate() -> None:
    assert sum_up(items=3000, repeat=2).min > 0
