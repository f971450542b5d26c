"""`ingest rejects`: shows a file's rejected rows as a table, or as a CSV to fix and upload; also its duplicates."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import typer
from rich.table import Table

from ingest.cli.options import AsJson, LedgerFile, StackName, VersionName
from ingest.cli.output import duplicates_view, line_console, plain_table, printable, without_file
from ingest.cli.stack import DeployedStack
from ingest.cli.status import choose, find_versions
from ingest.contract import Reason
from ingest.errors import FileMissing, SettingsFault
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Entry
from ingest.rejects.bucket import RejectReader
from ingest.rejects.reject import Document

SHOWN = 20
REASONS = tuple(value for name, value in vars(Reason).items() if name.isupper())


def rejects(
    file: LedgerFile,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print the raw rows with the file's header, to fix and upload.")
    ] = False,
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="REASON", help="Only rejects with this reason, such as bad_number."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", min=1, metavar="N", help="Maximum number of rows (default: 20; all with --csv or --json)."
        ),
    ] = None,
    duplicates: Annotated[
        bool, typer.Option("--duplicates", help="Show the first rows that a later row with the same key replaced.")
    ] = False,
    version: VersionName = None,
    stack: StackName = None,
    as_json: AsJson = False,
) -> None:
    """Show the rejected rows of a file, or print them as CSV.

    Shows the number of rejects by reason, and the first ones in file order. --csv prints the rows as they are in the
    file, in its encoding. Fix them and upload the CSV under the same prefix to load exactly the missing rows.
    --duplicates shows instead the rows that a later row with the same key replaced.

    Examples:
        ingest rejects orders/2026-11-22.csv
        ingest rejects orders/2026-11-22.csv --reason bad_number --limit 100
        ingest rejects orders/2026-11-22.csv --csv > fix-me.csv
        ingest rejects orders/2026-11-22.csv --duplicates
    """
    if as_csv and as_json:
        raise SettingsFault("--csv and --json cannot be combined.")
    if duplicates and (as_csv or reason):
        raise SettingsFault(f"--duplicates and {'--csv' if as_csv else '--reason'} cannot be combined.")
    if reason not in (None, *REASONS):
        raise SettingsFault(f"--reason {reason!r} is not valid; accepted are {', '.join(REASONS)}.")
    deployed = DeployedStack(stack)
    entry = choose(find_versions(deployed, file), version)
    if duplicates:
        found = _duplicates(deployed.rejects, entry)
        print_duplicates_of(entry, found[:limit], as_json=as_json)
        return
    _refuse_expired(deployed.rejects, entry)
    if as_csv:
        print_csv(deployed.rejects, entry, reason, limit)
    elif as_json:
        print_json(deployed.rejects, entry, reason, limit)
    else:
        print_view(deployed.rejects, entry, reason, limit or SHOWN)


def print_csv(kept: RejectReader, entry: Entry, reason: str | None, limit: int | None) -> None:
    """Print the raw rows as bytes; print on stderr how many are missing, and why."""
    left_out = 0

    def should_continue(document: Document) -> bool:
        nonlocal left_out
        is_cut = document["reason"] == Reason.RECORD_TOO_LONG and reason in (None, Reason.RECORD_TOO_LONG)
        left_out += is_cut
        return not is_cut and reason in (None, document["reason"])

    for data in kept.csv(entry.work.file, wanted=should_continue, limit=limit):
        sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    if left_out:
        sentence = f"{left_out:,} row(s) with reason record_too_long are left out: only their beginning was kept."
        print(f"ingest: {sentence}", file=sys.stderr)


def print_json(kept: RejectReader, entry: Entry, reason: str | None, limit: int | None) -> None:
    """Print one JSON object: the rejects one by one, and then the counts."""
    counts: Counter[str] = Counter()
    begin = {"file": entry.work.file.url, "version": entry.work.file.version, "status": entry.status}
    print(json.dumps(begin, ensure_ascii=False)[:-1], end=', "rejects": [')
    shown = 0
    for document in _of(kept, entry, reason):
        counts[document["reason"]] += 1
        if limit is None or shown < limit:
            del document["file"]
            print(",\n" if shown else "\n", json.dumps(document, ensure_ascii=False), sep="", end="")
            shown += 1
    end = {"rows_rejected": counts.total(), "truncated": shown < counts.total(), "reasons": dict(counts.most_common())}
    print("], " + json.dumps(end)[1:])


def print_view(kept: RejectReader, entry: Entry, reason: str | None, limit: int) -> None:
    """Print the number of rejects by reason, and a table of the first ones."""
    found = _of(kept, entry, reason)
    first = list(islice(found, limit))
    counts = Counter(document["reason"] for document in first)
    counts.update(document["reason"] for document in found)
    console = line_console(sys.stdout)
    console.print(f"{entry.work.file.url}, version {entry.work.file.version}: {entry.status}", soft_wrap=True)
    if not counts:
        console.print("No rows were rejected." if reason is None else f"No rows were rejected with reason {reason}.")
        return
    reasons = ", ".join(f"{count:,} {name}" for name, count in counts.most_common())
    console.print(f"{counts.total():,} row(s) rejected: {reasons}\n", soft_wrap=True)
    console.print(_table(first))
    if counts.total() > len(first):
        console.print(f"Only the first {len(first)} are shown; see --limit, --reason, --csv and --json.")


def print_duplicates_of(entry: Entry, documents: list[Document], *, as_json: bool) -> None:
    """Print the first duplicates of a file, and how many it has, as one JSON object or as a table."""
    file, row_counts = entry.work.file, entry.row_counts
    if as_json:
        document = {
            "file": file.url,
            "version": file.version,
            "status": entry.status,
            "duplicates": [without_file(document) for document in documents],
            **row_counts.document(),
            "truncated": len(documents) < row_counts.rows_superseded,
            "warning": row_counts.warning(),
        }
        print(json.dumps(document, ensure_ascii=False))
        return
    console = line_console(sys.stdout)
    console.print(f"{file.url}, version {file.version}: {entry.status}", soft_wrap=True)
    if not documents:
        console.print("No row has the key of a later row.")
        return
    warning = row_counts.warning()
    console.print(warning["message"] if warning else _count_of(row_counts), soft_wrap=True)
    console.print(duplicates_view(documents))


def _count_of(row_counts: RowCounts) -> str:
    return f"{row_counts.rows_superseded:,} of {row_counts.rows_read:,} rows have the key of a later row."


def _duplicates(kept: RejectReader, entry: Entry) -> list[Document]:
    """Return the stored duplicates of a file.

    Raises:
        FileMissing: the file has duplicates, but none are stored.
    """
    file, count = entry.work.file, entry.row_counts.rows_superseded
    found = kept.duplicates(file)
    if count and not found:
        raise FileMissing(
            f"The first of the {count:,} duplicate(s) of {file.url} are not kept: they have expired after the stack's "
            "rejects_expire_days, or the file was loaded by an earlier version of the ingester."
        )
    return found


def _of(kept: RejectReader, entry: Entry, reason: str | None) -> Iterator[Document]:
    return (document for document in kept.of(entry.work.file) if reason in (None, document["reason"]))


def _refuse_expired(kept: RejectReader, entry: Entry) -> None:
    file = entry.work.file
    if entry.rejects and not kept.any_of(file):
        raise FileMissing(
            f"The {entry.row_counts.rows_rejected:,} rejected row(s) of {file.url} have expired from "
            f"{entry.rejects}: they are kept for the stack's rejects_expire_days."
        )


def _table(documents: list[Document]) -> Table:
    table = plain_table()
    table.add_column("line", justify="right", no_wrap=True)
    for name in ("column", "reason", "value", "what is wrong"):
        table.add_column(name, no_wrap=name == "reason", overflow="fold")
    for document in documents:
        value = printable(document["value"])
        table.add_row(str(document["line"]), document["column"] or "", document["reason"], value, document["message"])
    return table
