"""`python -m loadtest huge`: a plain file whose workers are killed, a gzip file with hand-overs, and the ledger's cost.

Each file must be loaded completely and exactly, whatever happened to its workers.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.chaos.uploads import FEEDS, MB
from loadtest.checker.found import Expected
from loadtest.checker.judge import judge
from loadtest.harness import testbed
from loadtest.harness.results import origin, write_document
from loadtest.harness.testbed import Every, Testbed, TestbedSettings, fared, figures
from loadtest.s3_server.server import find
from loadtest.simulator import Key, Table
from loadtest.simulator.written_items import Replayed
from loadtest.workload.recipe import recipe_of
from loadtest.workload.stream import Generation

FEED, TABLE, PREFIX = "huge", "HugeRows", "huge/"
REPORT_EVERY_S = 15.0
_COLUMNS = {"city": "text:1:2", "note": "text:2:40"} | {f"code_{n}": "uniform:0:4000000000" for n in range(1, 21)}
_DEFECTS = {"bad_number": 0.00002, "quotes": 0.2, "line_breaks": 0.5}
KINDS = ("plain", "gzip", "costs")
SHOWN = ("rows", "seconds", "rows_per_s", "kills", "hand_overs", "segments", "ledger_write_units_per_file")
_COSTS = {1_000: 50, 1_000_000: 20, 10_000_000: 5, 200_000_000: 1}  # files by size


@dataclass(frozen=True, kw_only=True)
class HugeCase(TestbedSettings):
    """The files to load, and the faults of their workers. `kill_every_s` 0: no worker is killed."""

    name: str
    sizes: Sequence[int]
    is_gzip: bool = False
    kill_every_s: float = 0.0
    aims: Mapping[str, int] = field(default_factory=dict)  # minimum number of kills or hand-overs
    feeds: Path = FEEDS
    tables: Mapping[str, Table] = field(default_factory=lambda: {TABLE: Table(Key("id"))})
    checkpoint_s: int = 5
    cut_share: float = 0.01
    patience_s: float = 3600.0


def perform(case: HugeCase) -> dict[str, Any]:
    """Load the files of a case; return figures and problems."""
    with (
        tempfile.TemporaryDirectory(prefix="huge-") as folder,
        testbed.deployed(case) as stack_client,
        testbed.begun(case, Path(folder), stack_client) as here,
    ):
        print(f"{case.name}: writing {sum(case.sizes) / MB:,.0f} MB", flush=True)
        files = [write(here.objects, case, number) for number in range(len(case.sizes))]
        here.fleet.wait_until_ready()
        seconds = _load(here, case, files)
        here.watch(lambda: not stack_client.depth())  # messages of killed workers are redelivered
        here.settle()
        found, replayed = here.end()
        result = {
            "case": case.name,
            "bytes": sum(file.bytes for file in files),
            "seconds": round(seconds, 1),
            "rows_per_s": round(sum(file.rows for file in files) / seconds),
            **_costs(here, replayed, files),
            **fared(here),
            **figures(files, found, judge(files, found)),
        }
        return result | {"problems": result["problems"] + _missed_aims(case, result)}


def write(objects: Path, case: HugeCase, number: int) -> Expected:
    """Write a file to the folder that S3 serves; return its expected outcome."""
    path = objects / f"{PREFIX}{number}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    about: dict[str, Any] = {"columns": _COLUMNS, "defects": _DEFECTS, "seed": case.seed, "file": number}
    packing = "gzip" if case.is_gzip else "none"
    generation = Generation(recipe_of(FEEDS, FEED, size=case.sizes[number], compression=packing, **about))
    with path.open("wb") as out:
        out.writelines(generation)
    etag = find(path.parent, f"/{path.name}").etag.strip('"')
    return Expected.of(PREFIX + path.name, TABLE, generation.known_outcome, etag=etag)


def _load(here: Testbed, case: HugeCase, files: Sequence[Expected]) -> float:
    """Send notifications of the files; return the seconds until the last one had ended."""
    begun_s, client = time.monotonic(), here.stack_client
    for number, file in enumerate(files):
        client.send(client.notification(file.key, sequencer=f"{number:016X}", etag=file.etag, size=file.bytes))
    statistics, chance = here.simulator.statistics, random.Random(case.seed)
    things = [Every(REPORT_EVERY_S, None, lambda: print(f"{case.name}: {statistics.items:,} puts", flush=True))]
    if case.kill_every_s:
        things.append(Every(case.kill_every_s, chance, here.fleet.kill_one))
    here.watch(lambda: len(here.ended) >= len(files), *things)
    return time.monotonic() - begun_s


def _costs(here: Testbed, replayed: Replayed, files: Sequence[Expected]) -> dict[str, Any]:
    costs = here.ledger.costs
    return {
        "ledger_write_units": dict(costs.units),
        "ledger_write_units_per_file": round(costs.total / len(files), 2),
        "ledger_share_of_write_units": round(costs.total / (costs.total + replayed.write_units), 6),
    }


def _missed_aims(case: HugeCase, result: Mapping[str, Any]) -> list[str]:
    few = {name: result[name] for name, least in case.aims.items() if result[name] < least}
    return [f"only {count} {name}: it shows less than it is to show" for name, count in few.items()]


def cases(arguments: argparse.Namespace) -> list[HugeCase]:
    """Return the cases to run."""
    seed, workers = arguments.seed, (0.0,) * arguments.workers
    plain: dict[str, Any] = {
        "sizes": [arguments.plain_mb * MB],
        "skews_s": workers,
        "kill_every_s": arguments.kill_every_s,
    }
    packed: dict[str, Any] = {"sizes": [arguments.gzip_mb * MB], "is_gzip": True, "skews_s": (0.0, 0.0)}
    chosen = {
        "plain": [HugeCase(name="plain", seed=seed, aims={"kills": 1}, **plain)],
        "gzip": [HugeCase(name="gzip", seed=seed, aims={"hand_overs": 3}, function_s=arguments.function_s, **packed)],
        "costs": [
            HugeCase(name=f"costs, files of {size // 1000} KB", sizes=[size] * count, seed=seed)
            for size, count in _COSTS.items()
        ],
    }
    return [case for kind in arguments.only or KINDS for case in chosen[kind]]


OPTIONS = {
    "only": ([*KINDS], "one kind"),
    "plain-mb": (5_000, "size of the plain file"),
    "gzip-mb": (2_200, "size of the text of the gzip file"),
    "workers": (4, "for the plain file"),
    "kill-every-s": (20.0, "for the plain file, on average"),
    "function-s": (27.0, "time of a function with the gzip file"),
}


def run(arguments: argparse.Namespace) -> int:
    """Run all cases; return 1 if anything is wrong. The result file keeps earlier results of other cases."""
    out: Path = arguments.out
    known = {case["case"]: case for case in json.loads(out.read_text())["cases"]} if out.exists() else {}
    results = list(map(perform, cases(arguments)))
    for result in results:
        known[result["case"]] = origin(seed=arguments.seed) | result
        _show(result)
    write_document(out, {"cases": list(known.values())})
    return 1 if any(result["problems"] for result in results) else 0


def _show(result: dict[str, Any]) -> None:
    print(f"{result['case']}: {', '.join(f'{name} {result[name]:,}' for name in SHOWN)}", flush=True)
    for problem in result["problems"]:
        print(f"WRONG: {problem}")
