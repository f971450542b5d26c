"""What the command line reads from and writes to: local paths, S3 objects, tables by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from ingest.aws.clock import Clock
from ingest.aws.local_files import Source, file_portions, file_size
from ingest.aws.s3 import S3Listing, S3Objects
from ingest.cli.stack import client, config, preparing, session
from ingest.dynamodb.item_writer import ItemWriter
from ingest.dynamodb.writers import WriterFactory
from ingest.errors import FileMissing, ObjectSuperseded, SettingsFault
from ingest.feeds.feed import Feed
from ingest.file import FileVersion


def open_source(name: str) -> Source:
    """Return the bytes of a local path or an s3:// URL. AWS settings come from botocore's own chain.

    Raises:
        FileMissing: it is not there.
        SettingsFault: the URL has no bucket or no key, or AWS settings are wrong.
    """
    if not name.startswith("s3://"):
        path = Path(name)
        return Source(name, read=partial(file_portions, path), size_bytes=file_size(path))
    bucket, _, key = name.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise SettingsFault(f"{name} is not the URL of an S3 object; write s3://bucket/key.")
    return _open_object(FileVersion(bucket=bucket, key=key))


def open_table(name: str, feed: Feed) -> ItemWriter:
    """Return a writer to a table, of the kind the feed names. No AWS call is made before the first item."""
    with preparing(f"preparing to write to {name}"):
        return WriterFactory(session(), config()).writer_for(feed, table=name)


def _open_object(file: FileVersion) -> Source:
    objects = S3Objects(client=client("s3", f"preparing to read {file.url}"), clock=Clock())
    try:
        found = objects.find(file)
    except ObjectSuperseded:
        raise FileMissing(f"{file.url} does not exist; check bucket and key.") from None
    return Source(file.url, read=partial(objects.portions, found), size_bytes=found.size_bytes or 0)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The files that are read, and those that are only counted."""

    read: tuple[Source, ...]
    unread: tuple[Source, ...]


def find_sources(name: str) -> list[Source]:
    """Return the file of that name, or all that match a pattern (`*`, `?`) or a folder (`/`), without empty ones.

    Raises:
        FileMissing: no file matches.
    """
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
    s3 = client("s3", f"preparing to look at {name}")
    objects = S3Objects(client=s3, clock=Clock())
    prefix = pattern[: min((pattern.index(mark) for mark in "*?" if mark in pattern), default=len(pattern))]
    wanted = f"{pattern}*" if pattern.endswith("/") or not pattern else pattern
    files = [file for file, _ in S3Listing(client=s3).under(bucket, prefix) if fnmatchcase(file.key, wanted)]
    return [Source(f.url, read=partial(objects.portions, f), size_bytes=f.size_bytes) for f in files if f.size_bytes]
