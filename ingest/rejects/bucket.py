"""Write, read and copy rejects as objects in the rejects bucket, at keys that depend on the file alone.

A retry copies the rejects of the previous attempt, with which it begins.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from ingest.aws.errors import aws_call
from ingest.contract import RejectPart
from ingest.errors import FileFault, ObjectSuperseded, ServiceFault
from ingest.feeds.dialect import Csv
from ingest.file import FileVersion
from ingest.rejects.reject import (
    CSV,
    DUPLICATES,
    KEPT_DUPLICATES,
    LINES,
    Document,
    DuplicateRow,
    Reject,
    RejectFormat,
    first_byte_of,
    part_name,
    raw_record,
    read_json_lines,
    rejects_prefix,
    rejects_url,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


PART_BYTES = 4 * 1024 * 1024
REJECT_BYTES = 300  # roughly what a reject's reason and place add to its record


class RejectParts:
    """Collects rejects and puts them in parts of at most about 4 MiB: as JSON Lines, and as a CSV beside it.

    Duplicates, of which few are kept, have parts of their own, each named by the byte offset of its first one. The load
    flushes at the boundaries of `RejectCells`, so that rows that are loaded again write the same parts again.
    """

    def __init__(self, *, client: "S3Client", bucket: str, file: FileVersion) -> None:
        self._client = client
        self._bucket = bucket
        self._file = file
        self._format = RejectFormat(file.url, b"", Csv())
        self._held: list[Reject] = []
        self._held_bytes = 0
        self._duplicates: list[DuplicateRow] = []

    @property
    def url(self) -> str:
        """Where the parts are, if there are any."""
        return rejects_url(self._bucket, self._file)

    def begin(self, head: bytes, csv: Csv) -> None:
        """Set the text before the file's rows: each CSV begins with it."""
        self._format = RejectFormat(self._file.url, head, csv)

    def add(self, rejects: list[Reject]) -> None:
        """Add a block's rejects; put a part when it is full."""
        for reject in rejects:
            self._held.append(reject)
            self._held_bytes += len(reject.raw) + REJECT_BYTES
            if self._held_bytes >= PART_BYTES:
                self._put()

    def add_duplicates(self, duplicates: list[DuplicateRow]) -> None:
        """Add a block's duplicates."""
        self._duplicates += duplicates

    def flush(self) -> None:
        """Put everything that is held; then all rejects and duplicates are durable."""
        if self._held:
            self._put()
        if self._duplicates:
            name = rejects_prefix(self._file) + part_name(self._duplicates[0].byte_offset)
            lines = b"".join(map(self._format.duplicate_line, self._duplicates))
            self._put_object(name + DUPLICATES, lines, "application/x-ndjson")
            self._duplicates = []

    def close(self) -> None:
        """Put everything that is held."""
        self.flush()

    def _put(self) -> None:
        name = rejects_prefix(self._file) + part_name(self._held[0].byte_offset)
        records = [self._format.csv_record(reject) for reject in self._held]
        head, foot = self._format.csv_head(), self._format.csv_foot()
        sizes = {RejectPart.HEAD_BYTES: str(len(head)), RejectPart.FOOT_BYTES: str(len(foot))}
        about = sizes | self._format.about()
        self._put_object(name + CSV, b"".join([head, *records, foot]), "text/csv", Metadata=about)
        lines = b"".join(self._format.json_line(reject) for reject in self._held)
        self._put_object(name + LINES, lines, "application/x-ndjson")
        self._held, self._held_bytes = [], 0

    def _put_object(self, key: str, body: bytes, content_type: str, **more: Any) -> None:
        try:
            with aws_call(f"writing rejects to s3://{self._bucket}/{key}"):
                self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type, **more)
        except (FileFault, ObjectSuperseded) as error:  # a missing bucket is not the fault of the file being loaded
            raise ServiceFault(str(error)) from error


class RejectReader:
    """Reads the rejects of files. Holds one part of one file at a time, about 4 MiB."""

    def __init__(self, *, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def of(self, file: FileVersion) -> Iterator[Document]:
        """Yield the rejects of a file in file order, over all its segments, as documents of the JSON Lines."""
        for key in self._keys(file, LINES):
            yield from read_json_lines(self._read(key)[0])

    def csv(
        self, file: FileVersion, *, wanted: Callable[[Document], bool], limit: int | None = None
    ) -> Iterator[bytes]:
        """Yield one CSV of the wanted rejects, to fix and upload again, with the file's header and footer.

        Raises:
            FileFault: an earlier version of the ingester wrote them, without the metadata that this needs.
        """
        head = foot = b""
        about: dict[str, str] = {}
        for document in islice(filter(wanted, self.of(file)), limit):
            if not about:
                head, foot, about = self._ends(file)
                yield head
            line_end = chr(int(code)) if (code := about.get(RejectPart.LINE_END)) else ""
            yield raw_record(document, about[RejectPart.ENCODING], line_end)
        yield foot

    def duplicates(self, file: FileVersion) -> list[Document]:
        """Return the first duplicates of a file, over all its segments, as documents of the JSON Lines.

        Each segment keeps its first ones, so the first of all are among them.
        """
        kept = (document for key in self._keys(file, DUPLICATES) for document in read_json_lines(self._read(key)[0]))
        return list(islice(kept, KEPT_DUPLICATES))

    def any_of(self, file: FileVersion) -> bool:
        """Return whether any rejects or duplicates of a file are kept."""
        return any(next(self._keys(file, kind), None) for kind in (LINES, DUPLICATES))

    def copy(self, old: FileVersion, new: FileVersion, *, wanted: Callable[[int], bool]) -> None:
        """Copy the parts whose first byte is wanted from one attempt at a file to another."""
        for kind in (CSV, LINES, DUPLICATES):
            for key in self._keys(old, kind):
                name = key.rpartition("/")[2]
                first_byte = first_byte_of(name, kind)
                if first_byte is not None and wanted(first_byte):
                    self._copy(key, rejects_prefix(new) + name)

    def _copy(self, key: str, to: str) -> None:
        with aws_call(f"copying rejects to s3://{self._bucket}/{to}"):
            self._client.copy_object(Bucket=self._bucket, Key=to, CopySource={"Bucket": self._bucket, "Key": key})

    def _ends(self, file: FileVersion) -> tuple[bytes, bytes, dict[str, str]]:
        """Return the text before and after the rows in a CSV of rejects, and the CSV's metadata."""
        key = next(self._keys(file, CSV))
        data, about = self._read(key)
        if RejectPart.ENCODING not in about:
            raise FileFault(
                f"The rejects of {file.url} were kept by an earlier version, which did not note where their header "
                f"ends; each part stands alone, as s3://{self._bucket}/{key}."
            )
        foot_at = len(data) - int(about[RejectPart.FOOT_BYTES])
        return data[: int(about[RejectPart.HEAD_BYTES])], data[foot_at:], about

    def _keys(self, file: FileVersion, kind: str) -> Iterator[str]:
        """Yield the keys of a file's parts in the order of the file, which is that of their names."""
        prefix = rejects_prefix(file)
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix))
        while True:
            with aws_call(f"listing rejects in s3://{self._bucket}/{prefix}"):
                page = next(pages, None)
            if page is None:
                return
            for thing in page.get("Contents", []):
                if first_byte_of(thing["Key"].removeprefix(prefix), kind) is not None:
                    yield thing["Key"]

    def _read(self, key: str) -> tuple[bytes, dict[str, str]]:
        with aws_call(f"reading rejects from s3://{self._bucket}/{key}"):
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            return answer["Body"].read(), answer.get("Metadata", {})
