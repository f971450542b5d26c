"""S3 objects: their bytes, by ranged reads pinned to one version and retried on failure; listings of a bucket."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

from ingest.aws.clock import digits, read_pause_s
from ingest.aws.errors import aws_call
from ingest.errors import (
    AccessDenied,
    FileMissing,
    ObjectArchived,
    ObjectSuperseded,
    ServiceFault,
    Throttled,
    Unavailable,
)
from ingest.file import FileVersion

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RANGE_BYTES = 8 * 1024 * 1024  # AWS recommends 8 to 16 MB for byte-range fetches
PORTION_BYTES = 1024 * 1024
ATTEMPTS = 6  # consecutive attempts without a byte
ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")  # storage classes whose objects are read only after they were restored
THREAD_NAME = "read-ahead"
LAST_CHARACTER = "\U0010ffff"  # of Unicode: a prefix followed by it sorts after all keys under the prefix


class ReadClock(Protocol):
    """What reading needs of a clock."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def chance(self) -> float:
        """Return a random number in [0, 1)."""


class S3Objects:
    """Reads S3 objects."""

    def __init__(self, *, client: "S3Client", clock: ReadClock, range_bytes: int = RANGE_BYTES) -> None:
        self._client = client
        self._clock = clock
        self._range_bytes = range_bytes

    def find(self, file: FileVersion) -> FileVersion:
        """Return the file with size and ETag, from S3 if the notification lacks them.

        Raises:
            ObjectSuperseded: the object does not exist, or was overwritten.
        """
        if file.size_bytes is not None and (file.etag or file.version_id):
            return file
        with self._call(f"looking up {file.url}", file):
            found = self._client.head_object(Bucket=file.bucket, Key=file.key, **_pin(file))
        return replace(file, etag=found["ETag"].strip('"'), size_bytes=found["ContentLength"])

    def portions(
        self, file: FileVersion, start: int = 0, end: int | None = None, *, ahead: int = 0
    ) -> Generator[bytes, None, None]:
        """Yield bytes [start, end) of exactly this version, in order; without `end`, to its end. Call `find` first.

        A read that breaks is resumed at the next byte; a range is never held open for long behind a slow table.
        With `ahead`, that many ranges are read at the same time, by threads that end when the iterator is closed. They
        start after the first portion, so that a caller that needs only a header reads no more. Holds at most
        (ahead + 1) * range_bytes; without `ahead`, one portion.

        Raises (while iterating):
            ObjectSuperseded: it was deleted or overwritten meanwhile.
            ObjectArchived: it must be restored first.
            ServiceFault: no byte came in several attempts.
        """
        size = file.size_bytes or 0
        end = size if end is None else min(end, size)
        begun = min(start + PORTION_BYTES, start + self._range_bytes, end) if ahead else end
        yield from self._span(file, start, begun)
        if begun < end:
            starts = range(begun, end, self._range_bytes)
            spans = (self._span(file, at, min(at + self._range_bytes, end)) for at in starts)
            yield from read_ahead(spans, count=ahead)

    def _span(self, file: FileVersion, position: int, end: int) -> Iterator[bytes]:
        failures = 0
        while position < end:
            try:
                for portion in self._range(file, position, min(position + self._range_bytes, end)):
                    position, failures = position + len(portion), 0
                    yield portion
            except (Throttled, Unavailable):
                failures += 1
                if failures == ATTEMPTS:
                    raise
                self._clock.sleep(read_pause_s(failures, chance=self._clock.chance()))

    def _range(self, file: FileVersion, start: int, end: int) -> Iterator[bytes]:
        what = f"reading bytes {start}-{end - 1} of {file.url}"
        left = end - start
        with self._call(what, file):
            answer = self._client.get_object(
                Bucket=file.bucket, Key=file.key, Range=f"bytes={start}-{end - 1}", **_pin(file)
            )
            sent, _, size = answer.get("ContentRange", "").partition("/")
            if sent != f"bytes {start}-{end - 1}":
                raise ServiceFault(f"S3 returned a different range than requested while {what}.")
            if size.isdigit() and int(size) != file.size_bytes:
                raise ServiceFault(f"{file.url} has {size} bytes, not the {file.size_bytes} that were reported.")
            for portion in answer["Body"].iter_chunks(PORTION_BYTES):
                left -= len(portion)
                if left < 0:
                    raise ServiceFault(f"S3 returned more bytes than requested while {what}.")
                yield portion
        if left:  # botocore does not notice a truncated range response without Content-Length
            raise Unavailable(f"S3 sent {left} bytes too few while {what}.")

    @contextmanager
    def _call(self, what: str, file: FileVersion) -> Iterator[None]:
        """Run a call on the object. Access denied is reported as such only if the object exists.

        To a caller that may not list the whole bucket, S3 answers 403 if the object is gone; the function may list only
        under the feeds' prefixes, and a GET request has no prefix.
        """
        try:
            with aws_call(what):
                yield
        except ObjectArchived as archived:
            raise ObjectArchived(
                f"{file.url} is archived, in S3 Glacier or an archive tier of Intelligent-Tiering: S3 refuses to read "
                "it. Restore it (`aws s3api restore-object`); it is loaded when S3 reports that it is restored."
            ) from archived
        except AccessDenied as denied:
            if self._is_gone(file):
                raise ObjectSuperseded(f"{file.url} was deleted or overwritten before it was read.") from denied
            raise

    def _is_gone(self, file: FileVersion) -> bool:
        """Return whether the object, as it was reported, is known to be gone."""
        try:
            if file.version_id:
                return not self._has_version(file)
            with aws_call(f"looking for {file.url}"):
                found = self._client.list_objects_v2(Bucket=file.bucket, Prefix=file.key, MaxKeys=1).get("Contents", [])
        except ServiceFault:
            return False
        return not any(
            thing["Key"] == file.key and file.etag in (None, thing["ETag"].strip('"')) for thing in found
        )  # the first key with a prefix is the prefix itself, if there is such a key

    def _has_version(self, file: FileVersion) -> bool:
        """Return whether the version exists; another version with the same content does not count."""
        pages = iter(self._client.get_paginator("list_object_versions").paginate(Bucket=file.bucket, Prefix=file.key))
        while True:
            with aws_call(f"looking for versions of {file.url}"):
                page = next(pages, None)
            if page is None:
                return False
            found = page.get("Versions", [])
            if any((thing["Key"], thing["VersionId"]) == (file.key, file.version_id) for thing in found):
                return True
            if any(thing["Key"] != file.key for thing in found):  # keys are in order: all of this one were seen
                return False


def _pin(file: FileVersion) -> Any:
    """Return the arguments that make S3 answer for this version only."""
    etag = {"IfMatch": f'"{file.etag}"'} if file.etag else {}
    return etag | ({"VersionId": file.version_id} if file.version_id else {})


def read_ahead(parts: Iterable[Iterable[bytes]], *, count: int) -> Iterator[bytes]:
    """Yield the portions of each part, in order, while threads read the next `count` parts.

    Holds at most `count` parts, and the one being yielded. An error is raised in place of its part. Then, or when the
    consumer stops, reads in progress end at their next portion, and the threads are joined.
    """
    left, stop = iter(parts), Event()
    with ThreadPoolExecutor(count, thread_name_prefix=THREAD_NAME) as pool:
        try:
            waiting = deque(pool.submit(_read, part, stop) for part in islice(left, count))
            while waiting:
                portions = waiting.popleft().result()
                waiting.extend(pool.submit(_read, part, stop) for part in islice(left, 1))
                while portions:
                    yield portions.popleft()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _read(part: Iterable[bytes], stop: Event) -> deque[bytes]:
    portions: deque[bytes] = deque()
    for portion in part:
        if stop.is_set():
            break
        portions.append(portion)
    return portions


class S3Listing:
    """Lists objects."""

    def __init__(self, *, client: "S3Client") -> None:
        self._client = client

    def under(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[tuple[FileVersion, float]]:
        """Yield the objects under a prefix with keys after `after`, each with its modification time (epoch seconds)."""
        part = {"Prefix": prefix} | ({"StartAfter": after} if after else {})
        return self._objects(bucket, f"listing s3://{bucket}/{prefix}", **part)

    def is_readable(self, file: FileVersion) -> bool:
        """Return whether an archived object can be read now; False also if it was deleted or overwritten."""
        try:
            with aws_call(f"looking at {file.url}"):
                head = self._client.head_object(Bucket=file.bucket, Key=file.key, **_pin(file))
        except (AccessDenied, FileMissing, ObjectSuperseded):
            return False
        is_archived = head.get("StorageClass") in ARCHIVES or "ArchiveStatus" in head
        return 'ongoing-request="false"' in head.get("Restore", "") or not is_archived

    def outside(self, bucket: str, prefixes: Iterable[str]) -> Iterator[FileVersion]:
        """Yield the objects under none of the prefixes, in order of their keys.

        Objects under the prefixes are skipped: it takes a request for each prefix, and for each 1,000 objects yielded.
        """
        known, after = sorted(prefixes), ""
        for end in [*known, None]:  # S3 lists by UTF-8 bytes, which is the order of Python's text
            for file, _ in self._objects(bucket, f"listing s3://{bucket}", StartAfter=after):
                if end is not None and file.key >= end:
                    break
                if not file.key.startswith(tuple(known)):
                    yield file
            after = f"{end}{LAST_CHARACTER}"

    def _objects(self, bucket: str, what: str, **part: Any) -> Iterator[tuple[FileVersion, float]]:
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, **part))
        while True:
            with aws_call(what):
                page = next(pages, None)
            if page is None:
                return
            for thing in page.get("Contents", []):
                changed = thing["LastModified"]
                file = FileVersion(
                    bucket=bucket,
                    key=thing["Key"],
                    etag=thing["ETag"].strip('"'),
                    size_bytes=thing["Size"],
                    event_time=changed.isoformat(),
                    changed=digits(changed.timestamp()),
                )
                yield file, changed.timestamp()
