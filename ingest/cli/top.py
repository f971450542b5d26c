"""`ingest top`: the live view of the stack, and the keys that refresh and quit it."""

import contextlib
import json
import os
import select
import sys
from collections.abc import Callable, Iterator
from typing import Annotated, Protocol

import typer
from rich.console import Console, Group
from rich.live import Live

from ingest.aws.clock import Clock
from ingest.cli.options import AsJson, StackFeedsPath, StackName, seconds_of
from ingest.cli.output import MOST_COLUMNS, line_console
from ingest.cli.stack import DeployedStack, feeds_of
from ingest.cli.top_health import StackHealth, Watcher, health_document
from ingest.cli.top_view import view
from ingest.errors import ServiceFault, SettingsFault

EVERY, LEAST_S = "2s", 0.5
LINES_IN_A_PIPE = 60
QUIT = (b"q", b"Q")


def top(
    once: Annotated[
        bool, typer.Option("--once", help="Print once and exit (default if the output is not a terminal).")
    ] = False,
    every: Annotated[str, typer.Option("--every", metavar="TIME", help="Refresh interval.")] = EVERY,
    stack: StackName = None,
    feeds: StackFeedsPath = None,
    as_json: AsJson = False,
) -> None:
    """Show lag, throughput, errors and files of the stack, live.

    Press q or Ctrl-C to quit. Counts cover the last 5 minutes, rates the last minute. CloudWatch lags by a minute or
    two; the ledger does not.

    Examples:
        ingest top --every 5s
        ingest top --once --json | jq -e '.errors.dead_letters == 0'
    """
    every_s = max(LEAST_S, seconds_of(every, "--every"))
    clock = Clock()
    is_live = sys.stdout.isatty() and not once and not as_json
    deployed = DeployedStack(stack)
    watcher = Watcher(deployed, feeds_of(deployed, feeds).known)
    first = watcher.look(clock.now_s())
    if as_json:
        print(json.dumps(health_document(first), ensure_ascii=False))
    elif is_live:
        with keys(clock) as pressed:
            keep_showing(first, lambda: watcher.look(clock.now_s()), pressed, every_s, Console(emoji=False))
    else:
        console = line_console(sys.stdout)
        console.print(view(first, rows=LINES_IN_A_PIPE, is_wide=console.width == MOST_COLUMNS))


def keep_showing(
    health: StackHealth, look: Callable[[], StackHealth], pressed: "Keys", every: float, console: Console
) -> None:
    """Show the stack and refresh it every `every` seconds until q or Ctrl-C. A failed refresh is reported below."""

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


class Sleeper(Protocol):
    """The part of a clock that is needed for waiting."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Keys:
    """Waits for keys on a file descriptor; if that is None, it only waits."""

    def __init__(self, descriptor: int | None, clock: Sleeper) -> None:
        self._descriptor = descriptor
        self._clock = clock

    def wants_to_quit(self, seconds: float) -> bool:
        """Wait until the time is over or a key is pressed; return whether the key means quit. Others end the wait."""
        if self._descriptor is None:
            self._clock.sleep(seconds)
            return False
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        return bool(ready) and os.read(self._descriptor, 1) in QUIT


@contextlib.contextmanager
def keys(clock: Sleeper) -> Iterator[Keys]:
    """Yield the keys of standard input; restore the terminal afterwards."""
    try:
        import termios
        import tty
    except ImportError:  # Windows: Ctrl-C ends it
        yield Keys(None, clock)
        return
    if not sys.stdin.isatty():
        yield Keys(None, clock)
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSADRAIN)  # keeps keys typed before
        yield Keys(descriptor, clock)
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
