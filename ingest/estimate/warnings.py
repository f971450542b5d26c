"""What a plan warns of, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass

from ingest.contract import Reason
from ingest.estimate.duration import NEW_TABLE, PARTITION, QUOTA
from ingest.estimate.estimate import Plan
from ingest.estimate.write_cost import Part
from ingest.ledger.row_counts import RowCounts

SHORT_S = 60.0  # nobody needs to be warned of so much
LONG_S = 4 * 3600.0
SHOWN = 40  # characters of a key


@dataclass(frozen=True, slots=True)
class Warned:
    """A stable code, and a sentence."""

    code: str
    message: str


def warnings(plan: Plan) -> list[Warned]:
    """Return what there is to warn of, what matters most first."""
    return [*_failure(plan), *_rejects(plan), *_hot_keys(plan), *_new_table(plan), *_shape(plan)]


def _failure(plan: Plan) -> Iterator[Warned]:
    rejected = plan.estimate(lambda part: part.rejected).value
    failed = next((r.failed_at for r in plan.readings if r.failed_at and r.how != "spread"), None)
    if failed:
        yield Warned(
            "would_fail",
            f"{failed.rows_rejected:,} of the first {failed.rows_read:,} rows are rejected, more than the feed's "
            "max_rejects allows: the file would end there as FAILED. Mend the file or the feed.",
        )
    elif plan.files == 1 and RowCounts(rows_read=plan.rows.value, rows_rejected=rejected).exceeds(
        plan.feed.max_rejects
    ):
        yield Warned(
            "would_fail",
            f"About {rejected:,} of {plan.rows.value:,} rows would be rejected, more than the feed's max_rejects "
            "allows: the file would end as FAILED. Mend the file or the feed.",
        )


def _rejects(plan: Plan) -> Iterator[Warned]:
    reasons = plan.reader.reasons
    if reasons[Reason.ITEM_TOO_LARGE]:
        count = reasons[Reason.ITEM_TOO_LARGE]
        yield Warned("oversized_items", f"{count:,} items are larger than the 400 KB DynamoDB takes: rejects.")
    odd = reasons[Reason.RECORD_TOO_LONG] + reasons[Reason.UNTERMINATED_QUOTE]
    if odd:
        yield Warned(
            "oversized_records",
            f"{odd:,} records are longer than max_record_bytes ({plan.feed.csv.max_record_bytes:,}) or open a quote "
            "that is not closed: look at the quote and the escape of the feed.",
        )
    read = sum(part.rows for part in plan.seen)
    share = reasons.total() / read if read else 0.0
    if share > 0.01 and not any(True for _ in _failure(plan)):
        yield Warned(
            "many_rejects", f"{share * 100:.1f} % of the rows read are rejected: `ingest check` shows the first ones."
        )
    superseded = sum(part.superseded for part in plan.seen)
    if read and superseded / read > 0.01:
        yield Warned(
            "duplicate_keys",
            f"{superseded / read * 100:.1f} % of the rows read have a key that comes again nearby: the last one stays. "
            "Is the key of the feed the whole key?",
        )


def _hot_keys(plan: Plan) -> Iterator[Warned]:
    """Keys that hold the load up, whatever the capacity: by all they get, or by what they get at a time."""
    for part in plan.parts:
        found = plan.demand(part)
        key_s = found.hottest_key_units / PARTITION
        together_s = found.hottest_together_units / PARTITION / plan.workers
        if max(key_s, together_s, SHORT_S) > max(SHORT_S, plan.scenarios[-1].capacity.seconds(found.units)):
            yield _hot(plan, part, key_s) if key_s * 1.5 > together_s else _together(plan, part, together_s)


def _hot(plan: Plan, part: Part, key_s: float) -> Warned:
    key, share = part.skew.hottest() or ("", 0.0)
    return Warned(
        "hot_partition",
        f"{share * 100:.1f} % of the writes to {_name(part)} have the partition key {key[:SHOWN]!r}. One key takes "
        f"{PARTITION:,} write units a second: no capacity makes it quicker than {key_s / 60:,.0f} min. Put more into "
        "the key.",
    )


def _together(plan: Plan, part: Part, together_s: float) -> Warned:
    share = part.skew.hottest_units / part.units
    return Warned(
        "sorted_input",
        f"Rows of one partition key of {_name(part)} stand together: {share * 100:.0f} % of a stretch are its "
        f"commonest key's. One key takes {PARTITION:,} write units a second, so {plan.workers} function(s) take "
        f"{together_s / 60:,.0f} min, whatever the capacity. Shuffle the file.",
    )


def _name(part: Part) -> str:
    return "the table" if part.index is None else f"the index {part.index}"


def _new_table(plan: Plan) -> Iterator[Warned]:
    first = plan.scenarios[0]
    units = max(part.units for part in plan.parts) * plan.scale
    if first.capacity.is_new and units / NEW_TABLE > 600:
        yield Warned(
            "new_table",
            f"A new table on demand takes {NEW_TABLE:,} write units a second, and twice its earlier peak only after "
            "half an hour each. Give it warm throughput before (aws dynamodb update-table --warm-throughput "
            f"WriteUnitsPerSecond={min(first.capacity.most, QUOTA)},ReadUnitsPerSecond=12000), which is charged once.",
        )


def _shape(plan: Plan) -> Iterator[Warned]:
    seconds = plan.scenarios[0].duration.seconds
    if any(not reading.is_splittable and reading.text_bytes > plan.fleet.segment_bytes for reading in plan.readings):
        yield Warned(
            "not_splittable",
            "The file is compressed, or its encoding or footer forbids to begin in its midst: one function after "
            "another loads it, never two at once. Send it plain, or as several files.",
        )
    if seconds > LONG_S:
        hours = seconds / 3600
        yield Warned("takes_long", f"It takes {hours:,.0f} hours: keep the source until then, and watch `ingest top`.")
