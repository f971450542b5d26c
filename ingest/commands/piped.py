"""Printing to a reader that may have had enough, as `| head` has."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

READER_GONE = 141  # as the shell says it of a program that SIGPIPE ended


@contextmanager
def piped() -> Iterator[None]:
    """Print; where the reader has gone, end quietly."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains when it ends
        raise typer.Exit(READER_GONE) from None
