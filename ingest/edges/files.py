"""Local files as portions of bytes, and rejects in a local file: what the command line uses in place of S3."""

from collections.abc import Iterator
from pathlib import Path

from ingest.core.rejects import Reject, json_line
from ingest.errors import FileMissing, SettingsFault

PORTION_BYTES = 1024 * 1024


def file_size(path: Path) -> int:
    """Return a file's size in bytes.

    Raises:
        FileMissing: there is no such file.
    """
    if not path.is_file():
        raise FileMissing(f"{path} does not exist or is no file; name a local path or an s3://bucket/key URL.")
    return path.stat().st_size


def file_portions(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes in order."""
    try:
        with path.open("rb") as file:
            while portion := file.read(PORTION_BYTES):
                yield portion
    except PermissionError:
        raise FileMissing(f"{path} may not be read by this user; change its permissions.") from None


class RejectFile:
    """Rejects as JSON Lines in a local file, which is made anew with the first reject."""

    def __init__(self, path: Path, *, source: str) -> None:
        self._path = path
        self._source = source
        self._begun = False

    def add(self, rejects: list[Reject]) -> None:
        """Append a block's rejects."""
        if not rejects:
            return
        try:
            with self._path.open("ab" if self._begun else "wb") as file:
                file.writelines(json_line(reject, self._source) for reject in rejects)
        except OSError as error:
            raise SettingsFault(f"The rejects cannot be written to {self._path}: {error.strerror}.") from error
        self._begun = True

    def close(self) -> None:
        """Nothing is held back."""
