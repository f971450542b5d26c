"""A bar on stderr while a large file is made, if that is a terminal."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from loadtest.workload.stream import Generation

LARGE = 20_000_000  # bytes: less is made before anybody could read the bar


@contextmanager
def reported(generation: Generation, *, is_quiet: bool = False) -> Iterator[Iterable[bytes]]:
    """Yield the file's portions; a bar moves as they are taken."""
    if is_quiet or not sys.stderr.isatty() or generation.most_bytes < LARGE:
        yield generation
        return
    columns = (
        TextColumn("generating"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=generation.likely_bytes, rows=0)

        def watched() -> Iterator[bytes]:
            for portion in generation:
                yield portion
                bar.update(task, completed=generation.known_outcome.text_bytes, rows=generation.known_outcome.rows)

        yield watched()
