"""A file kept in S3 as an unfinished upload: no one sees it until one request makes it an object."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from loadtest.workload.targets import part_bytes

UNDER_WAY = 4  # parts: memory holds these, and one more


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An upload whose parts are all there: the object exists, and its notification is sent, once it is completed."""

    client: Any
    name: dict[str, str]
    parts: list[dict[str, Any]]

    def complete(self) -> str:
        """Make the object of the parts, or nothing; return its eTag."""
        try:
            answer = self.client.complete_multipart_upload(**self.name, MultipartUpload={"Parts": self.parts})
        except BaseException:
            self.client.abort_multipart_upload(**self.name)
            raise
        return str(answer["ETag"]).strip('"')


def keep(client: Any, bucket: str, key: str, portions: Iterable[bytes], *, most_bytes: int) -> Unfinished:
    """Upload an object of at most `most_bytes`, but for the last step. What fails or is interrupted is aborted.

    Raises:
        botocore's errors: it was not uploaded.
    """
    started = client.create_multipart_upload(Bucket=bucket, Key=key)
    name = {"Bucket": bucket, "Key": key, "UploadId": started["UploadId"]}
    try:
        return Unfinished(client, name, _send(client, name, _parts(portions, part_bytes(most_bytes))))
    except BaseException:
        client.abort_multipart_upload(**name)
        raise


def _send(client: Any, name: dict[str, str], parts: Iterable[bytes]) -> list[dict[str, Any]]:
    """Send all parts, some at a time; return what completes the upload. None is under way when this ends."""

    def send(number: int, data: bytes) -> dict[str, Any]:
        answer = client.upload_part(**name, PartNumber=number, Body=data)
        return {"PartNumber": number, "ETag": answer["ETag"]}

    done: list[dict[str, Any]] = []
    with ThreadPoolExecutor(UNDER_WAY) as pool:
        under_way: deque[Future[dict[str, Any]]] = deque()
        for number, data in enumerate(parts, start=1):
            if len(under_way) >= UNDER_WAY:
                done.append(under_way.popleft().result())
            under_way.append(pool.submit(send, number, data))
        return done + [part.result() for part in under_way]


def _parts(portions: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the bytes in parts of one size; the last may be smaller."""
    held = bytearray()
    for portion in portions:
        held += portion
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)
