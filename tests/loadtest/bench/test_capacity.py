"""The bench of capacity: files that know what becomes of them, and goals that can be missed."""

import csv
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loadtest.bench.capacity import TABLES, judge, write_customers, write_repeating
from loadtest.bench.surroundings import load_all, simulator


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_repeating_file_knows_the_last_row_of_each_key(tmp_path: Path) -> None:
    last = write_repeating(tmp_path / "a.csv", 2000, "P")
    rows = read(tmp_path / "a.csv")
    assert {row["id"]: int(row["seq"]) for row in rows} == last
    assert len(rows) == 2000 > len(last) + 200
    assert all(390 <= len(line) <= 410 for line in (tmp_path / "a.csv").read_text().splitlines()[1:])


def test_customers_come_sorted_or_shuffled_with_the_same_rows(tmp_path: Path) -> None:
    files = []
    for chance in (random.Random(1), None):
        assert write_customers(tmp_path / "c.csv", 3, chance) == 600
        files.append([(row["customer"], row["number"]) for row in read(tmp_path / "c.csv")])
    assert files[0] != files[1] == sorted(files[0])
    assert len(set(files[1])) == 600


def shared(**found: Any) -> dict[str, Any]:
    right = {"demand_per_s": 6000.0, "used_share": 0.97, "throttled_share": 0.02, "wrong_items": 0, "out_of_order": 0}
    return {**right, **found}


def spreads(*speeds: float, missing: int = 0) -> list[dict[str, Any]]:
    return [{"rows_per_s": speed, "missing": missing} for speed in speeds]


@pytest.mark.parametrize(
    ("one", "three", "missed"),
    [
        (shared(), spreads(100, 85), []),
        (shared(demand_per_s=3900.0), spreads(100, 85), ["demanded"]),
        (shared(used_share=0.94), spreads(100, 85), ["used"]),
        (shared(throttled_share=0.051), spreads(100, 85), ["throttled"]),
        (shared(wrong_items=1), spreads(100, 85), ["lost"]),
        (shared(out_of_order=1), spreads(100, 85), ["after a later one"]),
        (shared(), spreads(100, 79), ["interleaved"]),
        (shared(), spreads(100, 85, missing=1), ["missing"]),
    ],
)
def test_each_goal_can_be_missed(one: dict[str, Any], three: list[dict[str, Any]], missed: list[str]) -> None:
    found = [goal.what for goal in judge(one, three) if not goal.is_met]
    assert len(found) == len(missed)
    assert all(word in what for word, what in zip(missed, found, strict=True))


def test_a_load_into_a_sink_leaves_the_last_row_of_each_key(tmp_path: Path) -> None:
    last = write_repeating(tmp_path / "a.csv", 3000, "P")
    with simulator(tables=TABLES, keeps_items=True, sequence="seq") as table:
        [row_counts] = load_all([tmp_path / "a.csv"], feed="capacity", simulator=table)
    assert (row_counts["rows_written"], row_counts["rows_superseded"]) == (len(last), 3000 - len(last))
    assert (table.statistics["tables"]["LoadtestCapacity"]["items"], table.statistics["out_of_order"]) == (
        len(last),
        0,
    )


def test_a_load_that_fails_is_an_error(tmp_path: Path) -> None:
    with simulator() as table, pytest.raises(RuntimeError, match="load failed"):
        load_all([tmp_path / "missing.csv"], feed="capacity", simulator=table)


@pytest.mark.e2e
def test_the_command_measures_and_judges(tmp_path: Path) -> None:
    out = tmp_path / "capacity.json"
    command = [sys.executable, "-m", "loadtest", "bench", "capacity", "--rows", "1500", "--customers", "10"]
    run = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    result = json.loads(out.read_text())
    assert result["shared"]["wrong_items"] == result["shared"]["out_of_order"] == 0
    assert [spread["missing"] for spread in result["spread"]] == [0, 0]
    assert {"commit", "machine", "seed", "versions", "command", "goals"} <= set(result)
