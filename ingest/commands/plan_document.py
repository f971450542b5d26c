"""What `ingest plan --json` prints: one document."""

from dataclasses import asdict
from typing import Any

from ingest.commands.plan_advice import warnings
from ingest.commands.plan_capacity import Scenario
from ingest.commands.plan_make import Plan
from ingest.core import prices
from ingest.core.bill import provisioned_dollars
from ingest.core.estimate import Estimate


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
        "region": prices.REGION,
        "as_of": prices.AS_OF,
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
    return copies * (sizes.average + 100) / 1e9 * prices.STORED_GB_MONTH


def count_of(plan: Plan, of: str) -> Estimate:
    """Return how many rows were written, rejected or superseded."""
    return plan.estimate(lambda part: int(getattr(part, of)))
