"""`ingest sniff`: proposes a feed for a file."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli.options import AsJson
from ingest.cli.source import open_source
from ingest.dynamodb.item_writer import NullWriter
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.feeds.parse import parse_feeds
from ingest.ledger.row_counts import RowCounts
from ingest.rejects.local_file import RejectTally
from ingest.worker.load import Load

if TYPE_CHECKING:
    from ingest.sniff.proposal import Proposal


def sniff(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A path, an s3:// URL, or - for standard input.")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The feed's name (default: from the file's).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Propose a section of feeds.toml for a file; write nothing.

    Dialect, keys and types are those of its first 4 MiB, tested by reading them as the proposal says.

    Examples:
        ingest sniff orders.csv >> feeds.toml
        ingest sniff s3://bucket/orders/2026-11-22.csv.gz --name orders
    """
    # Imported here, so that the other commands start faster.
    from ingest.sniff.proposal import checked_feed_name, feed_name, propose
    from ingest.sniff.sample import take_sample
    from ingest.sniff.toml import extent, remarks_on, to_toml

    feed = feed_name(file) if name is None else checked_feed_name(name)
    sample = take_sample(open_source(file).read(0, None))
    proposal = propose(sample, name=feed)
    row_counts, reasons = _try(proposal)
    origin = extent(_base(file), row_counts.rows_read, is_whole=sample.is_whole)
    remarks = remarks_on(proposal, extent=origin, outcome=_outcome(row_counts, reasons))
    text = to_toml(feed, proposal.feed, remarks)
    if proposal.feed.partition_key:  # else it is for the user to fill in, and refused until then
        parse_feeds(text, origin="the proposal")
    if as_json:
        counts = {"rows_read": row_counts.rows_read, "rows_rejected": row_counts.rows_rejected}
        document = {"file": file, "feed": feed, "is_whole": sample.is_whole, **counts, "reasons": reasons, "toml": text}
        print(json.dumps(document, ensure_ascii=False))
    else:
        sys.stdout.write(text)


def _try(proposal: "Proposal") -> tuple[RowCounts, dict[str, int]]:
    """Return what `check` would count in the sample, whose text is expanded and UTF-8 already, with usual line ends."""
    csv = {field: getattr(proposal.tested_feed.csv, field) for field in Csv.__struct_fields__}
    dialect = Csv(**csv | {"encoding": "utf-8", "compression": "none", "footer_lines": 0, "line_end": ""})
    feed = {field: getattr(proposal.tested_feed, field) for field in Feed.__struct_fields__}
    tally = RejectTally(keep=0)
    load = Load(feed=Feed(**feed | {"csv": dialect}), writer=NullWriter(), rejects=tally, ends_early=False)
    return load.run(lambda start, end: iter([proposal.text[start:end]])), dict(tally.reasons)


def _outcome(row_counts: RowCounts, reasons: dict[str, int]) -> str:
    if not row_counts.rows_read:
        return "Not tested: there are no rows."
    why = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
    rejected = f"{row_counts.rows_rejected:,} rejected ({why})" if why else "none rejected"
    superseded = f"{row_counts.rows_superseded:,} superseded"
    return f"Tested on these rows: {row_counts.rows_written:,} would be written, {rejected}, {superseded}."


def _base(file: str) -> str:
    return file.replace("\\", "/").rstrip("/").rpartition("/")[2]
