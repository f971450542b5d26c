"""`ingest history`: the files that ended, counted by day and feed, or one by one."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import typer

from ingest.aws.clock import Clock
from ingest.cli.options import AsJson, OneFeed, StackFeedsPath, StackName
from ingest.cli.output import Cell, FittingTable, TableColumn, line_console
from ingest.cli.stack import DeployedStack, feeds_of
from ingest.cli.status_overview import is_day, skipped_text, status_and_error, time_text
from ingest.contract import FINAL_STATUSES, NO_FEED, Price
from ingest.errors import SettingsFault
from ingest.estimate.cost import dollars_text, ended_dollars
from ingest.feeds.feed import Feed
from ingest.file import FileVersion
from ingest.ledger.progress import DayCount, by_day, total
from ingest.ledger.queries import EndedFiles
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Entry, WorkItem

NOTHING = "No files ended on these days."
ABOUT_COST = (
    "Dollars are estimated from rows and bytes, with items as large as their rows; storage, replicas and undos are not "
    "included."
)
_ROW_COUNTS = (
    TableColumn("rows read"),
    TableColumn("written", may_go=1),
    TableColumn("rejected"),
    TableColumn("superseded", may_go=2),
    TableColumn("skipped", may_go=2),
)
_COUNT_COLUMNS = (
    TableColumn("day", "word"),
    TableColumn("feed", "word"),
    TableColumn("files"),
    TableColumn("failed"),
    TableColumn("ignored", may_go=4),
    *_ROW_COUNTS,
    TableColumn("bytes", may_go=3),
    TableColumn("dollars"),
)
_FILE_COLUMNS = (
    TableColumn("ended", "word"),
    TableColumn("feed", "word", may_go=3),
    TableColumn("file", "key"),
    TableColumn("status", "words"),
    *_ROW_COUNTS,
    TableColumn("bytes", may_go=5),
    TableColumn("seconds", may_go=4),
)


def print_counts(counts: list[DayCount], feeds: Mapping[str, Feed], form: str, *, with_cost: bool) -> None:
    """Print counts and their total; JSON always has the approximate cost."""
    costs = [_dollars(count, feeds.get(count.feed)) for count in counts]
    if form == "csv":
        documents = [_with_dollars(*counted, with_cost=with_cost) for counted in zip(counts, costs, strict=True)]
        _print_csv(documents, _with_dollars(DayCount("", ""), 0.0, with_cost=with_cost))
    elif form == "json":
        *days, whole = map(_with_statuses, [*counts, total(counts)], [*costs, sum(costs)])
        print(json.dumps({"days": days, "total": whole}))
    else:
        _print_count_table(counts, costs if with_cost else None)


def _dollars(count: DayCount, feed: Feed | None) -> float:
    return ended_dollars(count.row_counts, feed, files=count.files, seconds=count.seconds)


def _with_dollars(count: DayCount, dollars: float, *, with_cost: bool) -> dict[str, Any]:
    return _count_document(count) | ({"dollars": round(dollars, 6)} if with_cost else {})


def print_files(ended: Iterable[tuple[str, Entry]], form: str) -> None:
    """Print files one by one; a table is printed when all files are known, because of its column widths."""
    documents = (_file_document(day, entry) for day, entry in ended)
    if form == "csv":
        _print_csv(documents, _file_document("", Entry(WorkItem(FileVersion("", "")), "")))
    elif form == "json":
        print('{"files": [', end="")
        for number, document in enumerate(documents):
            print(",\n" if number else "\n", json.dumps(document, ensure_ascii=False), sep="", end="")
        print("]}")
    else:
        _print_file_table(list(ended))


def _count_document(count: DayCount) -> dict[str, Any]:
    return {
        "day": count.day,
        "feed": count.feed,
        "files_ended": count.files,
        "files_failed": count.failed,
        "files_ignored": count.ignored,
        **count.row_counts.document(),
    }


def _with_statuses(count: DayCount, dollars: float) -> dict[str, Any]:
    return _count_document(count) | {"statuses": dict(count.statuses), "dollars": round(dollars, 6)}


def _file_document(day: str, entry: Entry) -> dict[str, Any]:
    return {
        "day": day,
        "feed": entry.feed,
        "file": entry.work.file.url,
        "version": entry.work.file.version,
        "status": entry.status,
        "undo": bool(entry.work.file.undo),
        **entry.row_counts.document(),
        "seconds": entry.seconds,
        "ended": time_text(entry.ended_s),
        "error": {"code": entry.error_code, "message": entry.error} if entry.error else None,
    }


def _print_csv(documents: Iterable[dict[str, Any]], like: dict[str, Any]) -> None:
    """Print documents as CSV with the field names of `like`, which do not include the reasons for skipped rows."""
    rows = csv.DictWriter(sys.stdout, list(_flat(like)), extrasaction="ignore", lineterminator="\n")
    rows.writeheader()
    rows.writerows(map(_flat, documents))


def _flat(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with its error in two fields, for CSV."""
    if "error" not in document:
        return document
    error = document["error"] or {"code": None, "message": None}
    return document | {"error": error["message"], "error_code": error["code"]}


def _print_count_table(counts: list[DayCount], costs: list[float] | None) -> None:
    console = line_console(sys.stdout)
    if not counts:
        console.print(NOTHING)
        return
    rows = [_count_cells(count) for count in [*counts, total(counts)]]
    if costs is not None:
        for row, dollars in zip(rows, [*costs, sum(costs)], strict=True):
            row["dollars"] = dollars_text(dollars)
    console.print(FittingTable(_COUNT_COLUMNS, rows))
    if costs is not None:
        console.print(f"{ABOUT_COST} Prices: {Price.REGION}, {Price.AS_OF}.", soft_wrap=True)


def _count_cells(count: DayCount) -> dict[str, Cell]:
    figures = {"files": f"{count.files:,}", "failed": f"{count.failed:,}", **_row_counts_cells(count.row_counts)}
    figures["ignored"] = f"{count.ignored:,}" if count.ignored else ""
    return {"day": count.day, "feed": count.feed, **figures, "dollars": ""}


def _print_file_table(ended: list[tuple[str, Entry]]) -> None:
    if not ended:
        line_console(sys.stdout).print(NOTHING)
        return
    line_console(sys.stdout).print(FittingTable(_FILE_COLUMNS, [_file_cells(entry) for _, entry in ended]))


def _file_cells(entry: Entry) -> dict[str, Cell]:
    return {
        "ended": time_text(entry.ended_s) or "",
        "feed": entry.feed,
        "file": entry.work.file.key,
        "status": status_and_error(entry),
        **_row_counts_cells(entry.row_counts),
        "seconds": "" if entry.seconds is None else f"{entry.seconds:,.1f}",
    }


def _row_counts_cells(row_counts: RowCounts) -> dict[str, str]:
    figures = {
        "rows read": row_counts.rows_read,
        "written": row_counts.rows_written,
        "rejected": row_counts.rows_rejected,
        "superseded": row_counts.rows_superseded,
        "bytes": row_counts.bytes_read,
    }
    cells = {name: f"{figure:,}" for name, figure in figures.items()}
    return cells | {"skipped": skipped_text(row_counts)}


DAYS = 7
MAX_DAYS = 366


def history(
    day: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Files that ended on this day (UTC).")
    ] = None,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=MAX_DAYS, metavar="N", help="The last N days, including today (default: 7)."),
    ] = None,
    feed: OneFeed = None,
    state: Annotated[
        str | None, typer.Option("--status", metavar="STATUS", help="Only files with this status, such as FAILED.")
    ] = None,
    files: Annotated[bool, typer.Option("--files", help="List each file instead of counts.")] = False,
    cost: Annotated[bool, typer.Option("--cost", help="Show the estimated cost in dollars.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV for spreadsheets.")] = False,
    stack: StackName = None,
    feeds: StackFeedsPath = None,
    as_json: AsJson = False,
) -> None:
    """Count the files that ended, by day and feed.

    Also shows their rows, their bytes and the number that failed. A file counts on the day (UTC) on which its outcome
    was reported, just after it ended. Each attempt counts. IGNORED objects are counted separately. Undos are listed,
    but not counted; a file that was undone is UNDONE.

    Examples:
        ingest history --days 30 --csv > november.csv
        ingest history --day 2026-11-22 --status FAILED --files
        ingest history --days 30 --cost
    """
    if as_csv and as_json:
        raise SettingsFault("--csv and --json cannot be combined.")
    if files and cost:
        raise SettingsFault("--files and --cost cannot be combined: costs are estimated by feed and day.")
    deployed = DeployedStack(stack)
    known = feeds_of(deployed, feeds).known
    if feed not in (None, NO_FEED):
        known.named(str(feed))
    query = EndedQuery(_days(day, days), [feed] if feed else [*known.feeds, NO_FEED], _statuses(state))
    ended = query.run(deployed.ended_files)
    form = "csv" if as_csv else "json" if as_json else "table"
    if files:
        print_files(ended, form)
    else:
        print_counts(list(by_day(ended)), known.feeds, form, with_cost=cost)


@dataclass(frozen=True, slots=True)
class EndedQuery:
    """Which files to show."""

    days: list[str]
    feeds: list[str]
    statuses: list[str]

    def run(self, ledger: EndedFiles) -> Iterator[tuple[str, Entry]]:
        """Yield the files with their days: the oldest day first, and feed by feed."""
        for day in self.days:
            for feed in self.feeds:
                for status in self.statuses:
                    for entry in ledger.ended(feed, status, day):
                        yield day, entry


def _days(day: str | None, days: int | None) -> list[str]:
    if day is not None and days is not None:
        raise SettingsFault("--day and --days cannot be combined.")
    if day is not None and not is_day(day):
        raise SettingsFault(f"--day {day!r} is not a valid date; write it as 2026-11-22.")
    if day is not None:
        return [day]
    today: date = datetime.fromtimestamp(Clock().now_s(), UTC).date()
    return [(today - timedelta(days=back)).isoformat() for back in range((days or DAYS) - 1, -1, -1)]


def _statuses(status: str | None) -> list[str]:
    if status is None:
        return list(FINAL_STATUSES)
    if status not in FINAL_STATUSES:
        raise SettingsFault(f"--status {status!r} is not valid; accepted are {', '.join(FINAL_STATUSES)}.")
    return [status]
