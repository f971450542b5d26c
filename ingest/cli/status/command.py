"""`ingest status`: the files that are open or have ended, as the ledger has them."""

import json
import sys
from collections.abc import Callable
from typing import Annotated, Protocol

import typer
from rich.console import Group
from rich.live import Live

from ingest.aws.clock import Clock
from ingest.cli.options import AsJson, OneFeed, StackFeedsPath, StackName, seconds_of
from ingest.cli.output import line_console
from ingest.cli.stack import DeployedStack, feeds_of
from ingest.cli.status.file import find_history, print_history
from ingest.cli.status.query import StatusLedger, StatusQuery, look
from ingest.cli.status.view import overview_document, overview_lines
from ingest.errors import SettingsFault

FILES = 20


def status(
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="s3://bucket/key, or a key in the landing bucket.")
    ] = None,
    feed: OneFeed = None,
    state: Annotated[
        str | None,
        typer.Option("--status", metavar="STATUS", help="Only files with this status, as LOADING or FAILED."),
    ] = None,
    day: Annotated[
        str | None,
        typer.Option("--day", metavar="YYYY-MM-DD", help="Files that ended on this day (UTC)."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", min=1, metavar="N", help="Maximum number of files (default: 20), or of segments with FILE."
        ),
    ] = None,
    watch: Annotated[
        str | None,
        typer.Option("--watch", metavar="[TIME]", help="Refresh every 2 s, or at this interval, as 10s."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option("--version", metavar="NAME", help="With FILE: the version (or eTag) whose segments are shown."),
    ] = None,
    stack: StackName = None,
    feeds: StackFeedsPath = None,
    as_json: AsJson = False,
) -> None:
    """Show open files and those that ended today, or one file.

    Open files come first; the newest come first in each group. With FILE: its versions, and the segments of the newest.

    Examples:
        ingest status --watch 5s
        ingest status --feed orders --status FAILED --day 2026-11-22
        ingest status orders/2026-11-22.csv --json
    """
    if watch is not None and as_json:
        raise SettingsFault("--watch and --json cannot be combined.")
    every_s = None if watch is None else seconds_of(watch, "--watch")
    deployed, clock = DeployedStack(stack), Clock()
    if file is not None:
        _refuse("FILE and --{} cannot be combined.", feed=feed, status=state, day=day, watch=watch)
        history = find_history(deployed, file, version, now_s=clock.now_s())
        print_history(history, limit=limit, as_json=as_json)
        return
    _refuse("--{} needs FILE.", version=version)
    question = StatusQuery(feeds_of(deployed, feeds).known, feed=feed, status=state, day=day, limit=limit or FILES)
    if as_json:
        overview = look(deployed.ledger.queries, question, now_s=clock.now_s())
        print(json.dumps(overview_document(overview, deployed.name), ensure_ascii=False))
    elif every_s is None:
        line_console(sys.stdout).print(_lines(deployed.ledger.queries, question, clock))
    else:
        keep_looking(lambda: _lines(deployed.ledger.queries, question, clock), every_s, clock)


def _lines(ledger: StatusLedger, question: StatusQuery, clock: Clock) -> Group:
    return overview_lines(look(ledger, question, now_s=clock.now_s()), is_filtered=question.is_filtered)


class WatchClock(Protocol):
    """The clock of `--watch`."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


def keep_looking(view: Callable[[], Group], seconds: float, clock: WatchClock) -> None:
    """Show what `view` returns, and refresh it at an interval, until Ctrl-C."""
    with Live(console=line_console(sys.stdout), auto_refresh=False) as live:
        while True:
            live.update(view(), refresh=True)
            clock.sleep(seconds)


def _refuse(why: str, **options: object) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise SettingsFault(why.format(given[0]))
