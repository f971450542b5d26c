"""Keys on a terminal, while something else is shown there: q is known at once, without Return."""

import contextlib
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

QUIT = (b"q", b"Q")


class Sleeper(Protocol):
    """What waiting needs of a clock."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Keys:
    """Waits for keys on a file descriptor, or only waits if it is None."""

    def __init__(self, descriptor: int | None, clock: Sleeper) -> None:
        self._descriptor = descriptor
        self._clock = clock

    def wants_to_quit(self, seconds: float) -> bool:
        """Wait so long, or until a key is pressed; return whether it was q. Any other key ends the pause."""
        if self._descriptor is None:
            self._clock.sleep(seconds)
            return False
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        return bool(ready) and os.read(self._descriptor, 1) in QUIT


@contextmanager
def keys(clock: Sleeper) -> Iterator[Keys]:
    """Give the keys of standard input for the length of the block; the terminal is then as it was."""
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
        tty.setcbreak(descriptor, termios.TCSADRAIN)  # what was typed before counts
        yield Keys(descriptor, clock)
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
