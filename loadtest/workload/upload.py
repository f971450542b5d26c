"""A stream of bytes -> an object in S3, part by part, while it is made: no file, and few parts in memory."""

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import chain
from typing import Any

MOST_PARTS = 10_000  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
LEAST_PART_BYTES = 8 * 1024 * 1024  # S3 asks for 5 MiB
UNDER_WAY = 4  # parts: memory holds these, and one more
_MIB = 1024 * 1024


def part_bytes(most_bytes: int) -> int:
    """Return the size of parts, in whole MiB, such that 10,000 of them are enough.

    >>> part_bytes(10_000_000) // 2**20, part_bytes(100_000_000_000) // 2**20
    (8, 10)
    """
    return max(LEAST_PART_BYTES, -(-most_bytes // MOST_PARTS // _MIB) * _MIB)


def upload(client: Any, bucket: str, key: str, portions: Iterable[bytes], *, most_bytes: int) -> None:
    """Write an object of at most `most_bytes`. The client retries; what fails for good, or is interrupted, is aborted.

    Raises:
        botocore's errors: the object was not written.
    """
    parts = _parts(portions, part_bytes(most_bytes))
    first = next(parts, b"")
    second = next(parts, None)
    if second is None:
        client.put_object(Bucket=bucket, Key=key, Body=first)
        return
    _send_all(client, bucket, key, chain([first, second], parts)).complete()


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
    return _send_all(client, bucket, key, _parts(portions, part_bytes(most_bytes)))


def _send_all(client: Any, bucket: str, key: str, parts: Iterable[bytes]) -> Unfinished:
    """Upload an object in these parts, but for the last step. What fails or is interrupted is aborted.

    Raises:
        botocore's errors: it was not uploaded.
    """
    started = client.create_multipart_upload(Bucket=bucket, Key=key)
    name = {"Bucket": bucket, "Key": key, "UploadId": started["UploadId"]}
    try:
        return Unfinished(client, name, _send(client, name, parts))
    except BaseException:
        client.abort_multipart_upload(**name)
        raise


def _send(client: Any, name: dict[str, str], parts: Iterable[bytes]) -> list[dict[str, Any]]:
    """Send all parts, some at a time; return what completes the upload. None is under way when this ends."""
    under_way: set[Future[dict[str, Any]]] = set()
    done: list[dict[str, Any]] = []

    def send(number: int, data: bytes) -> dict[str, Any]:
        answer = client.upload_part(**name, PartNumber=number, Body=data)
        return {"PartNumber": number, "ETag": answer["ETag"]}

    with ThreadPoolExecutor(UNDER_WAY) as pool:
        for number, data in enumerate(parts, start=1):
            if len(under_way) >= UNDER_WAY:
                ready, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                done += [part.result() for part in ready]
            under_way.add(pool.submit(send, number, data))
        done += [part.result() for part in under_way]
    return sorted(done, key=lambda part: int(part["PartNumber"]))


def _parts(portions: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the bytes in parts of one size; the last may be smaller."""
    held, held_bytes = [], 0
    for portion in portions:
        held.append(portion)
        held_bytes += len(portion)
        while held_bytes >= size:
            data = b"".join(held)
            yield data[:size]
            held, held_bytes = [data[size:]], held_bytes - size
    if held_bytes:
        yield b"".join(held)
