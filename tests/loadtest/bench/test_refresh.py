"""The bench of a refresh: files that differ in a known share of rows, and goals that can be missed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loadtest.bench.refresh import judge, write_rows


def test_that_share_of_the_rows_differs_and_all_have_the_same_keys(tmp_path: Path) -> None:
    before, after = tmp_path / "before.csv", tmp_path / "after.csv"
    write_rows(before, 1000, 10, changed=0)
    write_rows(after, 1000, 10, changed=0.05)
    pairs = list(zip(before.read_text().splitlines(), after.read_text().splitlines(), strict=True))
    assert len(pairs) == 1001
    assert sum(old != new for old, new in pairs) == 50
    assert all(old.split(",")[0] == new.split(",")[0] for old, new in pairs)


def bills(**found: Any) -> list[dict[str, Any]]:
    right = {"small": 15.0, "large": 20.0, "held": 1, "planned": 1.0} | found
    made = []
    for items, every in (("small", 62.5), ("large", 187.5)):
        for cents, held in ((every, 1), (right[items], right["held"])):
            made.append({"items": items, "cents": cents, "held": held, "planned_cents": cents * right["planned"]})
    return made


@pytest.mark.parametrize(
    ("found", "missed"),
    [
        (bills(), []),
        (bills(small=19.0), ["small items"]),
        (bills(large=29.0), ["large items"]),
        (bills(held=2), ["not the same after both, small", "not the same after both, large"]),
        (bills(planned=1.2), ["how far"]),
    ],
)
def test_each_goal_of_a_refresh_can_be_missed(found: list[dict[str, Any]], missed: list[str]) -> None:
    whats = [goal.what for goal in judge(found) if not goal.is_met]
    assert len(whats) == len(missed)
    assert all(word in what for word, what in zip(missed, whats, strict=True))


@pytest.mark.e2e
def test_the_simulator_counts_what_skipping_saves(tmp_path: Path) -> None:
    out = tmp_path / "refresh.json"
    command = [sys.executable, "-m", "loadtest", "bench", "refresh", "--rows", "400", "--out", str(out)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    result = json.loads(out.read_text())
    assert [(bill["read_units"], bill["write_units"], bill["skipped"]) for bill in result["bills"]] == [
        (0, 400, 0),
        (400, 20, 380),
        (0, 1200, 0),
        (400, 60, 380),
    ]
    assert all(goal["is_met"] for goal in result["goals"])
