"""`ingest wait`, `drop` and `cancel`: follow a file until it ends, upload one and follow it, or end one early."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from ingest.aws.clock import Clock
from ingest.aws.errors import aws_call
from ingest.aws.local_files import file_size
from ingest.cli import aws
from ingest.cli.aws import config, preparing
from ingest.cli.main import fail
from ingest.cli.options import (
    DEFAULT_FEEDS,
    AsJson,
    FeedsPath,
    LedgerFile,
    StackName,
    VersionName,
    feed_of,
    file_name,
    seconds_of,
)
from ingest.cli.output import console_on, row_counts_sentence
from ingest.cli.stack import DeployedStack, services_of
from ingest.cli.status import choose, find_versions, place_of
from ingest.cli.status_overview import FileView, file_document, view_of
from ingest.contract import Status
from ingest.errors import FileMissing, SettingsFault
from ingest.feeds.parse import read_feeds
from ingest.ledger.work_item import Entry, is_open
from ingest.recovery.retry import cancel_file

TIMED_OUT = 5
LOOK_EVERY_S = 1.0
Timeout = Annotated[str, typer.Option("--timeout", metavar="TIME", help="Stop waiting after this long.")]
Find = Callable[[], Entry | None]


def wait(
    file: LedgerFile,
    timeout: Timeout = "10m",
    version: VersionName = None,
    stack: StackName = None,
    as_json: AsJson = False,
) -> None:
    """Wait for the outcome of a file; the exit code shows it.

    Follows the newest version of the file, even if its notification has not arrived yet.

    Examples:
        ingest wait orders/2026-11-22.csv
        ingest wait s3://BUCKET/orders/2026-11-22.csv --timeout 2h --json

    Exit codes: 0 COMPLETE; 3 FAILED, UNBALANCED, SUPERSEDED, UNDONE or IGNORED; 5 it has not ended within the timeout.
    """
    deployed, timeout_s = DeployedStack(stack), seconds_of(timeout, "--timeout")
    bucket, key = place_of(deployed, file)

    def find() -> Entry | None:
        entries = _versions(deployed, bucket, key)
        return choose(entries, version) if entries else None

    _follow(deployed, f"s3://{bucket}/{key}", find, timeout_s, as_json=as_json)


def drop(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A local file.")],
    feed: Annotated[
        str | None, typer.Option("--feed", metavar="NAME", help="The file's feed (default: the only feed).")
    ] = None,
    timeout: Timeout = "10m",
    stack: StackName = None,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJson = False,
) -> None:
    """Upload a file to the stack's landing bucket and wait for its outcome.

    The file is uploaded under the prefix of its feed, with its local name. An existing object of that name is replaced.

    Examples:
        ingest drop orders.csv --feed orders
        ingest drop orders.csv.gz --timeout 1h && echo loaded

    Exit codes: 0 COMPLETE; 3 FAILED, UNBALANCED, SUPERSEDED, UNDONE or IGNORED; 5 it has not ended within the timeout.
    """
    timeout_s = seconds_of(timeout, "--timeout")
    _, chosen = feed_of(read_feeds(feeds), feed, [file])
    path = _local(file)
    if chosen.ignores(f"{chosen.prefix}{path.name}"):
        raise SettingsFault(
            f"{path} was not uploaded: it would be IGNORED because of `exclude` or `include` of its feed; give "
            "it another name, or change the feed and deploy."
        )
    deployed = DeployedStack(stack)
    bucket, key = deployed.landing_bucket, f"{chosen.prefix}{path.name}"
    before = {entry.work.file.version for entry in _versions(deployed, bucket, key)}
    etag = _upload(path, bucket, key)
    if not as_json:
        console_on(sys.stdout).print(f"Uploaded to s3://{bucket}/{key}.", soft_wrap=True)

    def find() -> Entry | None:
        new = [entry for entry in _versions(deployed, bucket, key) if entry.work.file.version not in before]
        return next((entry for entry in reversed(new) if entry.work.file.etag in (None, etag)), None)

    _follow(deployed, f"s3://{bucket}/{key}", find, timeout_s, as_json=as_json)


def cancel(
    file: LedgerFile,
    version: VersionName = None,
    stack: StackName = None,
    as_json: AsJson = False,
) -> None:
    """Cancel a file that is loading or waiting; rows already written stay.

    The file becomes FAILED with the code `cancelled`. Workers that hold a part of it stop at their next checkpoint,
    within seconds, and may write rows until then. `ingest retry` loads it again, from the start or the checkpoint.

    Examples:
        ingest cancel orders/2026-11-22.csv
    """
    deployed = DeployedStack(stack)
    entry = choose(find_versions(deployed, file), version)
    outcome = cancel_file(services_of(deployed, Clock()), entry)
    name = entry.work.file
    if as_json:
        counts = outcome.row_counts.document()
        error = outcome.error and {"code": outcome.error.code, "message": str(outcome.error)}
        begin = {"file": name.url, "version": name.version, "feed": entry.feed, "status": outcome.status}
        print(json.dumps({**begin, **counts, "rejects_at": outcome.rejects, "error": error}, ensure_ascii=False))
        return
    console = console_on(sys.stdout)
    console.print(f"{name.url}, version {name.version}, is {outcome.status}: {outcome.error}", soft_wrap=True)
    console.print(row_counts_sentence(outcome.row_counts), soft_wrap=True)


def _local(text: str) -> Path:
    """Return the path of a file on this machine.

    Raises:
        FileMissing: it does not exist, or is a directory.
        SettingsFault: it is in S3.
    """
    name = file_name(text)
    if name.startswith("s3://"):
        raise SettingsFault(f"{name} is in S3 already; copy it below its feed's prefix with `aws s3 cp`.")
    path = Path(name)
    if path.is_dir():
        raise FileMissing(f"{name} is a directory; name one file in it.")
    file_size(path)
    return path


def _upload(path: Path, bucket: str, key: str) -> str:
    """Upload a file, in parts if it is large; return its ETag."""
    what = f"uploading {path} to s3://{bucket}/{key}"
    with preparing(what):
        s3 = aws.session().resource("s3", config=config()).meta.client  # only boto3's client has upload_file
    with aws_call(what):
        s3.upload_file(str(path), bucket, key)
        return str(s3.head_object(Bucket=bucket, Key=key)["ETag"]).strip('"')


def _versions(stack: DeployedStack, bucket: str, key: str) -> list[Entry]:
    return sorted(stack.ledger.queries.versions(bucket, key), key=lambda entry: entry.first_seen_s or 0.0)


def _follow(stack: DeployedStack, file: str, find: Find, timeout_s: float, *, as_json: bool) -> None:
    """Poll the ledger until the file has ended or the time is over; print how it ended."""
    clock = Clock()
    until_s = clock.monotonic_s() + timeout_s
    last: Entry | None = None
    while not last or is_open(last.status):
        if clock.monotonic_s() >= until_s:
            raise typer.Exit(_timed_out(file, last, timeout_s, as_json=as_json))
        last = find()
        if not last or is_open(last.status):
            clock.sleep(LOOK_EVERY_S)
    view = view_of(stack.ledger.queries, last, None, now_s=clock.now_s())
    if as_json:
        print(json.dumps(file_document(view, now_s=clock.now_s()), ensure_ascii=False))
    else:
        for line in sentences(view):
            console_on(sys.stdout).print(line, soft_wrap=True)
    raise typer.Exit(0 if last.status == Status.COMPLETE else 3)


def _timed_out(file: str, last: Entry | None, timeout_s: float, *, as_json: bool) -> int:
    seen = "has not arrived: its message waits, or the stack is paused" if last is None else f"is {last.status}"
    sentence = f"{file} {seen} after {timeout_s:g} s; see `ingest top`, or wait longer with --timeout."
    return fail("timed_out", sentence, TIMED_OUT, as_json=as_json)


def sentences(view: FileView) -> Iterator[str]:
    """Yield the sentences about how a file ended."""
    entry = view.entry
    seconds = "" if entry.seconds is None else f" in {entry.seconds:,.1f} s"
    what = "The undo of " if entry.work.file.undo else ""
    yield f"{what}{entry.work.file.url}, version {entry.work.file.version}, is {entry.status}{seconds}."
    if entry.status == Status.IGNORED:
        yield "It was not loaded: it stands for a folder, or the feed's `exclude` or `include` leaves it out."
        return
    yield row_counts_sentence(entry.row_counts, "deleted" if entry.work.file.undo else "written")
    if entry.rejects:
        yield f"The rejected rows are in {entry.rejects}; `ingest rejects {entry.work.file.key}` shows them."
    if entry.error:
        yield entry.error
