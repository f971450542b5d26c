"""What is said beside a proposed section: what was found, on how many rows, and what to look at. Never row data."""

import re
from collections.abc import Iterator

from ingest.core.sniffing.columns import Finding
from ingest.core.sniffing.encoding import GUESSED
from ingest.core.sniffing.keys import Key
from ingest.core.sniffing.proposal import Proposal
from ingest.core.sniffing.section import Remarks, quoted
from ingest.feeds import Feed

_LISTED = 8
_LONGEST = 60


def remarks_on(proposal: Proposal, *, extent: str, outcome: str) -> Remarks:
    """Return the remarks of a proposal; `extent` says what it is from, `outcome` what became of those rows."""
    feed = proposal.feed
    found: dict[str, list[str]] = {
        "": [
            f"From {extent}. Look at keys and types before you trust them.",
            outcome,
        ],
        "partition_key": list(_on_keys(proposal.keys, proposal.row_count)),
        "columns": list(_on_strings(proposal.findings)),
    }
    for column in proposal.findings:
        if column.odd:
            kind = "number" if column.type == "N" else "yes or no"
            found[f"columns.{column.name}"] = [
                f"{column.odd:,} of {column.values:,} values are no {kind} and will be rejected."
            ]
    return found | _on_dialect(feed)


def extent(file: str, rows: int, *, is_whole: bool) -> str:
    """Return what a sample is, for a remark.

    >>> extent("a.csv", 5000, is_whole=False)
    'the first 5,000 rows of a.csv'
    """
    return f"{'all' if is_whole else 'the first'} {rows:,} rows of {_shown(file)}"


def _on_keys(keys: list[Key], rows: int) -> Iterator[str]:
    best, *others = keys
    if not rows:
        yield "There are no rows to tell which key is unique."
    elif best.is_unique:
        yield f"Unique in these {rows:,} rows."
    else:
        yield f"Does not tell all of these {rows:,} rows apart: {_odd_rows(best)}."
    if others:
        yield "Other candidates: " + "; ".join(map(_key, others)) + "."


def _key(key: Key) -> str:
    names = " with ".join(map(_shown, key.columns))
    return names if key.is_unique else f"{names} (but for {key.odd:,} rows)"


def _odd_rows(key: Key) -> str:
    told = {"rows that repeat a key, of which the last wins": key.repeated, "rows without a key": key.missing}
    return ", ".join(f"{what}: {count:,}" for what, count in told.items() if count)


def _on_strings(findings: list[Finding]) -> Iterator[str]:
    names = [_shown(found.name) for found in findings if found.type == "S"]
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    if names:
        yield f"Strings, which need no line: {', '.join(names[:_LISTED])}{more}."


def _on_dialect(feed: Feed) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if feed.csv.encoding in GUESSED:
        found["csv.encoding"] = ["A guess: the file is no UTF-8 and has no byte order mark."]
    if feed.csv.skip_lines:
        found["csv.skip_lines"] = [
            "These lines stand above the header: they have another number of cells, or hardly any."
        ]
    if feed.csv.footer_lines:
        found["csv.footer_lines"] = ["These lines look like totals or remarks."]
    if feed.csv.names:
        found["csv.names"] = ["In place of the header's names, some of which are empty, occur twice or cannot be used."]
    if feed.csv.ragged != "reject":
        found["csv.ragged"] = ["Many rows have another number of cells than the header."]
    return found


def _shown(name: str) -> str:
    """Return a name as text of one line, short enough for a remark."""
    shown = quoted(name if len(name) <= _LONGEST else f"{name[:_LONGEST]}...")
    return name if re.fullmatch(r"\w[\w.-]*", name) and shown == f'"{name}"' else shown
