"""S3 objects as portions of bytes: ranged reads, pinned to one version, each repeated when it breaks."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from ingest.core.notification import FileVersion
from ingest.core.retry import read_pause_s
from ingest.edges.aws_errors import aws_call, translate
from ingest.errors import Throttled, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RANGE_BYTES = 8 * 1024 * 1024  # AWS recommends 8 to 16 MB for byte-range fetches
ATTEMPTS = 6


class ReadClock(Protocol):
    """What reading needs of a clock."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def chance(self) -> float:
        """Return a random number in [0, 1)."""


class Objects:
    """Reads S3 objects."""

    def __init__(self, *, client: "S3Client", clock: ReadClock, range_bytes: int = RANGE_BYTES) -> None:
        self._client = client
        self._clock = clock
        self._range_bytes = range_bytes

    def find(self, file: FileVersion) -> FileVersion:
        """Return the file with size and eTag, asking S3 where the notification left them out.

        Raises:
            ObjectSuperseded: the object is not there.
        """
        if file.size_bytes is not None and (file.etag or file.version_id):
            return file
        with aws_call(f"looking up {file.url}"):
            head = self._client.head_object(Bucket=file.bucket, Key=file.key, **_version(file))
        return FileVersion(
            bucket=file.bucket,
            key=file.key,
            version_id=file.version_id,
            etag=head["ETag"].strip('"'),
            sequencer=file.sequencer,
            size_bytes=head["ContentLength"],
            event_time=file.event_time,
        )

    def portions(self, file: FileVersion) -> Iterator[bytes]:
        """Yield the bytes of exactly this version, in order. The file must have been found.

        Raises (while iterating):
            ObjectSuperseded: it was deleted or overwritten meanwhile.
            ServiceFault: a range could not be read in several attempts.
        """
        size = file.size_bytes or 0
        for start in range(0, size, self._range_bytes):
            yield self._range(file, start, min(start + self._range_bytes, size))

    def _range(self, file: FileVersion, start: int, end: int) -> bytes:
        what = f"reading bytes {start}-{end - 1} of {file.url}"
        for attempt in range(ATTEMPTS):
            try:
                return self._get(file, start, end, what)
            except (Throttled, Unavailable):
                if attempt + 1 == ATTEMPTS:
                    raise
                self._clock.sleep(read_pause_s(attempt, chance=self._clock.chance()))
        raise AssertionError("the loop above returns or raises")

    def _get(self, file: FileVersion, start: int, end: int, what: str) -> bytes:
        pin: Any = {"IfMatch": f'"{file.etag}"'} if file.etag else {}
        try:
            answer = self._client.get_object(
                Bucket=file.bucket, Key=file.key, Range=f"bytes={start}-{end - 1}", **pin, **_version(file)
            )
            body = answer["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise translate(error, what) from error
        if len(body) != end - start:  # botocore cannot tell a cut ranged answer where Content-Length was lost
            raise Unavailable(f"S3 sent {len(body)} of {end - start} bytes while {what}.")
        return body


def _version(file: FileVersion) -> Any:
    return {"VersionId": file.version_id} if file.version_id else {}
