"""What the generator's measurement is to show, and the examples in its modules."""

import doctest
import json
import pkgutil
import sys
from dataclasses import replace
from importlib import import_module

import pytest

import loadtest.workload
from loadtest.bench.generate import COMMAND, KINDS, MIXED, Making, Summing, judge, sum_items_main
from loadtest.bench.goals import Spread
from loadtest.workload.options import recipe_from
from loadtest.workload.stream import Generation
from tests.loadtest.workload.test_command import parsed

FAST = Making(
    "clean", 10**9, 10**7, Spread(250, 240, 260), Spread(210, 200, 220), 0.5, Spread(100, 90, 110), Spread(99, 1, 1)
)
SUMMED = Summing(100, Spread(200_000, 1, 1))


def test_what_is_fast_and_flat_meets_the_goals() -> None:
    assert [goal.is_met for goal in judge([FAST], SUMMED)] == [True] * 4


@pytest.mark.parametrize(
    ("making", "summed"),
    [
        (replace(FAST, mb_per_cpu_second=Spread(199, 1, 1)), SUMMED),
        (replace(FAST, mb_per_cpu_second_with_start_up=Spread(199, 1, 1)), SUMMED),
        (replace(FAST, peak_resident_bytes=Spread(120, 1, 1)), SUMMED),
        (FAST, Summing(100, Spread(99_999, 1, 1))),
    ],
)
def test_what_is_slow_or_grows_misses_one(making: Making, summed: Summing) -> None:
    assert [goal.is_met for goal in judge([making], summed)].count(False) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_measured_can_be_made(kind: str) -> None:
    generation = Generation(recipe_from(parsed(*COMMAND[4:], *MIXED, *KINDS[kind], "--size", "20000")))
    assert sum(map(len, generation)) == generation.known_outcome.bytes > 5_000


def test_summing_up_reports_what_it_took(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["summing", "3000"])
    assert sum_items_main() == 0
    assert json.loads(capsys.readouterr().out)["items"] == 3000


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(loadtest.workload.__path__)])
def test_the_examples_in_a_module_hold(name: str) -> None:
    assert doctest.testmod(import_module(f"loadtest.workload.{name}")).failed == 0
