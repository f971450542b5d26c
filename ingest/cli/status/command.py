"""`ingest status`: how files are doing, by the ledger."""

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
from ingest.cli.status.query import Question, look
from ingest.cli.status.view import overview_document, overview_lines
from ingest.errors import SettingsFault
from ingest.feeds.parse import read_feeds

WATCH_S = 2.0
FILES = 20
_NUMBER = re.compile(r"\d+(\.\d+)?")


def status(
    file: Annotated[
        str | None, typer.Argument(help="s3://bucket/key, or a key in the landing bucket; without it, all files.")
    ] = None,
    feed: Annotated[str | None, typer.Option("--feed", help="Of one feed; - for files of none.")] = None,
    state: Annotated[str | None, typer.Option("--status", help="In one state, as LOADING or FAILED.")] = None,
    day: Annotated[
        str | None,
        typer.Option(
            "--day", metavar="YYYY-MM-DD", help="That ended on a day (UTC), instead of open ones and today's."
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="How many files (default: 20), or with FILE how many segments."),
    ] = None,
    watch: Annotated[
        float | None,
        typer.Option("--watch", min=0.1, metavar="[SECONDS]", help="Look again every 2 or so many seconds."),
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", help="With FILE: the version (also its eTag) whose segments are shown.")
    ] = None,
    stack: StackName = None,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJson = False,
) -> None:
    """Show how files are doing: those that are open, and those that ended today.

    Open files come first, the newest first in each. With FILE: all its versions, and the segments of the newest.
    """
    if watch is not None and as_json:
        raise SettingsFault("--watch and --json exclude each other: ask again as often as you like.")
    deployed, clock = DeployedStack(stack), Clock()
    if file is not None:
        _refuse("FILE and --{} exclude each other.", feed=feed, status=state, day=day, watch=watch)
        history = find_history(deployed, file, version, now_s=clock.now_s())
        print_history(history, limit=limit, as_json=as_json)
        return
    _refuse("--{} is of a file; name it.", version=version)
    question = Question(read_feeds(feeds), feed=feed, status=state, day=day, limit=limit or FILES)
    if as_json:
        overview = look(deployed.ledger.queries, question, now_s=clock.now_s())
        print(json.dumps(overview_document(overview, deployed.name), ensure_ascii=False))
    elif watch is None:
        line_console(sys.stdout).print(overview_lines(look(deployed.ledger.queries, question, now_s=clock.now_s())))
    else:
        keep_looking(lambda: overview_lines(look(deployed.ledger.queries, question, now_s=clock.now_s())), watch, clock)


class WatchClock(Protocol):
    """What watching needs of a clock."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


def keep_looking(view: Callable[[], Group], seconds: float, clock: WatchClock) -> None:
    """Show what `view` returns, anew every so many seconds, until Ctrl-C."""
    with Live(console=line_console(sys.stdout), auto_refresh=False) as live:
        while True:
            live.update(view(), refresh=True)
            clock.sleep(seconds)


def with_watch_value(arguments: list[str]) -> list[str]:
    """Return a command line where --watch has its value, which may be left out.

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
