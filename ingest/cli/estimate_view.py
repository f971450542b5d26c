"""What `ingest plan` prints: a page, or one JSON document."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from ingest.contract import PRICE_SOURCES, REMEMBERED, Price
from ingest.estimate.advice import additions, import_from_s3, pays_from
from ingest.estimate.cost import TableFacts, dollars_text, provisioned_dollars
from ingest.estimate.duration import Scenario
from ingest.estimate.estimate import Estimate, LoadEstimate
from ingest.estimate.warnings import warm_throughput, warnings


def estimate_document(found: LoadEstimate, source: str, against: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON document; `against` is the comparison with a table.

    Estimates have `low` and `high`, which are null if unknown.
    """
    return {
        "file": source,
        "feed": found.feed_name,
        "table": found.feed.table,
        "files_found": found.files,
        "size_bytes": found.size_bytes,
        "text_bytes": round(found.text_bytes),
        "sample": sample(found),
        "rows_read": asdict(found.rows),
        "rows_written": asdict(count_of(found, "written")),
        "rows_rejected": asdict(count_of(found, "rejected")),
        "rows_superseded": asdict(count_of(found, "superseded")),
        "reasons": {reason: round(count * found.scale) for reason, count in found.reader.reasons.most_common()},
        "item_bytes": asdict(found.sizes) if found.sizes else None,
        "write_units": asdict(found.units) | {"per_row": _per_row(found), "targets": _targets(found)},
        "work": work(found),
        "durations": [_duration(scenario) for scenario in found.scenarios],
        "cost": _cost(found),
        "import_from_s3": _import(found, source),
        "against_table": against,
        "warnings": [asdict(warned) for warned in warnings(found)],
    }


def sample(found: LoadEstimate) -> dict[str, Any]:
    """Return how much was read, and how."""
    ways = {reading.how for reading in found.readings}
    return {
        "is_exact": found.is_exact,
        "how": ways.pop() if len(ways) == 1 else "mixed",
        "files_read": len(found.readings),
        "bytes_read": found.read_bytes,
        "rows_read": sum(part.rows for part in found.observed),
        "windows": len(found.observed),
    }


def _per_row(found: LoadEstimate) -> float | None:
    items = found.reader.write_cost.items * found.scale
    return round(sum(map(found.units_of_target, found.targets)) / items, 3) if items else None


def _targets(found: LoadEstimate) -> list[dict[str, Any]]:
    return [
        {
            "index": target.index,
            "write_units": round(found.units_of_target(target)),
            "hottest_key_share": round(hottest[1], 4) if (hottest := target.hot_keys.hottest()) else None,
        }
        for target in found.targets
    ]


def work(found: LoadEstimate) -> dict[str, Any]:
    """Return the number of segments, the number of functions, and the speed of one core."""
    return {
        "segments": found.segments,
        "functions": found.workers,
        "rows_per_core_second": round(found.rows.value / found.work_s) if found.work_s else None,
    }


def _duration(scenario: Scenario) -> dict[str, Any]:
    return {
        "what": scenario.what,
        "write_units_per_s": scenario.capacity.most,
        "is_new": scenario.capacity.is_new,
        "seconds": round(scenario.duration.seconds, 1),
        "limited_by": scenario.duration.limit,
    }


def _cost(found: LoadEstimate) -> dict[str, Any]:
    lines = [asdict(c) | {"dollars": round(c.dollars, 6)} for c in found.charges]
    return {
        "region": Price.REGION,
        "as_of": Price.AS_OF,
        "on_demand_dollars": round(found.dollars, 4),
        "provisioned_dollars": round(provisioned(found), 4),
        "dollars_per_million_rows": _per(found.dollars, found.rows.value / 1e6),
        "dollars_per_gb": _per(found.dollars, found.text_bytes / 1e9),
        "storage_dollars_per_month": round(stored_dollars(found), 4),
        "charges": lines,
        "additions": [{"what": more.what, "dollars": round(more.dollars, 6)} for more in additions(found)],
        "skip_unchanged_pays_from": pays_from(found),
        "warm_throughput": asdict(warm) if (warm := warm_throughput(found)) else None,
        "table": asdict(found.table) if found.table else None,
        "prices": [
            {"price": name, "dollars": getattr(Price, name), "source": PRICE_SOURCES[name]} for name in PRICE_SOURCES
        ],
    }


def _per(dollars: float, quantity: float) -> float | None:
    return round(dollars / quantity, 4) if quantity else None


def _import(found: LoadEstimate, source: str) -> dict[str, Any] | None:
    """Return DynamoDB's Import from S3 as an alternative; None if it is not possible, or not cheaper."""
    advised = import_from_s3(found, source)
    if advised is None:
        return None
    dollars = {"load_dollars": round(advised.load_dollars, 4), "import_dollars": round(advised.import_dollars, 4)}
    return asdict(advised) | dollars | {"gb": round(advised.gb, 6), "price": PRICE_SOURCES["IMPORT_GB"]}


def provisioned(found: LoadEstimate) -> float:
    """Return the cost of the write units of table and indexes if the last capacity is provisioned."""
    last = found.scenarios[-1]
    return sum(
        provisioned_dollars(found.units_of_target(target), last.capacity.most, last.duration.seconds)
        for target in found.targets
    )


def stored_dollars(found: LoadEstimate) -> float:
    """Return the monthly cost of storing the items in the table and its indexes; DynamoDB adds 100 bytes to each."""
    sizes = found.sizes
    if not sizes:
        return 0.0
    copies = sum(target.hot_keys.writes for target in found.targets) * found.scale
    return copies * (sizes.average + 100) / 1e9 * Price.STORED_GB_MONTH


def count_of(found: LoadEstimate, of: str) -> Estimate:
    """Return how many rows were written, rejected or superseded."""
    return found.estimate(lambda part: int(getattr(part, of)))


SHOWN_CHARGES = 4
LEAST_SAVED = 0.01  # dollars: smaller savings are not worth creating a table by hand
LIMITS = {
    "capacity": "write capacity",
    "hot_key": "one partition key",
    "workers": "functions",
    "budget": "write budget",
    "expanding": "expanding again",
}


def estimate_lines(found: LoadEstimate, source: str, against: Iterable[str] = ()) -> Iterator[str]:
    """Yield the page, line by line; `against` are the lines of the comparison with a table."""
    files = "" if found.files == 1 else f"{found.files:,} files, "
    yield f"{source}: {files}{found.size_bytes:,} bytes, feed {found.feed_name}, table {found.feed.table}"
    yield _how_read(found)
    yield ""
    yield from _contents(found)
    yield ""
    yield from _times(found)
    yield ""
    yield from _costs(found)
    yield from against
    yield from _import_lines(found, source)
    for warned in warnings(found):
        yield f"! {warned.message}"


def _how_read(found: LoadEstimate) -> str:
    read = sample(found)
    if found.is_exact:
        return f"The whole source was read: {read['rows_read']:,} rows."
    why = next((reading.why for reading in found.readings if reading.why), "not all files were read")
    part = read["bytes_read"] / found.text_bytes if found.text_bytes else 1.0
    where = f"{part * 100:.1f} % of the text in {read['windows']} window(s)"
    return f"Sampled {where}: {why}. In parentheses: 95 % confidence intervals."


def _contents(found: LoadEstimate) -> Iterator[str]:
    yield f"  rows          {_estimate(found.rows)}"
    replaced = f"{count_of(found, 'superseded').value:,} superseded by later rows with the same key"
    yield f"  written       {_estimate(count_of(found, 'written'))}; {replaced}"
    reasons = ", ".join(f"{round(count * found.scale):,} {why}" for why, count in found.reader.reasons.most_common(4))
    yield f"  rejected      {_estimate(count_of(found, 'rejected'))}{': ' + reasons if reasons else ''}"
    if sizes := found.sizes:
        extent = f"{sizes.least:,} to {sizes.most:,}, average {sizes.average:,.0f}, 99 % up to {sizes.p99:,}"
        yield f"  item bytes    {extent}; {sizes.over_1_kib * 100:.1f} % over 1 KB"
    yield f"  write units   {_estimate(found.units)}: {_units(found)}"
    yield f"  work          {found.segments:,} segment(s) for {found.workers} function(s) at once{_rate(found)}"


def _rate(found: LoadEstimate) -> str:
    rows = work(found)["rows_per_core_second"]
    return f"; one core reads and writes about {rows:,} rows/s" if rows else ""


def _units(found: LoadEstimate) -> str:
    names = ["the table" if target.index is None else f"index {target.index}" for target in found.targets]
    counts = [f"{round(found.units_of_target(target)):,}" for target in found.targets]
    return " + ".join(f"{count} {name}" for count, name in zip(counts, names, strict=True))


def _times(found: LoadEstimate) -> Iterator[str]:
    yield f"  {'duration':<29}{'write units/s':>15}  {'time':<13}limited by"
    for scenario in found.scenarios:
        most = f"{scenario.capacity.most:,}"
        rate = f"4,000 to {most}" if scenario.capacity.is_new and scenario.capacity.most > 4000 else most
        time = time_text(scenario.duration.seconds)
        yield f"  {scenario.what:<29}{rate:>15}  {time:<13}{LIMITS[scenario.duration.limit]}"


def _costs(found: LoadEstimate) -> Iterator[str]:
    per = {"million rows": found.rows.value / 1e6, "GB of text": found.text_bytes / 1e9}
    each = ", ".join(
        f"{dollars_text(found.dollars / quantity)} per {what}" for what, quantity in per.items() if quantity
    )
    about = f"  cost: about {dollars_text(found.dollars)} on demand ({Price.REGION}, prices of {Price.AS_OF})"
    yield f"{about}: {each}" if each else about
    for charge in sorted(found.charges, key=lambda charge: -charge.dollars)[:SHOWN_CHARGES]:
        yield f"    {dollars_text(charge.dollars):>12}  {_quantity(charge.quantity)} {charge.what}"
    yield (
        f"    With {found.scenarios[-1].capacity.most:,} write units a second provisioned, in whole hours: "
        f"{dollars_text(provisioned(found))}. Storage: {dollars_text(stored_dollars(found))} a month."
    )
    more = ", ".join(f"{added.what} {dollars_text(added.dollars)}" for added in additions(found))
    yield f"    Each would add: {more} (transfer and stream {REMEMBERED})."
    yield from _table_lines(found.table) if found.table else ()
    least = pays_from(found)
    if least is not None and least < 1:
        reads = f"    skip_unchanged would read items for {dollars_text(found.read_units * Price.READ_UNIT)}"
        yield f"{reads}; it pays off above {least * 100:.0f} % unchanged rows. --against-table estimates their share."


def _table_lines(table: TableFacts) -> Iterator[str]:
    """Yield a line with the table's features that add to its cost."""
    has = [f"replicas in {', '.join(table.replicas)}, which the cost includes"] if table.replicas else []
    has += [f"the index {name}, which is in neither the feed nor the cost" for name in table.unnamed]
    has += ["a stream"] if table.has_stream else []
    if has:
        yield f"    The table has {'; '.join(has)}."


def _import_lines(found: LoadEstimate, source: str) -> Iterator[str]:
    advised = import_from_s3(found, source)
    if advised is None or advised.load_dollars - advised.import_dollars < LEAST_SAVED:
        return
    bill = f"{dollars_text(advised.import_dollars)} instead of {dollars_text(advised.load_dollars)}"
    yield f"  DynamoDB's Import from S3 would cost {bill}: {advised.gb:,.2g} GB at ${Price.IMPORT_GB} ({REMEMBERED})."
    yield f"    {' '.join(advised.limits)}"
    yield f"    {advised.command}"


def _quantity(quantity: float) -> str:
    """Return a quantity with its significant digits.

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


def time_text(seconds: float) -> str:
    """Return a duration in one unit.

    >>> time_text(3.2), time_text(250), time_text(9000)
    ('3 s', '4 min', '2.5 h')
    """
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"
