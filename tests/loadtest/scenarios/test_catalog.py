import json
from typing import Any

import pytest

from loadtest.scenarios.catalog import FIGURES, MIB, SCENARIOS, Files, Objective, Scenario, tables

NAMES = ["smoke", "steady", "burst", "one_huge_file", "many_large", "defects", "hot_key", "throttled"]
NAMES += ["duplicate_storm", "mixed_feeds", "changes"]


def scenario(**changed: Any) -> Scenario:
    kinds = (Files(feed="orders", count=10, rows=1_000), Files(feed="visits", count=5, rows=10))
    return Scenario(**{"name": "s", "says": "it", "files": kinds, "objectives": ()} | changed)


def test_the_scenarios_are_those_of_the_plan_in_its_order() -> None:
    assert list(SCENARIOS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_file_of_each_scenario_can_be_made_at_any_scale(name: str) -> None:
    for scale in (0.001, 1.5):
        scaled = SCENARIOS[name].scaled(scale)
        for number, kind in enumerate(scaled.in_turn()):
            assert kind.rows >= 1
            assert scaled.made(kind, number, seed=1).most_bytes > 0


def test_the_scale_multiplies_rows_or_files() -> None:
    assert [kind.rows for kind in scenario().scaled(0.05).files] == [50, 1]
    assert [kind.count for kind in scenario(multiplies="files").scaled(0.25).files] == [2, 1]
    assert [kind.count for kind in scenario(multiplies="files").scaled(3).files] == [30, 15]


def test_a_file_has_as_many_segments_at_each_scale_down_to_the_smallest() -> None:
    assert scenario().scaled(0.5).segment_bytes == 32 * MIB
    assert scenario().scaled(2).segment_bytes == 64 * MIB
    assert scenario().scaled(0.0001).segment_bytes == 2 * MIB
    assert scenario(multiplies="files").scaled(0.1).segment_bytes == 64 * MIB


def test_kinds_take_turns_while_they_have_files() -> None:
    turns = [kind.feed for kind in scenario().in_turn()]
    assert turns == ["orders", "visits"] * 5 + ["orders"] * 5
    assert len(turns) == scenario().count


def test_every_objective_is_about_a_figure_with_a_name() -> None:
    assert {objective.figure for one in SCENARIOS.values() for objective in one.objectives} == set(FIGURES)


def test_an_objective_is_held_against_the_figure_it_names() -> None:
    figures = {"rows_per_second": 10.0, "event_to_visible_s": {"p99": None}}
    goal = Objective("rows_per_second", at_least=11).judged(figures)
    assert goal
    assert (goal.found, goal.is_met) == (10.0, False)
    assert Objective("event_to_visible_s.p99", at_most=1).judged(figures) is None


def test_the_tables_have_the_keys_of_their_feeds() -> None:
    keys = {name: [(key.name, key.type) for key in table.keys] for name, table in tables().items()}
    assert json.loads(json.dumps(keys)) == {
        "LoadOrders": [["customer", "S"], ["order_id", "S"]],
        "LoadReadings": [["pk", "S"], ["at", "N"]],
        "LoadCustomers": [["id", "S"]],
        "LoadVisits": [["visitor", "S"], ["at", "S"]],
        "LoadChanges": [["account", "S"], ["entry", "S"]],
    }
