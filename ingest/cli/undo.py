"""`ingest undo`: deletes the items that a file has written and that still name it."""

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
from ingest.cli.status.file import choose, find_versions
from ingest.file import FileVersion
from ingest.recovery.undo import Undo, Undoing


def undo(
    file: LedgerFile,
    version: VersionName = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be undone.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    stack: StackName = None,
    as_json: AsJson = False,
) -> None:
    """Delete the items that a file has written and that still name it.

    The file's items must name it: by `lineage.row`, or with newest = "file". The object is read again for its keys.
    Items that another file or version has written since stay; what an item was before this file replaced it does not
    come back. The undo is an attempt of its own; the file becomes UNDONE before the first item is deleted. Safe to
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
    """Return what is undone as a JSON document."""
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
    """Return what asks S3 for exactly one version of an object."""
    return S3Objects(client=client("s3", "preparing to look at the object"), clock=Clock()).find
