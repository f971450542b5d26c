"""`ingest top`: how the stack is doing, live."""

import json
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live

from ingest.aws.clock import Clock
from ingest.cli.options import DEFAULT_FEEDS, AsJson, FeedsPath, StackName
from ingest.cli.output import line_console
from ingest.cli.stack import DeployedStack
from ingest.cli.top.collect import StackHealth, Watcher, read_source
from ingest.cli.top.document import health_document
from ingest.cli.top.keyboard import Keys, keys
from ingest.cli.top.view import view
from ingest.errors import ServiceFault, SettingsFault
from ingest.feeds.parse import read_feeds

EVERY_S = 2.0
LINES_IN_A_PIPE = 60


def top(
    once: Annotated[bool, typer.Option("--once", help="Look once; so it does where there is no terminal.")] = False,
    every: Annotated[float, typer.Option("--every", min=0.5, metavar="SECONDS", help="Look so often.")] = EVERY_S,
    source: Annotated[
        str,
        typer.Option("--source", help="cloudwatch, logs (the function's log), or auto: logs where AWS is emulated."),
    ] = "auto",
    stack: StackName = None,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJson = False,
) -> None:
    """Show lag, throughput, errors and files of the stack, live, until q or Ctrl-C.

    Counts are of the last 5 minutes, rates of the last one. CloudWatch is a minute or two behind, the ledger is not.
    """
    clock = Clock()
    is_live = sys.stdout.isatty() and not once and not as_json
    watcher = Watcher(DeployedStack(stack), read_feeds(feeds), read_source(source))
    first = watcher.look(clock.now_s())
    if as_json:
        print(json.dumps(health_document(first), ensure_ascii=False))
    elif is_live:
        with keys(clock) as pressed:
            keep_showing(first, lambda: watcher.look(clock.now_s()), pressed, every, Console(emoji=False))
    else:
        line_console(sys.stdout).print(view(first, rows=LINES_IN_A_PIPE))


def keep_showing(
    health: StackHealth, look: Callable[[], StackHealth], pressed: Keys, every: float, console: Console
) -> None:
    """Show the stack, and look again every so many seconds, until q or Ctrl-C. What fails meanwhile is told below."""

    def picture(last_error: str = "") -> Group:
        return view(health, rows=console.height, every=every, last_error=last_error)

    with Live(picture(), console=console, screen=True, auto_refresh=False) as live:
        try:
            live.refresh()
            while not pressed.wants_to_quit(every):
                last_error = ""
                try:
                    health = look()
                except (ServiceFault, SettingsFault) as fault:
                    last_error = str(fault)
                live.update(picture(last_error), refresh=True)
        except KeyboardInterrupt:
            return
