"""The page that `ingest plan` prints."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ingest.contract import Price
from ingest.estimate.cost import provisioned_dollars
from ingest.estimate.duration import Scenario
from ingest.estimate.estimate import Plan
from ingest.estimate.extrapolate import Estimate
from ingest.estimate.warnings import warnings


def plan_document(plan: Plan, source: str) -> dict[str, Any]:
    """Return all of it for machines. Estimates have `low` and `high`, which are null where they are not known."""
    return {
        "source": source,
        "feed": plan.feed_name,
        "table": plan.feed.table,
        "files": plan.files,
        "size_bytes": plan.size_bytes,
        "text_bytes": round(plan.text_bytes),
        "sample": sample(plan),
        "rows": asdict(plan.rows),
        "rows_written": asdict(count_of(plan, "written")),
        "rows_rejected": asdict(count_of(plan, "rejected")),
        "rows_superseded": asdict(count_of(plan, "superseded")),
        "reasons": {reason: round(count * plan.scale) for reason, count in plan.reader.reasons.most_common()},
        "item_bytes": asdict(plan.sizes) if plan.sizes else None,
        "write_units": asdict(plan.units) | {"per_row": _per_row(plan), "parts": _parts(plan)},
        "work": work(plan),
        "durations": [_duration(scenario) for scenario in plan.scenarios],
        "cost": _cost(plan),
        "warnings": [asdict(warned) for warned in warnings(plan)],
    }


def sample(plan: Plan) -> dict[str, Any]:
    """Return what was read."""
    ways = {reading.how for reading in plan.readings}
    return {
        "is_exact": plan.is_exact,
        "how": ways.pop() if len(ways) == 1 else "mixed",
        "files_read": len(plan.readings),
        "bytes_read": plan.read_bytes,
        "rows_read": sum(part.rows for part in plan.seen),
        "places": len(plan.seen),
    }


def _per_row(plan: Plan) -> float | None:
    items = plan.reader.meter.items
    return round(plan.reader.meter.units / items, 3) if items else None


def _parts(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "index": part.index,
            "write_units": round(part.units * plan.scale),
            "hottest_key_share": round(hottest[1], 4) if (hottest := part.skew.hottest()) else None,
        }
        for part in plan.parts
    ]


def work(plan: Plan) -> dict[str, Any]:
    """Return in how many parts it is loaded, by how many functions, and how fast one core is."""
    return {
        "segments": plan.segments,
        "functions": plan.workers,
        "rows_per_core_second": round(plan.rows.value / plan.work_s) if plan.work_s else None,
    }


def _duration(scenario: Scenario) -> dict[str, Any]:
    return {
        "what": scenario.what,
        "write_units_per_s": scenario.capacity.most,
        "is_new": scenario.capacity.is_new,
        "seconds": round(scenario.duration.seconds, 1),
        "limited_by": scenario.duration.limit,
    }


def _cost(plan: Plan) -> dict[str, Any]:
    lines = [asdict(c) | {"dollars": round(c.dollars, 6)} for c in plan.charges]
    return {
        "region": Price.REGION,
        "as_of": Price.AS_OF,
        "on_demand_dollars": round(total_dollars(plan), 4),
        "provisioned_dollars": round(provisioned(plan), 4),
        "stored_dollars_a_month": round(stored_dollars(plan), 4),
        "charges": lines,
    }


def total_dollars(plan: Plan) -> float:
    """Return what the load costs on demand."""
    return sum(charge.dollars for charge in plan.charges)


def provisioned(plan: Plan) -> float:
    """Return what the write units of table and indexes cost if provisioned at the last capacity, alone."""
    last = plan.scenarios[-1]
    return sum(
        provisioned_dollars(part.units * plan.scale, last.capacity.most, last.duration.seconds) for part in plan.parts
    )


def stored_dollars(plan: Plan) -> float:
    """Return what the items cost in the table and, with 100 bytes more each, in its indexes."""
    sizes = plan.sizes
    if not sizes:
        return 0.0
    copies = sum(part.skew.writes for part in plan.parts) * plan.scale
    return copies * (sizes.average + 100) / 1e9 * Price.STORED_GB_MONTH


def count_of(plan: Plan, of: str) -> Estimate:
    """Return how many rows were written, rejected or superseded."""
    return plan.estimate(lambda part: int(getattr(part, of)))


SHOWN_CHARGES = 4
SENTENCES = {"capacity": "the capacity", "hot_key": "one partition key", "workers": "the functions"}


def plan_lines(plan: Plan, source: str) -> Iterator[str]:
    """Yield the page, line by line."""
    files = "" if plan.files == 1 else f"{plan.files:,} files, "
    yield f"{source}: {files}{plan.size_bytes:,} bytes, feed {plan.feed_name}, table {plan.feed.table}"
    yield _how_read(plan)
    yield ""
    yield from _contents(plan)
    yield ""
    yield from _times(plan)
    yield ""
    yield from _costs(plan)
    for warned in warnings(plan):
        yield f"! {warned.message}"


def _how_read(plan: Plan) -> str:
    read = sample(plan)
    if plan.is_exact:
        return f"All of it was read: {read['rows_read']:,} rows."
    why = next((reading.why for reading in plan.readings if reading.why), "not all files were read")
    share = read["bytes_read"] / plan.text_bytes if plan.text_bytes else 1.0
    where = f"{share * 100:.1f} % of the text in {read['places']} place(s)"
    return f"A sample, {where}: {why}. In brackets: where figures lie if the rest is alike (95 %)."


def _contents(plan: Plan) -> Iterator[str]:
    yield f"  rows          {_estimate(plan.rows)}"
    replaced = f"{count_of(plan, 'superseded').value:,} replaced by later rows of their keys"
    yield f"  written       {_estimate(count_of(plan, 'written'))}; {replaced}"
    reasons = ", ".join(f"{round(count * plan.scale):,} {why}" for why, count in plan.reader.reasons.most_common(4))
    yield f"  rejected      {_estimate(count_of(plan, 'rejected'))}{': ' + reasons if reasons else ''}"
    if sizes := plan.sizes:
        extent = f"{sizes.least:,} to {sizes.most:,}, average {sizes.average:,.0f}, 99 % up to {sizes.p99:,}"
        yield f"  item bytes    {extent}; {sizes.over_1_kib * 100:.1f} % over 1 KB"
    yield f"  write units   {_estimate(plan.units)}: {_units(plan)}"
    yield f"  work          {plan.segments:,} part(s) for {plan.workers} function(s) at once{_rate(plan)}"


def _rate(plan: Plan) -> str:
    rows = work(plan)["rows_per_core_second"]
    return f"; one core reads and writes about {rows:,} rows/s" if rows else ""


def _units(plan: Plan) -> str:
    names = ["the table" if part.index is None else f"index {part.index}" for part in plan.parts]
    counts = [f"{round(part.units * plan.scale):,} {name}" for part, name in zip(plan.parts, names, strict=True)]
    return " + ".join(counts)


def _times(plan: Plan) -> Iterator[str]:
    yield f"  {'how long':<29}{'write units/s':>15}  {'time':<13}limited by"
    for scenario in plan.scenarios:
        most = f"{scenario.capacity.most:,}"
        rate = f"4,000 to {most}" if scenario.capacity.is_new and scenario.capacity.most > 4000 else most
        time = time_text(scenario.duration.seconds)
        yield f"  {scenario.what:<29}{rate:>15}  {time:<13}{SENTENCES[scenario.duration.limit]}"


def _costs(plan: Plan) -> Iterator[str]:
    total = _dollars(total_dollars(plan))
    yield f"  what it costs: about {total} on demand ({Price.REGION}, prices of {Price.AS_OF})"
    for charge in sorted(plan.charges, key=lambda charge: -charge.dollars)[:SHOWN_CHARGES]:
        yield f"    {_dollars(charge.dollars):>12}  {_quantity(charge.quantity)} {charge.what}"
    yield (
        f"    With {plan.scenarios[-1].capacity.most:,} write units provisioned for whole hours: "
        f"{_dollars(provisioned(plan))}. Storage: {_dollars(stored_dollars(plan))} a month."
    )


def _quantity(quantity: float) -> str:
    """Return how much of something, as it is read.

    >>> _quantity(1234.5), _quantity(0.0011), _quantity(0.0000047)
    ('1,234', '0.0011', '< 0.0001')
    """
    if quantity >= 10:
        return f"{quantity:,.0f}"
    return f"{quantity:.2g}" if quantity >= 1e-4 or not quantity else "< 0.0001"


def _estimate(number: Estimate) -> str:
    if number.low == number.value == number.high:
        return f"{number.value:,}"
    if number.low is None or number.high is None:
        return f"about {number.value:,}"
    return f"about {number.value:,} ({number.low:,} to {number.high:,})"


def _dollars(dollars: float) -> str:
    """Return an amount with the digits that matter.

    >>> _dollars(312.5), _dollars(0.00031), _dollars(0.0000021)
    ('$312.50', '$0.00031', '< $0.00001')
    """
    if dollars < 1e-5:
        return "< $0.00001" if dollars else "$0"
    return f"${dollars:,.2f}" if dollars >= 0.01 else f"${dollars:.2g}" if dollars >= 1e-4 else f"${dollars:.5f}"


def time_text(seconds: float) -> str:
    """Return how long something takes.

    >>> time_text(3.2), time_text(250), time_text(9000)
    ('3 s', '4 min', '2.5 h')
    """
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"
