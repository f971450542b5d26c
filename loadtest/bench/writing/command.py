"""`python -m loadtest bench write`: measure the parts asked for, keep the others' results, judge all."""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from loadtest.bench.writing.goals import judge
from loadtest.bench.writing.measuring import Bench, Measured
from loadtest.bench.writing.parts import PARTS, BenchSize
from loadtest.bench.writing.table import markdown
from loadtest.harness.results import RESULTS, origin, write_document

MB = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser the settings of the benchmark."""
    parser.add_argument("--part", action="append", choices=list(PARTS), help="repeat (default all)")
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--megabytes", type=int, default=100, help="file size; memory takes 2 and 20 times as much")
    parser.add_argument("--awscrt-python", default=sys.executable, help="the interpreter that has awscrt")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS / "write.json", help="the table goes beside it, as .md")


def run(arguments: argparse.Namespace) -> int:
    """Measure; missing a goal is a result, no failure."""
    extent = BenchSize(arguments.megabytes, arguments.repeat, arguments.seed, arguments.awscrt_python)
    parts = _known(arguments.out)
    for name in arguments.part or PARTS:
        parts[name] = _measure(name, extent)
        document = _document(parts)
        write_document(arguments.out, document)
        arguments.out.with_suffix(".md").write_text(markdown(document))
    for goal in judge({name: part["measured"] for name, part in parts.items()}):
        print(goal)
    return 0


def _known(path: Path) -> dict[str, Any]:
    """Return the parts measured before."""
    parts: dict[str, Any] = json.loads(path.read_text())["parts"] if path.exists() else {}
    return parts


def _measure(name: str, extent: BenchSize) -> dict[str, Any]:
    print(f"{name}:", flush=True)
    measured, busy = [], os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for found in PARTS[name](bench, extent):
            measured.append(found.document())
            print(_line(found), flush=True)
    for party, why in bench.missing.items():
        print(f"  not measured: {party}: {why}")
    command = f"python -m loadtest bench write --part {name} --megabytes {extent.megabytes} --repeat {extent.repeat}"
    command += "" if extent.awscrt_python == sys.executable else " --awscrt-python PYTHON"
    provenance = origin(command=f"{command} --seed {extent.seed}", seed=extent.seed)
    return {**provenance, "load_before": round(busy, 1), "not_measured": bench.missing, "measured": measured}


def _document(parts: dict[str, Any]) -> dict[str, Any]:
    ordered = {name: parts[name] for name in PARTS if name in parts}
    goals = judge({name: part["measured"] for name, part in ordered.items()})
    return {"goals": [goal.document() for goal in goals], "parts": ordered}


def _line(found: Measured) -> str:
    cpu, wall = found.rows_per_cpu_second, found.rows_per_second
    return (
        f"  {found.party:<25} {found.shape:<7} {'TLS' if found.tls else '   '} {found.latency_ms:>3} ms  "
        f"{cpu.median:>10,.0f} ({cpu.min:,.0f} - {cpu.max:,.0f}) rows per CPU-second, "
        f"{wall.median:>9,.0f} rows per second, {found.peak_resident_bytes.max / MB:>4.0f} MB, "
        f"{found.requests:,} requests, {found.most_in_flight} at a time"
    )
