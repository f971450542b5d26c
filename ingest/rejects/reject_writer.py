"""Rejects as objects in the rejects bucket, at keys that depend on the file alone."""

from typing import TYPE_CHECKING, Any

from ingest.aws.errors import aws_call
from ingest.contract import RejectPart
from ingest.errors import FileFault, ObjectSuperseded, ServiceFault
from ingest.feeds.dialect import Csv
from ingest.file import FileVersion
from ingest.rejects.reject import (
    CSV,
    DUPLICATES,
    LINES,
    DuplicateRow,
    Reject,
    RejectFormat,
    part_name,
    rejects_prefix,
    rejects_url,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_BYTES = 4 * 1024 * 1024
REJECT_BYTES = 300  # about what a reject's reason and place add to its record


class RejectParts:
    """Gathers rejects and puts them in parts of some 4 MiB at most: JSON Lines, and a CSV beside it.

    Duplicates, of which few are kept, have parts of their own, each named by the byte of its first one. The load
    flushes at the boundaries of `RejectCells`, so that what is loaded again writes the same parts again.
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
        """Take what stands before the file's rows: each CSV begins with it."""
        self._format = RejectFormat(self._file.url, head, csv)

    def add(self, rejects: list[Reject]) -> None:
        """Take a block's rejects; put a part when it is full."""
        for reject in rejects:
            self._held.append(reject)
            self._held_bytes += len(reject.raw) + REJECT_BYTES
            if self._held_bytes >= PART_BYTES:
                self._put()

    def add_duplicates(self, duplicates: list[DuplicateRow]) -> None:
        """Take a block's duplicates."""
        self._duplicates += duplicates

    def flush(self) -> None:
        """Put what is held; all rejects and duplicates are durable then."""
        if self._held:
            self._put()
        if self._duplicates:
            name = rejects_prefix(self._file) + part_name(self._duplicates[0].byte_offset)
            lines = b"".join(map(self._format.duplicate_line, self._duplicates))
            self._put_object(name + DUPLICATES, lines, "application/x-ndjson")
            self._duplicates = []

    def close(self) -> None:
        """Put what is left."""
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
