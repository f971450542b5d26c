"""The results of the write benchmark as Markdown: made of the JSON, never by hand."""

from collections.abc import Iterator
from typing import Any

TITLES = {
    "transports": "The product, and what its parts take alone",
    "shapes": "Three shapes, without TLS and with it",
    "latency": "Simulators of several latencies",
    "flow": "Requests under way: found by itself, and fixed",
    "memory": "Peak memory",
}
COLUMNS = (
    "party",
    "shape",
    "TLS",
    "latency ms",
    "rows",
    "rows per CPU-second",
    "with start-up",
    "rows per second",
    "with start-up",
    "peak MB",
    "requests",
    "µs of CPU a request",
    "most at a time",
)


def markdown(document: dict[str, Any]) -> str:
    """Return the page for a results document."""
    return "\n".join([*_head(document), *(line for part in document["parts"].items() for line in _part(*part))]) + "\n"


def _head(document: dict[str, Any]) -> Iterator[str]:
    yield "# The write benchmark"
    yield ""
    yield "Made by `python -m loadtest bench write` from `write.json`; do not edit. Medians, and rates are without"
    yield "start-up where they do not say so. CPU-seconds are user and system time of the whole process, from file to"
    yield "acknowledged. With TLS, the file too is read through it. A simulator without latency answers at once, so it"
    yield "never sees two requests at a time."
    yield ""
    for goal in document["goals"]:
        bound = f"at least {goal['at_least']}" if "at_least" in goal else f"at most {goal['at_most']}"
        yield f"- {'met' if goal['is_met'] else '**missed**'}: {goal['what']}: {goal['found']:,} ({bound})"


def _part(name: str, part: dict[str, Any]) -> Iterator[str]:
    yield from ("", f"## {TITLES[name]}", "")
    yield f"`{part['command']}` at {part['at']}, commit {part['commit'][:12]}, {part['machine']},"
    yield f"which had a load of {part['load_before']} before."
    yield ""
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{'---|' * len(COLUMNS)}"
    yield from map(_row, part["measured"])
    for party, why in part["not_measured"].items():
        yield from ("", f"Not measured: {party}: {why}")


def _row(found: dict[str, Any]) -> str:
    rates = [
        f"{rate}{which}" for rate in ("rows_per_cpu_second", "rows_per_second") for which in ("", "_with_start_up")
    ]
    cells = [found["party"], found["shape"], "yes" if found["tls"] else "no", str(found["latency_ms"])]
    cells += [f"{found['rows']:,}", *(f"{found[rate]['median']:,.0f}" for rate in rates)]
    cells += [f"{found['peak_resident_bytes']['median'] / 1_000_000:.0f}"]
    cells += [f"{found['requests']:,}", _cost(found), str(found["most_in_flight"])]
    return f"| {' | '.join(cells)} |"


def _cost(found: dict[str, Any]) -> str:
    """Return the CPU time of a request, with all that was done for its rows."""
    if not found["requests"]:
        return "-"
    return f"{1e6 * found['rows'] / found['requests'] / found['rows_per_cpu_second']['median']:,.0f}"
