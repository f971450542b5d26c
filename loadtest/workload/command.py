"""`python -m loadtest generate`: a CSV file of any size for a feed, and beside it what must be found of it."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from loadtest.workload.expected import KnownOutcome
from loadtest.workload.faults import BadRecipe
from loadtest.workload.options import add_arguments, recipe_from
from loadtest.workload.recipe import Recipe
from loadtest.workload.stream import Generation
from loadtest.workload.targets import STDOUT, known_outcome_path, write_to

LARGE = 20_000_000  # bytes: less is made before anybody could read the bar


@contextmanager
def with_progress(generation: Generation, *, is_quiet: bool = False) -> Iterator[Iterable[bytes]]:
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


INTERRUPTED, BROKEN_PIPE = 130, 141
__all__ = ["add_arguments", "generate", "run"]
_ATTEMPTS = 10  # of each request to S3


def run(arguments: argparse.Namespace) -> int:
    """Make one file; return the exit code."""
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    try:
        recipe = recipe_from(arguments)
        client = partial(_s3, arguments.endpoint_url)
        known_outcome = generate(recipe, arguments.out, client=client, is_quiet=arguments.quiet)
    except BadRecipe as error:
        return _fail(str(error), 2)
    except BrokenPipeError:  # whoever reads has enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain at its end
        return BROKEN_PIPE
    except (BotoCoreError, ClientError, OSError) as error:
        return _fail(f"{arguments.out} cannot be written: {error}. Nothing was left there.", 4)
    except KeyboardInterrupt:
        return _fail("Interrupted; nothing was left behind.", INTERRUPTED)
    _report(known_outcome, recipe, arguments)
    return 0


def generate(recipe: Recipe, target: str, *, client: Callable[[], Any], is_quiet: bool = False) -> KnownOutcome:
    """Write a file to a target, with a bar on a terminal; return what must be found of it.

    Raises:
        BadRecipe, OSError, botocore's errors: it could not be made or written.
    """
    generation = Generation(recipe)
    with with_progress(generation, is_quiet=is_quiet) as portions:
        write_to(target, portions, most_bytes=generation.most_bytes, client=client)
    return generation.known_outcome


def _report(known_outcome: KnownOutcome, recipe: Recipe, arguments: argparse.Namespace) -> None:
    """Write the known outcome where it belongs, and a line for whoever looks on."""
    path = arguments.known_outcome or known_outcome_path(arguments.out)
    made_of = {"feed": recipe.schema.feed, "table": recipe.schema.table, "seed": recipe.seed, "file": recipe.file}
    if path:
        path.write_text(
            json.dumps({"made": {"target": arguments.out, **made_of}, **known_outcome.document()}, indent=2) + "\n"
        )
    elif arguments.out == STDOUT:
        print(json.dumps({"made": made_of, **known_outcome.document()}), file=sys.stderr)
        return
    if arguments.quiet:
        return
    print(
        f"{arguments.out}: {known_outcome.bytes:,} bytes, {known_outcome.rows:,} rows = "
        f"{known_outcome.rows_kept:,} good + "
        f"{known_outcome.rows_rejected:,} to be rejected; {known_outcome.items:,} items; "
        f"what must be found is in {path}.",
        file=sys.stderr,
    )


def _fail(sentence: str, code: int) -> int:
    print(f"generate: {sentence}", file=sys.stderr)
    return code


def _s3(endpoint_url: str | None) -> Any:
    retries = {"mode": "standard", "max_attempts": _ATTEMPTS}
    return boto3.client("s3", endpoint_url=endpoint_url, config=Config(retries=retries))  # type: ignore[arg-type]
