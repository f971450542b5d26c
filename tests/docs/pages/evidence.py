"""The parts of docs/evidence.md: tables of the committed results, each with its command, commit and date."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loadtest.scenarios.catalog import SCENARIOS
from tests.docs.pages.markdown import table

RESULTS = Path(__file__).parents[3] / "loadtest/results"
Document = dict[str, Any]


def parts() -> dict[str, str]:
    """Return the tables, by name."""
    made = {
        "scenarios": _scenarios,
        "chaos": _chaos,
        "huge": _huge,
        "hostile": _hostile,
        "reading": _reading,
        "writing": _writing,
        "latency": _latency,
        "planning": _planning,
        "cold start": _cold_start,
        "generating": _generating,
    }
    return {f"evidence {name}": make() for name, make in made.items()} | {"one core": one_core(), "scale": scale()}


def one_core() -> str:
    """Return the sentence of the README with rows a second of one core, beside those of the usual loop."""
    ours, theirs = (_rates()[party, "mixed", False] for party in ("ingest load", "boto3 loop"))
    return f"One core of the function can send {ours:,.0f} rows a second, {ours / theirs:.0f} times\n"


def scale() -> str:
    """Return how long 50 GB of 100-byte rows take by workers and table, computed from the run of the huge file."""
    huge, rows = read("runs/one_huge_file"), 50e9 / 100
    rate = huge["figures"]["rows_per_second"] / huge["figures"]["workers"]
    bounds = {
        "4,000, a new table": 4_000.0,
        "40,000, the default quota": 40_000.0,
        "400,000, a raised quota": 400_000.0,
    }
    cells = ([units, *(f"{rows / min(n * rate, bound, 90e6 / 100) / 3600:.1f} h" for n in (1, 10, 100))] for units, bound in bounds.items())  # fmt: skip
    begin = f"50 GB of 100-byte rows, one write unit each; one worker writes {rate:,.0f} rows a second (`one_huge_file`). Computed:\n\n"
    return begin + table(("write units a second", "1 worker", "10 workers", "100 workers"), cells)


def read(name: str) -> Document:
    """Return a committed result."""
    found: Document = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _source(document: Document) -> str:
    """Return where figures are from: command, commit, day and machine."""
    command = document["command"].removeprefix("python -m ")
    return f"\n`python -m {command}`, commit {document['commit'][:9]}, {document['at'][:10]}, {document['machine']}.\n"


def _with_source(titles: Iterable[str], rows: Iterable[Iterable[str]], document: Document) -> str:
    return table(titles, rows) + _source(document)


def _scenarios() -> str:
    titles = ("scenario", "what comes", "rows in the table", "rows a second", "event to visible, p50, p99", "throttled")
    runs = {name: read(f"runs/{name}") for name in SCENARIOS}
    return _with_source(titles, (_scenario(name, run) for name, run in runs.items()), runs["burst"])


def _scenario(name: str, run: Document) -> list[str]:
    figures, waits = run["figures"], run["figures"]["event_to_visible_s"]
    rows = f"{run['check_result']['rows']['found']:,}"
    rates = (f"{figures['rows_per_second']:,.0f}", f"{waits['p50']:.1f} s, {waits['p99']:.1f} s")
    return [f"`{name}`", SCENARIOS[name].says, rows, *rates, f"{100 * figures['throttled_share']:.1f} %"]


def _chaos() -> str:
    run = read("chaos")
    faults = sum(sum(kinds.values()) if isinstance(kinds, dict) else kinds for kinds in run["faults"].values())
    cells = [f"{run[name]:,}" for name in ("files", "rows", "kills", "freezes")]
    outcome = [f"{run[name]:,}" for name in ("lost", "doubled", "stuck")]
    titles = ("files", "rows", "killed", "frozen", "faults injected", "rows lost", "counted twice", "files stuck")
    return _with_source(titles, [[*cells, f"{faults:,}", *outcome]], run)


def _huge() -> str:
    cases = read("huge")["cases"]
    titles = (
        "case",
        "bytes",
        "rows",
        "seconds",
        "rows a second",
        "kills",
        "hand-overs",
        "lost",
        "wrong",
        "ledger's write units a file",
    )
    rows = ([c["case"], *(f"{c[n]:,}" for n in ("bytes", "rows", "seconds", "rows_per_s", "kills", "hand_overs", "lost", "wrong")), f"{c['ledger_write_units_per_file']:.0f}"] for c in cases)  # fmt: skip
    return _with_source(titles, rows, cases[0])


def _hostile() -> str:
    run = read("hostile")
    titles = ("1 GB of", "ends with", "rows read", "CPU seconds", "peak MB")
    return _with_source(titles, map(_hostile_case, run["outcomes"]), run)


def _hostile_case(case: Document) -> list[str]:
    ends = (
        f"`{case['error']}`" if case["error"] else ", ".join(f"{n:,} `{code}`" for code, n in case["reasons"].items())
    )
    rows = (case["row_counts"] or {}).get("rows_read", 0)
    return [
        case["case"],
        ends or "no rejects",
        f"{rows:,}",
        f"{case['cpu_seconds']:.1f}",
        _mb(case["peak_resident_bytes"]),
    ]


def _reading() -> str:
    run = read("read")
    largest = max(reading["file_bytes"] // 10**6 for reading in run["readings"])
    shown = [reading for reading in run["readings"] if reading["file_bytes"] // 10**6 >= largest - 1]
    rates = {(r["reader"], r["kind"]): r for r in shown}
    rows = [
        [
            reader,
            *(
                f"{rates[reader, kind]['rows_per_cpu_second']['median']:,.0f}"
                for kind in ("quote-free", "fully quoted")
            ),
            _mb(rates[reader, "quote-free"]["peak_resident_bytes"]["median"]),
        ]  # fmt: skip
        for reader in dict.fromkeys(r["reader"] for r in shown)
    ]
    titles = ("reader", "quote-free, rows per CPU-second", "every cell quoted", "peak MB")
    return _with_source(titles, rows, run)


def _rates() -> dict[tuple[str, str, bool], float]:
    measured = read("write")["parts"]["shapes"]["measured"]
    return {(m["party"], m["shape"], m["tls"]): m["rows_per_cpu_second"]["median"] for m in measured}


def _writing() -> str:
    rates, shapes = (
        _rates(),
        {"narrow": "5 columns, 51 bytes", "mixed": "10 columns, 110 bytes", "wide": "40 columns, 924 bytes"},
    )
    rows = []
    for shape, what in shapes.items():
        plain, tls = (
            [rates[party, shape, is_tls] for party in ("ingest load", "boto3 loop")] for is_tls in (False, True)
        )
        rows.append(
            [what, f"{plain[0]:,.0f}", f"{plain[1]:,.0f}", f"{plain[0] / plain[1]:.0f}", f"{tls[0] / tls[1]:.0f}"]
        )
    titles = ("rows", "`ingest load`, rows per CPU-second", "the usual loop", "times", "times, with TLS")
    return _with_source(titles, rows, read("write")["parts"]["shapes"])


def _latency() -> str:
    part = read("write")["parts"]["latency"]
    rows = ([m["party"], f"{m['latency_ms']} ms", f"{m['rows_per_second']['median']:,.0f}", f"{m['most_in_flight']}"] for m in part["measured"])  # fmt: skip
    return _with_source(("party", "an answer takes", "rows a second", "requests in flight"), rows, part)


def _planning() -> str:
    run = read("plan")
    rows = ([p["kind"], f"{p['segments']}", f"{p['mb_per_cpu_second']['median']:,.0f}", _mb(p["peak_resident_bytes"]["median"])] for p in run["plannings"])  # fmt: skip
    return _with_source(("1 GB of", "segments", "MB per CPU-second", "peak MB"), rows, run)


def _cold_start() -> str:
    run = read("cold_start")
    steps = [name for name in run["starts"][0]["seconds"] if name != "interpreter"]
    rows = (
        [start["code"], *(f"{1000 * start['seconds'][step]['median']:.0f}" for step in steps)]
        for start in run["starts"]
    )
    return _with_source(("code, ms", *steps), rows, run)


def _generating() -> str:
    run = read("generate")
    rows = ([m["kind"], f"{m['text_bytes'] / 1e6:,.0f}", f"{m['mb_per_cpu_second']['median']:,.0f}", _mb(m["peak_resident_bytes"]["median"])] for m in run["makings"])  # fmt: skip
    return _with_source(("kind", "MB of text", "MB per CPU-second", "peak MB"), rows, run)


def _mb(found: float) -> str:
    return f"{found / 1e6:.0f}"
