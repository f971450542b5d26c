"""The warnings of an estimate, each with what to do about it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote

from ingest.contract import REMEMBERED, Price, Reason
from ingest.estimate.cost import WriteTarget
from ingest.estimate.duration import NEW_TABLE, PARTITION, QUOTA, Capacity
from ingest.estimate.estimate import LoadEstimate
from ingest.feeds.feed import Feed
from ingest.ledger.row_counts import RowCounts

SHORT_S = 60.0  # a shorter delay is not worth a warning
LONG_NEW_S = 600.0  # of writing at a new table's initial capacity
NEW_TABLE_READS = 12_000  # read units a second that a new on-demand table accepts: keeping them costs nothing
LONG_S = 4 * 3600.0
MANY = 0.01  # as a share of the rows
SHOWN = 40  # characters of a key


@dataclass(frozen=True, slots=True)
class LoadWarning:
    """A stable code, and a sentence."""

    code: str
    message: str


def warnings(found: LoadEstimate) -> list[LoadWarning]:
    """Return the warnings, the most important first."""
    failure = list(_failure(found))
    rejects = [*_oversized(found), *([] if failure else _many_rejects(found)), *_duplicates(found)]
    return [*failure, *rejects, *_hot_keys(found), *_new_table(found), *_shape(found)]


def _failure(found: LoadEstimate) -> Iterator[LoadWarning]:
    rejected = found.estimate(lambda part: part.rejected).value
    failed = next((r.failed_at for r in found.readings if r.failed_at and r.how != "windows"), None)
    read = RowCounts(rows_read=found.rows.value, rows_rejected=rejected)
    if (failed and failed.has_only_rejects(at_end=False)) or (found.files == 1 and read.has_only_rejects(at_end=True)):
        yield LoadWarning(
            "would_fail",
            "All rows that were read are rejected: the file would end as FAILED. Fix the file or the feed.",
        )
    elif failed:
        yield LoadWarning(
            "would_fail",
            f"{_over_the_limit(failed, found.feed)} allows: the file would end there as FAILED. Fix the file or the "
            "feed.",
        )
    elif found.files == 1 and read.exceeds(found.feed.max_rejects):
        yield LoadWarning(
            "would_fail",
            f"About {rejected:,} of {found.rows.value:,} rows would be rejected, more than the feed's max_rejects "
            "allows: the file would end as FAILED. Fix the file or the feed.",
        )


def _over_the_limit(row_counts: RowCounts, feed: Feed) -> str:
    first = f"of the first {row_counts.rows_read:,} rows"
    if row_counts.exceeds(feed.max_rejects):
        return f"{row_counts.rows_rejected:,} {first} are rejected, more than the feed's max_rejects"
    return f"{row_counts.rows_superseded:,} {first} have the key of a later row, more than the feed's max_duplicates"


def _oversized(found: LoadEstimate) -> Iterator[LoadWarning]:
    reasons = found.reader.reasons
    if count := reasons[Reason.ITEM_TOO_LARGE]:
        yield LoadWarning("oversized_items", f"{count:,} items exceed DynamoDB's 400 KB limit and would be rejected.")
    quotes = (Reason.RECORD_TOO_LONG, Reason.UNTERMINATED_QUOTE, Reason.BAD_QUOTE, Reason.SWALLOWED_ROWS)
    if odd := sum(reasons[reason] for reason in quotes):
        yield LoadWarning(
            "oversized_records",
            f"{odd:,} records are longer than max_record_bytes ({found.feed.csv.max_record_bytes:,}) or have a quote "
            "that is not closed where a cell ends: check the feed's quote, escape and quoting.",
        )


def _many_rejects(found: LoadEstimate) -> Iterator[LoadWarning]:
    read = sum(part.rows for part in found.observed)
    share = found.reader.reasons.total() / read if read else 0.0
    if share > MANY:
        yield LoadWarning(
            "many_rejects",
            f"{share * 100:.1f} % of the rows that were read are rejected: `ingest check` shows the first ones.",
        )


def _duplicates(found: LoadEstimate) -> Iterator[LoadWarning]:
    read = sum(part.rows for part in found.observed)
    share = sum(part.superseded for part in found.observed) / read if read else 0.0
    if share > MANY and not found.feed.repeats_keys:
        yield LoadWarning(
            "duplicate_keys",
            f"{share * 100:.1f} % of the rows that were read have a key that appears again in a later row; the last "
            "row wins. Check that the feed's key is the whole key.",
        )


def _hot_keys(found: LoadEstimate) -> Iterator[LoadWarning]:
    """Yield the keys that limit the load at any capacity: by all their writes, or by those at the same time."""
    for target in found.targets:
        demand = found.demand(target)
        key_s = demand.hottest_key_units / PARTITION
        together_s = demand.hottest_together_units / PARTITION / found.workers
        if max(key_s, together_s, SHORT_S) > max(SHORT_S, found.scenarios[-1].capacity.seconds(demand.units)):
            yield _hot(target, key_s) if key_s * 1.5 > together_s else _together(found, target, together_s)


def _hot(target: WriteTarget, key_s: float) -> LoadWarning:
    key, share = target.hot_keys.hottest() or ("", 0.0)
    return LoadWarning(
        "hot_partition",
        f"{share * 100:.1f} % of the writes to {_name(target)} have the partition key {key[:SHOWN]!r}. One partition "
        f"key accepts {PARTITION:,} write units a second, so the load takes at least {key_s / 60:,.0f} min at any "
        "capacity. Use a partition key with more distinct values.",
    )


def _together(found: LoadEstimate, target: WriteTarget, together_s: float) -> LoadWarning:
    share = target.hot_keys.hottest_units / target.units
    return LoadWarning(
        "sorted_input",
        f"Rows with the same partition key of {_name(target)} stand together: {share * 100:.0f} % of the writes of a "
        f"block go to its most frequent key. One partition key accepts {PARTITION:,} write units a second, so "
        f"{found.workers} function(s) take {together_s / 60:,.0f} min at any capacity. Shuffle the file.",
    )


def _name(target: WriteTarget) -> str:
    return "the table" if target.index is None else f"the index {target.index}"


@dataclass(frozen=True, slots=True)
class WarmThroughput:
    """The one-time cost of warming a table, the load's duration without and with it, and the command."""

    from_units: int
    to_units: int
    dollars: float
    seconds_without: float
    seconds_with: float
    command: str


def warm_throughput(found: LoadEstimate) -> WarmThroughput | None:
    """Return the effect of warming a new table and its indexes; None if the table is not new or already accepts all."""
    new = next((scenario.capacity for scenario in found.scenarios if scenario.capacity.is_new), None)
    before = (found.table and found.table.warm_units) or NEW_TABLE
    if new is None or min(new.most, QUOTA) <= before:
        return None
    units = min(new.most, QUOTA)
    dollars = (units - before) * Price.WARM_WRITE_UNIT * len(found.targets)
    cold_s, warm_s = (found.at_once(Capacity(units, is_new=is_new)).seconds for is_new in (True, False))
    return WarmThroughput(before, units, dollars, cold_s, warm_s, _warm_command(found, units))


def _warm_command(found: LoadEstimate, units: int) -> str:
    warm = {"ReadUnitsPerSecond": NEW_TABLE_READS, "WriteUnitsPerSecond": units}
    value = ",".join(f"{name}={number}" for name, number in warm.items())
    command = f"aws dynamodb update-table --table-name {found.feed.table} --warm-throughput {value}"
    updates = [{"Update": {"IndexName": name, "WarmThroughput": warm}} for name in found.feed.indexes]
    return f"{command} --global-secondary-index-updates {quote(json.dumps(updates))}" if updates else command


def _new_table(found: LoadEstimate) -> Iterator[LoadWarning]:
    units = max(map(found.units_of_target, found.targets))
    warm = warm_throughput(found)
    if found.scenarios[0].capacity.is_new and warm and units / warm.from_units > LONG_NEW_S:
        saved = (warm.seconds_without - warm.seconds_with) / 60
        yield LoadWarning(
            "new_table",
            f"A new on-demand table takes {warm.from_units:,} write units a second at once, and doubles its earlier "
            f"peak every 30 minutes at most. Warming it to {warm.to_units:,} costs ${warm.dollars:,.2f} once "
            f"({REMEMBERED}) and saves {saved:,.0f} min: {warm.command}",
        )


def _shape(found: LoadEstimate) -> Iterator[LoadWarning]:
    seconds = found.scenarios[0].duration.seconds
    if any(not reading.is_splittable and reading.text_bytes > found.fleet.segment_bytes for reading in found.readings):
        yield LoadWarning(
            "not_splittable",
            "The file cannot be split, because it is compressed, because of its encoding or footer, or because its "
            "changes are written in their order: it is loaded by one function at a time. Send it uncompressed, or as "
            "several files; changes with a version (`newest`) have an order of their own.",
        )
    yield from _expanded_again(found)
    if seconds > LONG_S:
        yield LoadWarning(
            "takes_long",
            f"Loading takes {seconds / 3600:,.0f} hours: keep the source until then, and watch `ingest top`.",
        )


def _expanded_again(found: LoadEstimate) -> Iterator[LoadWarning]:
    """Yield a warning for each compressed file that takes longer, or never ends, due to repeated decompression."""
    for reading in found.readings:
        _, capacity = found.capacities[0]
        at_once_s, seconds = found.at_once_s(reading, capacity), found.resumed_s(reading, capacity)
        size = f"{reading.source.name} has about {reading.text_bytes / 1e9:,.1f} GB of text in {reading.codec}"
        if seconds is None:
            yield LoadWarning(
                "never_ends",
                f"{size}: each function expands it again up to its checkpoint, and none would come to the end of it. "
                "The file would end as FAILED. Send it uncompressed, or as several files.",
            )
        elif seconds - at_once_s > SHORT_S:
            yield LoadWarning(
                "expanded_again",
                f"{size}: each function expands it again up to its checkpoint, so it takes {seconds / 60:,.0f} min "
                f"instead of {at_once_s / 60:,.0f}. Send it uncompressed, or as several files.",
            )
