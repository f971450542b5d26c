"""`ingest status`: the files that are open or have ended, as the ledger has them."""

import json
import re
import sys
from collections.abc import Callable
from typing import Annotated, Protocol

import typer
from rich.console import Group
from rich.live import Live

from ingest.aws.clock import Clock
from ingest.cli.options import DEFAULT_FEEDS, AsJson, FeedsPath, StackName
from ingest.cli.output import line_console
from ingest.cli.stack import DeployedStack
from ingest.cli.status.file import find_history, print_history
from ingest.cli.status.query import StatusLedger, StatusQuery, look
from ingest.cli.status.view import overview_document, overview_lines
from ingest.errors import SettingsFault
from ingest.feeds.parse import read_feeds

WATCH_S = 2.0
FILES = 20
_NUMBER = re.compile(r"\d+(\.\d+)?")


def status(
    file: Annotated[
        str | None, typer.Argument(help="s3://bucket/key, or a key in the landing bucket. [default: all files]")
    ] = None,
    feed: Annotated[
        str | None, typer.Option("--feed", help="Only files of this feed; - for files under no feed's prefix.")
    ] = None,
    state: Annotated[
        str | None, typer.Option("--status", help="Only files with this status, as LOADING or FAILED.")
    ] = None,
    day: Annotated[
        str | None,
        typer.Option("--day", metavar="YYYY-MM-DD", help="Files that ended on this day (UTC)."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="Maximum number of files (default: 20), or of segments with FILE."),
    ] = None,
    watch: Annotated[
        float | None,
        typer.Option("--watch", min=0.1, metavar="[SECONDS]", help="Refresh every 2 s, or at this interval."),
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", help="With FILE: the version (or eTag) whose segments are shown.")
    ] = None,
    stack: StackName = None,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJson = False,
) -> None:
    """Show the files that are open, and those that ended today.

    Open files come first; the newest come first in each group. With FILE: its versions, and the segments of the newest.
    """
    if watch is not None and as_json:
        raise SettingsFault("--watch and --json cannot be combined.")
    deployed, clock = DeployedStack(stack), Clock()
    if file is not None:
        _refuse("FILE and --{} cannot be combined.", feed=feed, status=state, day=day, watch=watch)
        history = find_history(deployed, file, version, now_s=clock.now_s())
        print_history(history, limit=limit, as_json=as_json)
        return
    _refuse("--{} needs FILE.", version=version)
    question = StatusQuery(read_feeds(feeds), feed=feed, status=state, day=day, limit=limit or FILES)
    if as_json:
        overview = look(deployed.ledger.queries, question, now_s=clock.now_s())
        print(json.dumps(overview_document(overview, deployed.name), ensure_ascii=False))
    elif watch is None:
        line_console(sys.stdout).print(_lines(deployed.ledger.queries, question, clock))
    else:
        keep_looking(lambda: _lines(deployed.ledger.queries, question, clock), watch, clock)


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


def with_watch_value(arguments: list[str]) -> list[str]:
    """Return a command line where --watch has a value; users may leave it out.

    >>> with_watch_value(["status", "--watch", "--feed", "orders"])
    ['status', '--watch', '2.0', '--feed', 'orders']
    """
    filled: list[str] = []
    for argument, following in zip(arguments, [*arguments, ""][1:], strict=True):
        filled.append(argument)
        if argument == "--watch" and not _NUMBER.fullmatch(following):
            filled.append(str(WATCH_S))
    return filled


def _refuse(why: str, **options: object) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise SettingsFault(why.format(given[0]))
