"""`python -m loadtest scale`: workers against rows a second, measured on this machine and computed for many."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadtest.harness.results import RESULTS, origin, write_document
from loadtest.run.driver import Progress, perform
from loadtest.run.sim import SimTarget
from loadtest.scale.model import DEFAULT, ENDLESS, TableLimit, WorkItem
from loadtest.scale.page import page
from loadtest.scale.study import Point, document
from loadtest.scenarios.catalog import SCENARIOS
from loadtest.scenarios.scenario import MIB, Scenario
from loadtest.simulator.capacity import Simulation

SCENARIO = SCENARIOS["many_large"]
TABLES: dict[TableLimit, tuple[Simulation | None, float]] = {  # what is simulated, and the share of the rows it gets
    ENDLESS: (None, 1.0),
    DEFAULT: (Simulation(mode="provisioned", provisioned_units_per_s=DEFAULT.write_units), 0.2),
}
FILE_BYTES, SEGMENT_BYTES = 50e9, 64 * MIB  # what is computed: the largest file, the stack's own segments
PATIENCE_S = 1_800.0
HOW = (
    "Whole worker processes with the product's function load many_large of the load test; each run's rows are all "
    "accounted for. Workers, simulated table, queue, ledger and objects share the cores of this machine: more workers "
    "than cores add nothing here."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--workers", type=int, action="append", metavar="N", help="repeat (default 1, 2, 3, 4)")
    parser.add_argument("--scale", type=float, default=0.5, help="of the scenario many_large (default 0.5)")
    parser.add_argument("--seed", type=int, default=1, help="of all data (default 1)")
    parser.add_argument("--out", type=Path, default=RESULTS / "scale.json", help="where the study is written")
    parser.add_argument("--html", type=Path, help="write the study as one self-contained page, too")
    parser.add_argument("--from", dest="known", type=Path, metavar="STUDY", help="measure nothing: only make the page")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, compute, write; 1 if a row was lost on the way."""
    try:
        study = json.loads(arguments.known.read_text()) if arguments.known else _measured(arguments)
    except LostRows as error:
        print(f"error: {error}")
        return 1
    if not arguments.known:
        write_document(arguments.out, study)
    if arguments.html:
        arguments.html.write_text(page(study), encoding="utf-8")
    return 0


class LostRows(RuntimeError):
    """A run whose rows are not all accounted for says nothing about speed."""


def _measured(arguments: argparse.Namespace) -> dict[str, Any]:
    counts = sorted(set(arguments.workers or (1, 2, 3, 4)))
    command = f"python -m loadtest scale --scale {arguments.scale:g} --seed {arguments.seed}"
    head = {**origin(command=command + "".join(f" --workers {n}" for n in counts), seed=arguments.seed)}
    runs = [found for workers in counts for found in _runs(workers, arguments.scale, arguments.seed)]
    points = sorted((point for point, _ in runs), key=lambda point: (point.table != ENDLESS.name, point.workers))
    row_bytes = runs[0][1]["bytes"] / runs[0][1]["rows_written"]
    work = WorkItem(FILE_BYTES, round(row_bytes, 1), units_per_row=1, segment_bytes=SEGMENT_BYTES)
    return {**head, "measured_how": HOW, **document(points, work)}


def _runs(workers: int, scale: float, seed: int) -> Iterator[tuple[Point, dict[str, Any]]]:
    with SimTarget(workers=workers) as target:
        for table, (simulation, share) in TABLES.items():
            scenario = replace(SCENARIO, table=simulation)
            figures = _figures(scenario, target, scale * share, seed)
            point = _point(workers, table, figures)
            print(f"{table.name}, {workers} workers: {point.rows_per_second:,.0f} rows/s", flush=True)
            yield point, figures


def _figures(scenario: Scenario, target: SimTarget, scale: float, seed: int) -> dict[str, Any]:
    with Progress(f"{scenario.name} on {target.name}") as progress:
        result = perform(scenario, target, scale=scale, seed=seed, progress=progress, patience_s=PATIENCE_S)
    if not result["check_result"]["ok"]:
        raise LostRows(" ".join(result["check_result"]["problems"]))
    figures: dict[str, Any] = result["figures"]
    return figures


def _point(workers: int, table: TableLimit, figures: dict[str, Any]) -> Point:
    rows = figures["rows_written"]
    return Point(
        workers=workers,
        table=table.name,
        rows=rows,
        seconds=figures["seconds"],
        cpu_seconds=rows / figures["rows_per_cpu_second"],
        # Each row costs one unit, being smaller than 1 KB; what goes beyond that the ledger took.
        ledger_writes=figures["write_units"] - rows,
    )
