"""A run's result, as large as a test needs it."""

from typing import Any


def document(scenario: str = "burst", *, lost: int = 0, **figures: float) -> dict[str, Any]:
    """Return the result of a run of three seconds and twenty files."""
    rows = 2_000
    problems = [f"{lost} rows are not in the table, as <b>O-7</b>."] if lost else []
    return {
        "kind": "run",
        "scenario": scenario,
        "target": "sim",
        "scale": 0.5,
        "command": f"python -m loadtest run {scenario} --target sim",
        "seed": 7,
        "at": "2026-11-25T20:00:00+00:00",
        "commit": "0123456789abcdef",
        "machine": "x86_64, 2 cores",
        "versions": {"boto3": "1.44.5"},
        "objectives": [
            {"what": "longest wait, s", "found": 3.2, "at_most": 5.0, "is_met": True},
            {"what": "rows a second", "found": 600.0, "at_least": 900.0, "is_met": False},
        ],
        "check_result": {
            "ok": not lost,
            "files": {"expected": 20, "complete": 20, "failed": 0, "superseded": 0},
            "rows": {"expected": rows, "found": rows - lost, "lost": lost, "doubled": 0, "wrong": 0},
            "rejected": {"expected": {"bad_number": 3}, "found": {"bad_number": 3, "ragged_row": 1}},
            "problems": problems,
        },
        "figures": {
            "seconds": 3.0,
            "rows_written": rows,
            "rows_per_second": 600.0,
            "event_to_visible_s": {"p50": 1.0, "p90": 2.0, "p99": 3.0, "max": 3.2},
            "peak_memory_mb": None,
        }
        | figures,
        "samples": {
            "t": [0, 1, 2],
            "rows_per_s": [0.0, 900.0, 1100.0],
            "backlog": [20, 10, 0],
            "oldest_s": [None, 1.0, 2.0],
            "throttles_per_s": [0, 0, 0],
            "cpu": [None, None, None],
        },
        "files": [
            {"name": f"f{n}", "bytes": 9, "rows": 100, "status": "COMPLETE", "event_to_visible_s": n / 7}
            for n in range(20)
        ],
    }
