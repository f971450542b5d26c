"""What `ingest sniff` does: a file's beginning -> a section of feeds.toml, tried on that beginning."""

import json
import sys

from ingest.commands.source import open_source
from ingest.commands.view import RejectTally
from ingest.core.books import Books
from ingest.core.sniffing.names import checked_feed_name, feed_name
from ingest.core.sniffing.proposal import Proposal, propose
from ingest.core.sniffing.remarks import extent, remarks_on
from ingest.core.sniffing.sample import take_sample
from ingest.core.sniffing.section import to_toml
from ingest.dialect import Csv
from ingest.edges.dynamodb import NullWriter
from ingest.feeds import Feed
from ingest.feeds_file import parse_feeds
from ingest.pipeline import Load


def print_proposal(file: str, name: str | None, *, as_json: bool) -> None:
    """Print the feed that a file seems to need, as TOML or as one JSON object with the TOML in it."""
    feed = feed_name(file) if name is None else checked_feed_name(name)
    sample = take_sample(open_source(file).read(0, None))
    proposal = propose(sample, name=feed)
    books, reasons = _try(proposal)
    origin = extent(_base(file), books.rows_read, is_whole=sample.is_whole)
    remarks = remarks_on(proposal, extent=origin, outcome=_outcome(books, reasons))
    text = to_toml(feed, proposal.feed, remarks)
    parse_feeds(text, origin="the proposal")
    if as_json:
        counts = {"rows_read": books.rows_read, "rows_rejected": books.rows_rejected}
        document = {"file": file, "feed": feed, "is_whole": sample.is_whole, **counts, "reasons": reasons, "toml": text}
        print(json.dumps(document, ensure_ascii=False))
    else:
        sys.stdout.write(text)


def _try(proposal: Proposal) -> tuple[Books, dict[str, int]]:
    """Return what `check` would say of the sample, whose text is expanded and UTF-8 already."""
    csv = {field: getattr(proposal.feed.csv, field) for field in Csv.__struct_fields__}
    dialect = Csv(**csv | {"encoding": "utf-8", "compression": "none", "footer_lines": 0})
    feed = {field: getattr(proposal.feed, field) for field in Feed.__struct_fields__}
    tally = RejectTally(keep=0)
    load = Load(feed=Feed(**feed | {"csv": dialect}), writer=NullWriter(), rejects=tally)
    return load.run(lambda start, end: iter([proposal.text[start:end]])), dict(tally.reasons)


def _outcome(books: Books, reasons: dict[str, int]) -> str:
    if not books.rows_read:
        return "There are no rows to try it on."
    why = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
    rejected = f"{books.rows_rejected:,} rejected ({why})" if why else "none rejected"
    superseded = f"{books.rows_superseded:,} superseded"
    return f"Tried on these rows: {books.rows_written:,} would be written, {rejected}, {superseded}."


def _base(file: str) -> str:
    return file.replace("\\", "/").rstrip("/").rpartition("/")[2]
