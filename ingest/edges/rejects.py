"""Rejects as JSON Lines objects in the rejects bucket, at keys that depend on the file alone."""

from typing import TYPE_CHECKING

from ingest.core.notification import FileVersion
from ingest.core.rejects import Reject, json_line
from ingest.edges.aws_errors import aws_call
from ingest.errors import FileFault, ObjectSuperseded, ServiceFault

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_BYTES = 4 * 1024 * 1024


def rejects_prefix(file: FileVersion) -> str:
    """Return the key prefix of a file's rejects: the object's own key, then its version."""
    return f"{file.key}/{file.version}/"


class RejectParts:
    """Gathers rejects and puts a part whenever some 4 MiB have come together.

    A part's key is the byte offset of its first reject, so a file that is loaded again writes the same parts again.
    """

    def __init__(self, *, client: "S3Client", bucket: str, file: FileVersion) -> None:
        self._client = client
        self._bucket = bucket
        self._file = file
        self._lines: list[bytes] = []
        self._held_bytes = 0
        self._first_byte = 0
        self.count = 0

    @property
    def url(self) -> str | None:
        """Where the parts are; None while there is no reject."""
        return f"s3://{self._bucket}/{rejects_prefix(self._file)}" if self.count else None

    def add(self, rejects: list[Reject]) -> None:
        """Take a block's rejects; put a part when it is full."""
        for reject in rejects:
            if not self._lines:
                self._first_byte = reject.byte_offset
            self._lines.append(json_line(reject, self._file.url))
            self._held_bytes += len(self._lines[-1])
            self.count += 1
            if self._held_bytes >= PART_BYTES:
                self._put()

    def close(self) -> None:
        """Put what is left; all rejects are durable then."""
        if self._lines:
            self._put()

    def _put(self) -> None:
        key = f"{rejects_prefix(self._file)}{self._first_byte:015d}.jsonl"
        try:
            with aws_call(f"writing rejects to s3://{self._bucket}/{key}"):
                self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=b"".join(self._lines), ContentType="application/x-ndjson"
                )
        except (FileFault, ObjectSuperseded) as error:  # a missing bucket is no fault of the file being loaded
            raise ServiceFault(str(error)) from error
        self._lines, self._held_bytes = [], 0
