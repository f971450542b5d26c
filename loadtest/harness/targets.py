"""Where bytes go while they are made: a file, stdout, an object in S3. What is not finished leaves nothing behind."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from loadtest.workload.recipe import BadRecipe

STDOUT = "-"
S3 = "s3://"
MOST_PARTS = 10_000  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
LEAST_PART_BYTES = 8 * 1024 * 1024  # S3 asks for 5 MiB
UNDER_WAY = 4  # parts of one file
_MIB = 1024 * 1024


def write_to(target: str, portions: Iterable[bytes], *, most_bytes: int, client: Callable[[], Any]) -> None:
    """Write bytes, `most_bytes` of them at most, to a path, to stdout ("-") or to s3://bucket/key.

    Raises BadRecipe where the target names no object, else what the file system or botocore raise.
    """
    if target == STDOUT:
        _copy(portions, sys.stdout.buffer)
    elif target.startswith(S3):
        bucket, key = _object(target)
        with closing(Uploads(client(), bucket, threads=UNDER_WAY)) as uploads:
            uploads.add(key, portions, most_bytes=most_bytes)
            uploads.finish([key])
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

    The parts of all of them are sent side by side, `threads` at a time.
    """

    def __init__(self, s3: Any, bucket: str, *, threads: int = THREADS) -> None:
        self._s3, self._bucket, self._threads = s3, bucket, threads
        self._pool = ThreadPoolExecutor(threads)
        self._under_way: deque[Future[Any]] = deque()
        self._kept: dict[str, tuple[Future[dict[str, str]], list[Future[dict[str, Any]]]]] = {}

    def add(self, key: str, portions: Iterable[bytes], *, most_bytes: int) -> None:
        """Upload a file of at most `most_bytes` but for the last step; all portions are taken when this returns."""
        begun, parts = self._submit(self._begin, key), list[Future[dict[str, Any]]]()
        self._kept[key] = begun, parts
        for number, data in enumerate(_parts(portions, part_bytes(most_bytes)), start=1):
            parts.append(self._submit(self._send, begun, number, data))

    def wait(self) -> None:
        """Return when all that was added is there; raise what has failed."""
        while self._under_way:
            self._under_way.popleft().result()

    def finish(self, keys: Iterable[str]) -> dict[str, str]:
        """Make objects of the files, side by side; return their eTags by key."""
        wanted = list(keys)
        return dict(zip(wanted, self._pool.map(self._complete, wanted), strict=True))

    def close(self) -> None:
        """Begin nothing more, wait for what is under way, and leave nothing unfinished behind."""
        self._pool.shutdown(cancel_futures=True)
        begun = [upload for upload, _ in self._kept.values() if not (upload.cancelled() or upload.exception())]
        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(lambda upload: self._s3.abort_multipart_upload(**upload.result()), begun))

    def _submit(self, what: Callable[..., Any], *arguments: Any) -> Future[Any]:
        if len(self._under_way) >= self._threads:  # memory holds the parts of these, and one more
            self._under_way.popleft().result()
        self._under_way.append(self._pool.submit(what, *arguments))
        return self._under_way[-1]

    def _begin(self, key: str) -> dict[str, str]:
        started = self._s3.create_multipart_upload(Bucket=self._bucket, Key=key)
        return {"Bucket": self._bucket, "Key": key, "UploadId": started["UploadId"]}

    def _send(self, begun: Future[dict[str, str]], number: int, data: bytes) -> dict[str, Any]:
        answer = self._s3.upload_part(**begun.result(), PartNumber=number, Body=data)
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def _complete(self, key: str) -> str:
        begun, sent = self._kept[key]
        parts = {"Parts": [part.result() for part in sent]}
        answer = self._s3.complete_multipart_upload(**begun.result(), MultipartUpload=parts)
        del self._kept[key]
        return str(answer["ETag"]).strip('"')
