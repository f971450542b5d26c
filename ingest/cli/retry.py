"""`ingest retry` and `undo`: start a new attempt that loads a file again, or deletes the items that still name it.

A retry starts at the beginning of the file or at its checkpoint.
"""

import json
import shlex
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ingest.aws.clock import Clock
from ingest.aws.s3 import S3Objects
from ingest.cli.aws import client
from ingest.cli.options import AsJson, LedgerFile, StackName, VersionName, refuse_without_consent
from ingest.cli.output import console_on
from ingest.cli.stack import DeployedStack, services_of
from ingest.cli.status import choose, find_versions
from ingest.errors import SettingsFault
from ingest.file import FileVersion
from ingest.recovery.retry import CHECKPOINT, START, Retried, Retry
from ingest.recovery.undo import Undo, Undoing


def retry(
    file: LedgerFile,
    start: Annotated[
        str,
        typer.Option(
            "--from", metavar="start|checkpoint", help="Load everything again, or continue from the checkpoint."
        ),
    ] = START,
    as_newest: Annotated[
        bool, typer.Option("--as-newest", help='With newest = "file": treat the file as if it were dropped now.')
    ] = False,
    version: VersionName = None,
    stack: StackName = None,
    as_json: AsJson = False,
) -> None:
    """Load a file again, as a new attempt or from its checkpoint.

    The file can be FAILED, stuck or COMPLETE. The new attempt has its own counts and rejects. --from start reads the
    whole file again. --from checkpoint continues where the file stopped; use it only if the feed still reads the file
    in the same way: same delimiter, quotes, encoding and header. Safe to repeat. With newest = "file" the file keeps
    its position in the order of files, so rows of newer files stay; --as-newest makes it the newest.

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
    """Yield the sentences about the retry."""
    file = retried.file
    if retried.ended:
        yield f"The attempt {retried.ended.version}, which no worker held, is SUPERSEDED."
    if retried.is_new:
        yield f"{file.url} will be loaded again as version {file.version}: {_extent(retried)}"
    else:
        yield f"{file.url} continues as version {file.version}: {retried.messages} message(s) were sent."
    yield f"Follow it with `{shlex.join(['ingest', 'status', file.key])}`."


def retry_document(retried: Retried, start: str) -> dict[str, Any]:
    """Return the retry as a JSON document."""
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


def undo(
    file: LedgerFile,
    version: VersionName = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be undone.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    stack: StackName = None,
    as_json: AsJson = False,
) -> None:
    """Delete the items that a file wrote and that still name the file.

    The file's items must name it, by `lineage.row` or newest = "file". The undo reads the object again to get the keys.
    Items that another file or version has written since then stay. Earlier values of items that this file replaced are
    not restored. The undo is a separate attempt; the file becomes UNDONE before the first item is deleted. Safe to
    repeat.

    Examples:
        ingest undo orders/2026-11-22.csv --dry-run
        ingest undo orders/2026-11-22.csv --yes && ingest wait orders/2026-11-22.csv
    """
    refuse_without_consent(yes or dry_run, as_json=as_json, nothing="Nothing was deleted.")
    deployed = DeployedStack(stack)
    entries = find_versions(deployed, file)
    chosen = choose(entries, version).work.file.first_version
    run = Undo(services_of(deployed, Clock()), _finding())
    undoing = run.look([entry for entry in entries if entry.work.file.first_version == chosen])
    if not as_json:
        _print(undo_sentences(undoing))
    begun = run.run(undoing) if not dry_run and (yes or typer.confirm("Delete them?")) else None
    if as_json:
        print(json.dumps(undo_document(undoing, begun, dry_run=dry_run), ensure_ascii=False))
    elif begun:
        follow = shlex.join(["ingest", "status", begun.key])
        _print([f"They are deleted as version {begun.version}. Follow it with `{follow}`."])


def undo_sentences(undoing: Undoing) -> Iterator[str]:
    """Yield the sentences about what would be undone."""
    last, table = undoing.last, undoing.settings.feed.table
    for entry in undoing.loaded:
        yield f"{entry.work.file.url}, version {entry.work.file.version}, is {entry.status}."
    if undoing.going_on:
        yield f"Its undo was begun before, as version {undoing.going_on.work.file.version}, and goes on."
    more = " or more" if any(entry.may_hold_more for entry in undoing.loaded) else ""
    written = f"{undoing.most_items:,}{more}"
    yield f"Items of table {table} that still name {last.work.file.url} are deleted, of {written} that were written."
    for version in undoing.not_found:
        yield f"Items of version {version} stay: it was loaded with other keys, or to another table."


def undo_document(undoing: Undoing, begun: FileVersion | None, *, dry_run: bool) -> dict[str, Any]:
    """Return the undo as a JSON document."""
    return {
        "file": undoing.last.work.file.url,
        "version": begun.version if begun else None,
        "feed": undoing.last.feed,
        "table": undoing.settings.feed.table,
        "dry_run": dry_run,
        "undone": [entry.work.file.version for entry in undoing.loaded],
        "not_found": list(undoing.not_found),
        "rows_written": undoing.most_items,
    }


def _print(lines: Iterator[str] | list[str]) -> None:
    for line in lines:
        console_on(sys.stdout).print(line, soft_wrap=True)


def _finding() -> Any:
    """Return a function that looks up exactly one version of an object in S3."""
    return S3Objects(client=client("s3", "preparing to look at the object"), clock=Clock()).find
