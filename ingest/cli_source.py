"""Where the command line reads from and writes to: a local path or an S3 object, a table by name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import boto3
from botocore.config import Config

from ingest.core.notification import FileVersion
from ingest.core.text import Read
from ingest.edges.aws_errors import aws_call
from ingest.edges.batch_writer import BatchWriter
from ingest.edges.clock import Clock
from ingest.edges.dynamodb import Boto3Writer
from ingest.edges.files import file_portions, file_size
from ingest.edges.http.connect import batch_write_exchange
from ingest.edges.s3 import Objects
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
    with _preparing(f"preparing to write to {name}"):
        session = _session()
        dynamodb = session.resource("dynamodb", config=_config())
    if feed.writer == "boto3":
        return Boto3Writer(dynamodb.Table(name))
    connect = partial(batch_write_exchange, session, dynamodb.meta.client, name)
    return BatchWriter(name, connect, interleave=feed.interleave)


def _open_object(file: FileVersion) -> Source:
    with _preparing(f"preparing to read {file.url}"):
        objects = Objects(client=_session().client("s3", config=_config()), clock=Clock())
    try:
        found = objects.find(file)
    except ObjectSuperseded:
        raise FileMissing(f"{file.url} does not exist; check bucket and key.") from None
    return Source(file.url, read=partial(objects.portions, found), size_bytes=found.size_bytes or 0)


@contextmanager
def _preparing(what: str) -> Iterator[None]:
    try:
        with aws_call(what):
            yield
    except ValueError as error:  # what botocore has for an endpoint URL that is none
        raise SettingsFault(f"AWS refused the settings while {what}: {error}.") from error


def _session() -> boto3.Session:
    """botocore looks at AWS_DEFAULT_REGION only; every other AWS tool knows AWS_REGION too."""
    return boto3.Session(region_name=os.environ.get("AWS_REGION"))


def _config() -> Config:
    return Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, read_timeout=30)
