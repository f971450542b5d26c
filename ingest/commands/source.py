"""Where the command line reads from and writes to: a local path or an S3 object, a table by name."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ingest.commands.aws import client, config, preparing, session
from ingest.core.notification import FileVersion
from ingest.core.text import Read
from ingest.edges.batch_writer import BatchWriter
from ingest.edges.clock import Clock
from ingest.edges.dynamodb import Boto3Writer
from ingest.edges.files import file_portions, file_size
from ingest.edges.http.connect import batch_write_exchange
from ingest.edges.s3 import Objects
from ingest.edges.table_access import table_session
from ingest.errors import FileMissing, ObjectSuperseded, SettingsFault
from ingest.feeds import Feed
from ingest.ports import ItemWriter


@dataclass(frozen=True, slots=True)
class Source:
    """A file that can be read, and how many bytes it has before any decompression."""

    name: str
    read: Read
    size_bytes: int


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
        raise SettingsFault(f"{name} is no S3 object; write s3://bucket/key.")
    return _open_object(FileVersion(bucket=bucket, key=key))


def open_table(name: str, feed: Feed) -> ItemWriter:
    """Return a writer to a table, of the kind the feed names. Nothing is asked of AWS before the first item."""
    with preparing(f"preparing to write to {name}"):
        opened = table_session(session(), role=feed.role, region=feed.region, config=config())
        dynamodb = opened.resource("dynamodb", config=config())
    if feed.writer == "boto3":
        return Boto3Writer(dynamodb.Table(name))
    connect = partial(batch_write_exchange, opened, dynamodb.meta.client, name)
    return BatchWriter(name, connect, interleave=feed.interleave)


def _open_object(file: FileVersion) -> Source:
    objects = Objects(client=client("s3", f"preparing to read {file.url}"), clock=Clock())
    try:
        found = objects.find(file)
    except ObjectSuperseded:
        raise FileMissing(f"{file.url} does not exist; check bucket and key.") from None
    return Source(file.url, read=partial(objects.portions, found), size_bytes=found.size_bytes or 0)
