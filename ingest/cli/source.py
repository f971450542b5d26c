"""The sources and targets of the command line: local paths, S3 objects, tables by name."""

import secrets
import sys
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ingest.aws.local_files import PORTION_BYTES, Source, file_portions, file_size, local_file_id
from ingest.cli.options import STDIN, file_name
from ingest.dynamodb.item_writer import Heartbeat, ItemWriter, Taken, WriteResult, not_noted
from ingest.dynamodb.write_stats import NOTHING_WRITTEN
from ingest.errors import FileMissing, ObjectSuperseded, SettingsFault
from ingest.feeds.feed import Feed
from ingest.feeds.tables import TableLimits
from ingest.file import FileVersion
from ingest.items.items import Items
from ingest.items.mapping import Mapping


def open_source(text: str) -> Source:
    """Return a local path, an s3:// URL or standard input as a source. AWS settings come from botocore's own chain.

    Raises:
        FileMissing: it does not exist, or is a directory.
        SettingsFault: the URL has no bucket or no key, or AWS settings are wrong.
    """
    name = file_name(text)
    if name == STDIN:
        return Source(STDIN, StandardInput(_piped()).portions, 0, file_id=secrets.token_hex(10))
    if not name.startswith("s3://"):
        path = Path(name)
        if path.is_dir():
            raise FileMissing(f"{name} is a directory; name the files in it, as {path / '*.csv'}.")
        return Source(name, partial(file_portions, path), file_size(path), local_file_id(path))
    bucket, _, key = name.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise SettingsFault(f"{name} is not the URL of an S3 object; write s3://bucket/key.")
    return _open_object(FileVersion(bucket=bucket, key=key))


if TYPE_CHECKING:
    from ingest.dynamodb.budget.holder import WriteBudgets
    from ingest.dynamodb.writers import WriterFactory
    from ingest.ledger.budget import TableBudgets

CheckTable = Callable[[Mapping], None]


def open_budgets(limits: dict[str, TableLimits], stack: str | None) -> "WriteBudgets":
    """Return the write budgets of tables, shared with all writers of a stack; without a stack, they are not shared."""
    from ingest.dynamodb.budget.holder import OwnStore, WriteBudgets

    return WriteBudgets(limits, partial(_ledger_budgets, stack) if stack else OwnStore, parks=False)


def _ledger_budgets(stack: str) -> "TableBudgets":
    from ingest.cli.stack import DeployedStack

    return DeployedStack(stack).budgets


def open_tables(name: str, budgets: "WriteBudgets | None" = None) -> "WriterFactory":
    """Return a factory that makes writers and readers of tables and describes them. `budgets` are their write budgets.

    No AWS call is made before the first item, or the first description. `name` is the table named in faults.
    """
    # AWS's library is imported only where it is used: local files do not need it.
    from ingest.cli.aws import config, preparing, session
    from ingest.dynamodb.budget.holder import NO_BUDGETS
    from ingest.dynamodb.writers import WriterFactory

    with preparing(f"preparing to write to {name}"):
        return WriterFactory(session(), config(), warn=_warn, budgets=budgets or NO_BUDGETS)


def open_table(name: str, feed: Feed, budgets: "WriteBudgets | None" = None) -> tuple[ItemWriter, CheckTable]:
    """Return the feed's kind of writer for a table, and a function that compares the table's keys with a mapping's.

    No AWS call is made before the first item, or the first comparison. `budgets` are the tables' write budgets.
    """
    from ingest.cli.aws import preparing

    tables = open_tables(name, budgets)
    with preparing(f"preparing to write to {name}"):
        return tables.writer_for(feed, table=name), partial(_check_keys, tables, name, feed)


def _check_keys(tables: "WriterFactory", name: str, feed: Feed, mapping: Mapping) -> None:
    from ingest.cli.aws import preparing

    with preparing(f"looking at the keys of table {name}"):
        tables.check_table(feed, mapping, table=name)


def asked_check(feed: Feed, table: str | None, *, aws: bool) -> CheckTable:
    """Return a function that compares a mapping with the table of --table or --aws; without these it does nothing."""
    return open_table(table or feed.table, feed)[1] if table or aws else lambda mapping: None


def _warn(sentence: str) -> None:
    print(f"ingest: {sentence}", file=sys.stderr)


class OperationTally:
    """An `ItemWriter` that writes nothing and counts the operations."""

    stats = NOTHING_WRITTEN

    def __init__(self, feed: Feed) -> None:
        self.counts = Counter[str]()
        self._feed = feed

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Count the items by operation."""
        self.counts.update(items.operation_of_each(self._feed.write))
        return WriteResult()


class StandardInput:
    """The bytes of standard input: read only as far as requested, and kept in a file so that they can be read again."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._kept = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed when this is dropped
        weakref.finalize(self, self._kept.close)
        self._size = 0

    def portions(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `start` to before `end`."""
        while end is None or start < end:
            if start >= self._size:
                if not self._keep_more():
                    return
                continue
            self._kept.seek(start)
            portion = self._kept.read(PORTION_BYTES if end is None else min(PORTION_BYTES, end - start))
            start += len(portion)
            yield portion

    def _keep_more(self) -> bool:
        more = self._stream.read(PORTION_BYTES)
        self._kept.seek(self._size)
        self._size += self._kept.write(more)
        return bool(more)


def _piped() -> BinaryIO:
    if sys.stdin.isatty():
        raise SettingsFault("- is standard input, and nothing is piped to it; write `cat FILE | ingest check -`.")
    return sys.stdin.buffer


def _open_object(file: FileVersion) -> Source:
    from ingest.aws.clock import Clock
    from ingest.aws.s3 import S3Objects
    from ingest.cli.aws import client

    objects = S3Objects(client=client("s3", f"preparing to read {file.url}"), clock=Clock())
    try:
        found = objects.find(file)
    except ObjectSuperseded:
        raise FileMissing(f"{file.url} does not exist; check bucket and key.") from None
    return Source(file.url, partial(objects.portions, found), found.size_bytes or 0, found.file_id)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The files to read, and those to count only."""

    read: tuple[Source, ...]
    unread: tuple[Source, ...]


def find_sources(text: str) -> list[Source]:
    """Return the file of that name, or all files that match a pattern (`*`, `?`) or a folder (`/`), without empty ones.

    Raises:
        FileMissing: no file matches.
    """
    name = file_name(text)
    is_many = any(mark in name for mark in "*?") or name.endswith("/")
    if not is_many:
        return [open_source(name)]
    found = _objects(name) if name.startswith("s3://") else _paths(name)
    if not found:
        raise FileMissing(f"{name} matches no file, or only empty ones; check the pattern.")
    return found


def some_of(sources: Sequence[Source], most: int) -> Chosen:
    """Return at most this many of the files, spread evenly over all of them."""
    step = max(1.0, len(sources) / most)
    chosen = {int(n * step) for n in range(min(most, len(sources)))}
    read = tuple(source for n, source in enumerate(sources) if n in chosen)
    return Chosen(read, tuple(source for n, source in enumerate(sources) if n not in chosen))


def _paths(name: str) -> list[Source]:
    pattern = Path(f"{name}*" if name.endswith("/") else name)
    root = Path(pattern.anchor or ".")
    names = sorted(str(path) for path in root.glob(str(pattern.relative_to(pattern.anchor))) if path.is_file())
    found = [open_source(each) for each in names]
    return [source for source in found if source.size_bytes]


def _objects(name: str) -> list[Source]:
    bucket, _, pattern = name.removeprefix("s3://").partition("/")
    if not bucket:
        raise SettingsFault(f"{name} is not an S3 URL; write s3://bucket/prefix/.")
    from ingest.aws.clock import Clock
    from ingest.aws.s3 import S3Listing, S3Objects
    from ingest.cli.aws import client

    s3 = client("s3", f"preparing to look at {name}")
    objects = S3Objects(client=s3, clock=Clock())
    prefix = pattern[: min((pattern.index(mark) for mark in "*?" if mark in pattern), default=len(pattern))]
    wanted = f"{pattern}*" if pattern.endswith("/") or not pattern else pattern
    files = [file for file, _ in S3Listing(client=s3).under(bucket, prefix) if fnmatchcase(file.key, wanted)]
    return [Source(f.url, read=partial(objects.portions, f), size_bytes=f.size_bytes) for f in files if f.size_bytes]
