"""`ingest history`: what has ended, day by day and feed by feed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from ingest.commands.history_view import print_counts, print_files
from ingest.commands.options import DEFAULT_FEEDS, AsJson, FeedsPath, StackName
from ingest.commands.piped import piped
from ingest.commands.stack import DeployedStack
from ingest.commands.status_find import is_day
from ingest.contract import FINAL_STATUSES
from ingest.core.days import by_day
from ingest.core.records import Record
from ingest.edges.clock import Clock
from ingest.edges.ledger_ended import EndedFiles
from ingest.errors import SettingsFault
from ingest.feeds_file import read_feeds
from ingest.teller import NO_FEED

DAYS = 7
MOST_DAYS = 366


def history(
    day: Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="One day (UTC).")] = None,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=MOST_DAYS, help="So many days, today the last of them (default: 7)."),
    ] = None,
    feed: Annotated[str | None, typer.Option("--feed", help="Of one feed; - for files of none.")] = None,
    state: Annotated[str | None, typer.Option("--status", help="That ended in one way, as FAILED.")] = None,
    files: Annotated[bool, typer.Option("--files", help="Each file, instead of counts.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")] = False,
    stack: StackName = None,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJson = False,
) -> None:
    """Show what has ended: by day and feed how many files, their rows and bytes, and how many failed.

    A file counts on the day (UTC) its outcome was told, a moment after its end; each attempt at it counts.
    """
    if as_csv and as_json:
        raise SettingsFault("--csv and --json exclude each other.")
    deployed = DeployedStack(stack)
    known = read_feeds(feeds)
    if feed not in (None, NO_FEED):
        known.named(str(feed))
    question = Question(_days(day, days), [feed] if feed else [*known.feeds, NO_FEED], _statuses(state))
    ended = question.ask(deployed.ended_files)
    with piped():
        form = "csv" if as_csv else "json" if as_json else "table"
        if files:
            print_files(ended, form)
        else:
            print_counts(list(by_day(ended)), form)


@dataclass(frozen=True, slots=True)
class Question:
    """Which files are asked for."""

    days: list[str]
    feeds: list[str]
    statuses: list[str]

    def ask(self, ledger: EndedFiles) -> Iterator[tuple[str, Record]]:
        """Yield the files with their days: the oldest day first, feed by feed."""
        for day in self.days:
            for feed in self.feeds:
                for status in self.statuses:
                    for record in ledger.ended(feed, status, day):
                        yield day, record


def _days(day: str | None, days: int | None) -> list[str]:
    if day is not None and days is not None:
        raise SettingsFault("--day and --days exclude each other.")
    if day is not None and not is_day(day):
        raise SettingsFault(f"--day {day!r} is wrong: accepted is a date as 2026-11-22.")
    if day is not None:
        return [day]
    today: date = datetime.fromtimestamp(Clock().now_s(), UTC).date()
    return [(today - timedelta(days=back)).isoformat() for back in range((days or DAYS) - 1, -1, -1)]


def _statuses(status: str | None) -> list[str]:
    if status is None:
        return list(FINAL_STATUSES)
    if status not in FINAL_STATUSES:
        raise SettingsFault(f"--status {status!r} is wrong: accepted are {', '.join(FINAL_STATUSES)}.")
    return [status]
