"""What the generator's measurement is to show."""

from typing import Any

import pytest

from loadtest.bench.generate import COMMAND, KINDS, judge
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


def test_what_is_fast_and_flat_meets_the_goals() -> None:
    assert [goal.is_met for goal in judge([FAST])] == [True] * 3


@pytest.mark.parametrize(
    "making",
    [
        FAST | {"mb_per_cpu_second": {"median": 199}},
        FAST | {"mb_per_cpu_second_with_start_up": {"median": 199}},
        FAST | {"peak_resident_bytes": {"median": 120}},
    ],
)
def test_what_is_slow_or_grows_misses_one(making: dict[str, Any]) -> None:
    assert [goal.is_met for goal in judge([making])].count(False) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_measured_can_be_made(kind: str) -> None:
    generation = Generation(recipe_from(parsed(*COMMAND[4:], *KINDS[kind], "--size", "20000")))
    assert sum(map(len, generation)) == generation.known_outcome.bytes > 5_000
