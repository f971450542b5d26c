"""Files on this machine, and files in S3, as sources of bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import FileMissing
from ingest.file import FileVersion
from ingest.reading.compression import RangeReader

PORTION_BYTES = 1024 * 1024


def file_size(path: Path) -> int:
    """Return a file's size in bytes.

    Raises:
        FileMissing: the file does not exist.
    """
    if not path.is_file():
        raise FileMissing(f"{path} does not exist or is not a file; name a local path or an s3://bucket/key URL.")
    return path.stat().st_size


def file_portions(path: Path, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield a file's bytes in order, from `start` to before `end`."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            left = float("inf") if end is None else end - start
            while portion := file.read(int(min(PORTION_BYTES, left))):
                left -= len(portion)
                yield portion
    except PermissionError:
        raise FileMissing(f"This user has no permission to read {path}; change the file's permissions.") from None


def local_file_id(path: Path) -> str:
    """Return the id by which items name a local file: the same until the file changes."""
    found = path.stat()
    return FileVersion("", str(path.resolve()), etag=f"{found.st_size}-{found.st_mtime_ns}").file_id


@dataclass(frozen=True, slots=True)
class Source:
    """A readable file, with its size in bytes before any decompression; `file_id` is that of its version."""

    name: str
    read: RangeReader
    size_bytes: int
    file_id: str = ""
