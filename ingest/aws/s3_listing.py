"""What lies in a bucket: objects under a prefix, as files that can be asked for."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.aws.errors import aws_call
from ingest.file import FileVersion

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Listing:
    """Lists objects."""

    def __init__(self, *, client: "S3Client") -> None:
        self._client = client

    def under(self, bucket: str, prefix: str) -> Iterator[tuple[FileVersion, float]]:
        """Yield the objects under a prefix, each with when it was changed (epoch seconds)."""
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
        while True:
            with aws_call(f"listing s3://{bucket}/{prefix}"):
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
                )
                yield file, changed.timestamp()
