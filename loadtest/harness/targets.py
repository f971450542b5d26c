"""Where bytes go while they are made: a file, stdout, an object in S3. What is not finished leaves nothing behind."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from loadtest.workload.recipe import BadRecipe

STDOUT = "-"
S3 = "s3://"
MOST_PARTS = 10_000  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
LEAST_PART_BYTES = 8 * 1024 * 1024  # S3 asks for 5 MiB
UNDER_WAY = 4  # parts: memory holds these, and one more
_MIB = 1024 * 1024


def write_to(target: str, portions: Iterable[bytes], *, most_bytes: int, client: Callable[[], Any]) -> None:
    """Write bytes, `most_bytes` of them at most, to a path, to stdout ("-") or to s3://bucket/key.

    Raises BadRecipe where the target names no object, else what the file system or botocore raise.
    """
    if target == STDOUT:
        _copy(portions, sys.stdout.buffer)
    elif target.startswith(S3):
        keep(client(), *_object(target), portions, most_bytes=most_bytes).complete()
    else:
        _write_file(Path(target), portions)


def known_outcome_path(target: str) -> Path | None:
    """Return where the known outcome of a target is written by default; None: nowhere.

    That of an object lies here: beside it, the pipeline would take it for a file to load.

    >>> print(known_outcome_path("a/b.csv"), known_outcome_path("s3://bucket/orders/c.csv.gz"), known_outcome_path("-"))
    a/b.csv.expected.json c.csv.gz.expected.json None
    """
    if target == STDOUT:
        return None
    name = _object(target)[1].rpartition("/")[2] if target.startswith(S3) else target
    return Path(f"{name}.expected.json")


def _object(target: str) -> tuple[str, str]:
    bucket, _, key = target.removeprefix(S3).partition("/")
    if not bucket or not key or key.endswith("/"):
        raise BadRecipe(f"{target!r} names no object; objects are named s3://bucket/key.")
    return bucket, key


def _copy(portions: Iterable[bytes], out: BinaryIO) -> None:
    for portion in portions:
        out.write(portion)
    out.flush()


def _write_file(path: Path, portions: Iterable[bytes]) -> None:
    """Write a file that has its name only when it is whole. What is not a plain file, as /dev/null, is written to."""
    if path.exists() and not path.is_file():
        with path.open("wb") as out:
            return _copy(portions, out)
    unfinished = path.with_name(path.name + ".part")
    try:
        with unfinished.open("wb") as out:
            _copy(portions, out)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return None


def part_bytes(most_bytes: int) -> int:
    """Return the size of an object's parts, in whole MiB, such that 10,000 of them are enough.

    >>> part_bytes(10_000_000) // 2**20, part_bytes(100_000_000_000) // 2**20
    (8, 10)
    """
    return max(LEAST_PART_BYTES, -(-most_bytes // MOST_PARTS // _MIB) * _MIB)


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
    """Upload an object of at most `most_bytes`, but for the last step. What fails or is interrupted is aborted."""
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
    yield bytes(held)  # S3 takes an empty last part


THREADS = 16


class Uploads:
    """Files kept as unfinished uploads: no one sees them, and one request makes each an object and a notification.

    Small ones are uploaded side by side; of a large one its parts are.
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket
        self._pool = ThreadPoolExecutor(THREADS)
        self._kept: dict[str, Future[Unfinished]] = {}
        self._waiting: list[Future[Unfinished]] = []

    def add(self, key: str, portions: Iterable[bytes], *, most_bytes: int) -> None:
        """Upload a file but for the last step; all portions are taken when this returns."""
        is_small = most_bytes <= LEAST_PART_BYTES
        content = list(portions) if is_small else portions
        self._kept[key] = self._pool.submit(keep, self._s3, self._bucket, key, content, most_bytes=most_bytes)
        self._waiting.append(self._kept[key])
        if not is_small or len(self._waiting) >= 4 * THREADS:  # small files are in memory
            self.wait()

    def wait(self) -> None:
        """Return when all that was added is there."""
        for upload in self._waiting:
            upload.result()
        self._waiting = []

    def finish(self, keys: Iterable[str]) -> dict[str, str]:
        """Make objects of the files, side by side; return their eTags by key."""
        wanted = list(keys)
        done = self._pool.map(lambda key: self._kept.pop(key).result().complete(), wanted)
        return dict(zip(wanted, done, strict=True))

    def close(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._pool.shutdown(cancel_futures=True)
