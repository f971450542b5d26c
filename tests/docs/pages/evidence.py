"""The parts of docs/evidence.md: tables of the committed results, each with its command, commit and date."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from loadtest.bench.write import whole_cpu_s
from loadtest.scenarios.catalog import SCENARIOS
from tests.docs.pages.markdown import table

RESULTS = Path(__file__).parents[3] / "loadtest/results"
Document = dict[str, Any]
WORKERS = (1, 10, 100)
TABLES = {"4,000: a new table": 4_000.0, "40,000: the default quota": 40_000.0, "400,000: a raised quota": 400_000.0}
HUGE = ("bytes", "rows", "seconds", "rows_per_s", "kills", "hand_overs", "lost", "wrong", "ledger_write_units_per_file")
SHAPES = {"narrow": "5 columns, 51 bytes", "mixed": "10 columns, 110 bytes", "wide": "40 columns, 924 bytes"}
KINDS = {"quote-free": "quote-free, rows per CPU-second", "fully quoted": "every cell quoted"}


def parts() -> dict[str, str]:
    """Return the tables, by name."""
    made = {
        "scenarios": _scenarios,
        "chaos": _chaos,
        "huge": _huge,
        "hostile": _hostile,
        "reading": _reading,
        "writing": _writing,
        "modes": _modes,
        "whole": _whole,
        "latency": _latency,
        "planning": _planning,
        "cold start": _cold_start,
        "small files": _small_files,
        "generating": _generating,
        "budget start": _budget_start,
        "budget": _budget,
        "refresh": _refresh,
    }
    return {f"evidence {name}": make() for name, make in made.items()} | {"one core": one_core(), "scale": scale()}


def one_core() -> str:
    """Return the sentence of the README with rows a second of one core, beside those of the usual loop."""
    ours, theirs = (_rates()[party, "mixed", False] for party in ("ingest load", "boto3 loop"))
    return f"One core of the function can send {ours:,.0f} rows a second, {ours / theirs:.0f} times"


def scale() -> str:
    """Return how long 50 GB of 100-byte rows take by workers and table, computed from the run of the huge file."""
    huge, rows, planner = read("runs/one_huge_file"), 50e9 / 100, 90e6 / 100
    rate = huge["figures"]["rows_per_second"] / huge["figures"]["workers"]
    cells = [
        [name, *(f"{rows / min(n * rate, units, planner) / 3600:.1f} h" for n in WORKERS)]
        for name, units in TABLES.items()
    ]
    return (
        "50 GB of 100-byte rows, one write unit each, computed; one worker writes "
        f"{rate:,.0f} rows a second (`one_huge_file`):\n\n"
    ) + table(("write units a second", *(f"{n} workers" for n in WORKERS)), cells)


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
    titles = ("case", *(name.replace("_", " ") for name in HUGE))
    return _with_source(titles, ([case["case"], *(f"{case[name]:,}" for name in HUGE)] for case in cases), cases[0])


def _hostile() -> str:
    run = read("hostile")
    largest = max(case["file_bytes"] for case in run["outcomes"])
    titles = (f"{largest / 1e6:,.0f} MB of", "ends with", "rows read", "CPU seconds", "peak MB")
    return _with_source(titles, map(_hostile_case, run["outcomes"]), run)


def _hostile_case(case: Document) -> list[str]:
    reasons = ", ".join(f"{count:,} `{code}`" for code, count in case["reasons"].items())
    ends = f"`{case['error']}`" if case["error"] else reasons or "no rejects"
    rows = (case["row_counts"] or {}).get("rows_read", 0)
    return [case["case"], ends, f"{rows:,}", f"{case['cpu_seconds']:.1f}", _mb(case["peak_resident_bytes"])]


def _reading() -> str:
    run = read("read")
    largest = max(reading["rows"] for reading in run["readings"]) // 2
    shown = {(one["reader"], one["kind"]): one for one in run["readings"] if one["rows"] > largest}
    rows = []
    for reader in dict.fromkeys(name for name, _ in shown):
        rates = (f"{shown[reader, kind]['rows_per_cpu_second']['median']:,.0f}" for kind in KINDS)
        rows.append([reader, *rates, _mb(shown[reader, "quote-free"]["peak_resident_bytes"]["median"])])
    return _with_source(("reader", *KINDS.values(), "peak MB"), rows, run)


def _rates() -> dict[tuple[str, str, bool], float]:
    measured = read("write")["parts"]["shapes"]["measured"]
    return {(m["party"], m["shape"], m["tls"]): m["rows_per_cpu_second"]["median"] for m in measured}


def _writing() -> str:
    titles = ("rows", "`ingest load`, rows per CPU-second", "the usual loop", "times", "times, with TLS")
    return _with_source(titles, (_shape(*shape) for shape in SHAPES.items()), read("write")["parts"]["shapes"])


def _shape(shape: str, what: str) -> list[str]:
    rates = _rates()
    ours, theirs = (rates[party, shape, False] for party in ("ingest load", "boto3 loop"))
    with_tls = rates["ingest load", shape, True] / rates["boto3 loop", shape, True]
    return [what, f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.0f}", f"{with_tls:.0f}"]


def _modes() -> str:
    part = read("write")["parts"]["modes"]
    rates = {(m["party"], m["mode"], m["tls"]): m["rows_per_cpu_second"]["median"] for m in part["measured"]}
    titles = ("a request a row", "`ingest load`, rows per CPU-second", "boto3", "times", "`ingest load`, TLS", "times")
    return _with_source(titles, (_mode(rates, mode) for mode in dict.fromkeys(mode for _, mode, _ in rates)), part)


def _mode(rates: Mapping[tuple[str, str, bool], float], mode: str) -> list[str]:
    found = [mode]
    for tls in (False, True):
        ours, theirs = (rates[party, mode, tls] for party in ("ingest load", "boto3 loop"))
        found += [f"{ours:,.0f}", *([] if tls else [f"{theirs:,.0f}"]), f"{ours / theirs:.0f}"]
    return found


def _whole() -> str:
    part = read("write")["parts"]["whole"]
    cases: dict[tuple[Any, ...], dict[str, Document]] = {}
    for one in part["measured"]:
        cases.setdefault((one["of_rows"], one["shape"], one["key_order"]), {})[one["party"]] = one
    rows = ([f"{count:,}", SHAPES[shape], order, *_beside(**both)] for (count, shape, order), both in cases.items())
    titles = ("rows", "of", "keys", "`ingest load`, CPU seconds", "the usual loop", "times", "peak MB")
    return _with_source(titles, rows, part)


def _beside(**both: Document) -> list[str]:
    ours, theirs = both["ingest load"], both["boto3 loop"]
    taken, loop = whole_cpu_s(ours), whole_cpu_s(theirs)
    return [f"{taken:.2f}", f"{loop:.1f}", f"{loop / taken:.0f}", _mb(ours["peak_resident_bytes"]["median"])]


def _latency() -> str:
    part = read("write")["parts"]["latency"]
    rows = (
        [
            one["party"],
            f"{one['latency_ms']} ms",
            f"{one['rows_per_second']['median']:,.0f}",
            f"{one['most_in_flight']}",
        ]
        for one in part["measured"]
    )
    return _with_source(("party", "an answer takes", "rows a second", "requests in flight"), rows, part)


def _planning() -> str:
    run = read("plan")
    rows = ([one["kind"], f"{one['segments']}", *_rate_and_peak(one)] for one in run["plannings"])
    return _with_source(("1 GB of", "segments", "MB per CPU-second", "peak MB"), rows, run)


def _rate_and_peak(one: Document) -> list[str]:
    return [f"{one['mb_per_cpu_second']['median']:,.0f}", _mb(one["peak_resident_bytes"]["median"])]


def _cold_start() -> str:
    run = read("cold_start")
    steps = [name for name in run["starts"][0]["seconds"] if name != "interpreter"]
    rows = (
        [start["code"], *(f"{1000 * start['seconds'][step]['median']:.0f}" for step in steps)]
        for start in run["starts"]
    )
    return _with_source(("code, ms", *steps), rows, run)


def _small_files() -> str:
    run = read("small_files")
    rates = ("files_per_second", "files_per_cpu_second")
    rows = (
        [
            f"{one['workers']}",
            f"{one['rows']}",
            *(f"{one[rate]['median']:,.0f}" for rate in rates),
            _asked(one["calls"]),
        ]
        for one in run["loads"]
    )
    titles = ("workers", "rows a file", "files a second", "files per CPU-second of the workers", "requests a file")
    return _with_source(titles, rows, run)


def _asked(calls: dict[str, float]) -> str:
    return ", ".join(f"{name} {count:g}" for name, count in calls.items())


def _generating() -> str:
    run = read("generate")
    rows = ([one["kind"], f"{one['text_bytes'] / 1e6:,.0f}", *_rate_and_peak(one)] for one in run["makings"])
    return _with_source(("kind", "MB of text", "MB per CPU-second", "peak MB"), rows, run)


BUDGET_START = "start"  # the case with all budgets and numbers of workers


def _budget_start() -> str:
    run = read("budget")
    found = {(one["budget"], one["workers"]): one for one in run["runs"] if one["case"] == BUDGET_START}
    workers = sorted({count for _, count in found})
    rows = (
        [f"{budget:,}", *(_crowd(found[budget, count]) for count in workers)]
        for budget in sorted({b for b, _ in found})
    )
    titles = ("units a second", *(f"{count} worker{'s' * (count > 1)}" for count in workers))
    return _with_source(titles, rows, run)


def _refresh() -> str:
    run = read("refresh")
    titles = ("items", "way", "read units", "write units", "USD for a million rows", "`plan --against-table` expects")
    rows = (
        [
            *(one[name] for name in ("items", "way")),
            *(f"{one[name]:,.0f}" for name in ("read_units", "write_units")),
            *(f"{one[name] / 100:.3f}" for name in ("cents", "planned_cents")),
        ]
        for one in run["bills"]
    )
    return _with_source(titles, rows, run)


def _crowd(one: Document) -> str:
    parked = f", {one['parked']} parked" if one["parked"] else ""
    return f"{100 * one['worst_window']:.1f} %, {100 * one['used']:.1f} %, {one['ledger_units']:.2f}{parked}"


def _budget() -> str:
    run = read("budget")
    titles = ("what happens", "budget, workers", "worst 10 s", "allowed", "used", "settled after", "ledger units")
    rows = (_budget_case(one) for one in run["runs"] if one["case"] != BUDGET_START)
    missed = [goal for goal in run["goals"] if not goal["is_met"]]
    lines = "".join(f"- {goal['what']}: {goal['found']}\n" for goal in missed)
    return _with_source(titles, rows, run) + f"\n{len(run['goals'])} goals, {len(missed)} missed:\n{lines}"


def _budget_case(one: Document) -> list[str]:
    shares = (f"{100 * one[name]:.1f} %" for name in ("worst_window", "allowed", "used"))
    settled = f"{one['settled_s']:.1f} s" if one["settled_s"] else ""
    where = f"{one['budget']:,}, {one['workers']}"
    return [one["says"], where, *shares, settled, f"{one['ledger_units']:.2f}"]


def _mb(found: float) -> str:
    return f"{found / 1e6:.0f}"
