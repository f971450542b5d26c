"""Files kept in S3 as unfinished uploads: no one sees them, and one request makes each an object and a notification."""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Any

from loadtest.harness.targets import LEAST_PART_BYTES, Unfinished, keep

THREADS = 16
_AHEAD = 4 * THREADS  # small files in memory


class Uploads:
    """Uploads of a bucket. Small ones go side by side; of a large one its parts do."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket
        self._pool = ThreadPoolExecutor(THREADS)
        self._kept: dict[str, Future[Unfinished]] = {}
        self._waiting: list[Future[Unfinished]] = []

    def add(self, key: str, portions: Iterable[bytes], *, most_bytes: int) -> None:
        """Upload a file but for the last step; all portions are taken when this returns."""
        held, rest, size = list[bytes](), iter(portions), 0
        while size < LEAST_PART_BYTES and (portion := next(rest, None)) is not None:
            held.append(portion)
            size += len(portion)
        self._kept[key] = self._pool.submit(keep, self._s3, self._bucket, key, chain(held, rest), most_bytes=most_bytes)
        self._waiting.append(self._kept[key])
        if size >= LEAST_PART_BYTES or len(self._waiting) >= _AHEAD:
            self.wait()

    def wait(self) -> None:
        """Return when all that was added is there.

        Raises:
            botocore's errors: something could not be uploaded.
        """
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
