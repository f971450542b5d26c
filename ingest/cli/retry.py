"""`ingest retry`: loads a file again, from its start or from its checkpoint."""

import json
import shlex
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ingest.aws.clock import Clock
from ingest.cli.options import AsJson, LedgerFile, StackName, VersionName
from ingest.cli.output import console_on
from ingest.cli.stack import DeployedStack, services_of
from ingest.cli.status.file import choose, find_versions
from ingest.errors import SettingsFault
from ingest.recovery.retry import CHECKPOINT, START, Retried, Retry


def retry(
    file: LedgerFile,
    start: Annotated[
        str,
        typer.Option(
            "--from", metavar="start|checkpoint", help="Load everything again, or continue from the checkpoint."
        ),
    ] = START,
    as_newest: Annotated[
        bool, typer.Option("--as-newest", help='With newest = "file": as if it were dropped now.')
    ] = False,
    version: VersionName = None,
    stack: StackName = None,
    as_json: AsJson = False,
) -> None:
    """Load a file again, as a new attempt or from its checkpoint.

    The file has FAILED, is stuck, or is COMPLETE; the attempt has counts and rejects of its own. --from start reads
    the whole file again. --from checkpoint continues where it stopped; use it only if the feed still reads the file
    in the same way: same delimiter, quotes, encoding, header. Safe to repeat. With newest = "file" it keeps its place
    among the files, so that rows of newer ones stay; --as-newest makes it the newest.

    Examples:
        ingest retry orders/2026-11-22.csv
        ingest retry orders/2026-11-22.csv --from checkpoint
    """
    if start not in (START, CHECKPOINT):
        raise SettingsFault(f"--from {start!r} is not valid; accepted are {START}, {CHECKPOINT}.")
    if as_newest and start == CHECKPOINT:
        raise SettingsFault("--as-newest loads all rows again; it cannot be combined with --from checkpoint.")
    deployed = DeployedStack(stack)
    entries = find_versions(deployed, file)
    chosen = choose(entries, version).work.file.first_version
    attempts = [entry for entry in entries if entry.work.file.first_version == chosen]
    retried = _retry(deployed).run(attempts, START if start == START else CHECKPOINT, as_newest=as_newest)
    if as_json:
        print(json.dumps(retry_document(retried, start), ensure_ascii=False))
        return
    for line in retry_sentences(retried):
        console_on(sys.stdout).print(line, soft_wrap=True)


def retry_sentences(retried: Retried) -> Iterator[str]:
    """Yield the sentences about what was done."""
    file = retried.file
    if retried.ended:
        yield f"The attempt {retried.ended.version}, which no worker held, is SUPERSEDED."
    if retried.is_new:
        yield f"{file.url} will be loaded again as version {file.version}: {_extent(retried)}"
    else:
        yield f"{file.url} continues as version {file.version}: {retried.messages} message(s) were sent."
    yield f"Follow it with `{shlex.join(['ingest', 'status', file.key])}`."


def retry_document(retried: Retried, start: str) -> dict[str, Any]:
    """Return what was done as a JSON document."""
    return {
        "file": retried.file.url,
        "version": retried.file.version,
        "from": start,
        "new_attempt": retried.is_new,
        "superseded": retried.ended.version if retried.ended else None,
        "messages_sent": retried.messages,
        "kept": retried.kept.document(),
    }


def _extent(retried: Retried) -> str:
    kept = retried.kept
    if not kept.bytes_read:
        return "the whole file."
    return f"{kept.rows_read:,} rows ({kept.bytes_read:,} bytes) are done, the rest follows."


def _retry(stack: DeployedStack) -> Retry:
    return Retry(services_of(stack, Clock()), stack.rejects)
