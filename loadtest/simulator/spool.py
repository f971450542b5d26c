"""The writes a simulator took, in their order, in a file: looked at after the run, so that the run is not slowed."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_LENGTH = struct.Struct("<I")
_BUFFER_BYTES = 1 << 20


class Spool:
    """Writes bodies of BatchWriteItem to a file, one after the other. `close` it before it is read."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("wb", buffering=_BUFFER_BYTES)

    def took(self, body: bytes) -> None:
        """Keep a request, of which all was taken."""
        self._file.write(_LENGTH.pack(len(body)))
        self._file.write(body)

    def close(self) -> None:
        """Write what is buffered; nothing more can be kept."""
        self._file.close()


def bodies(path: Path, part: int = 0, parts: int = 1) -> Iterator[bytes]:
    """Yield the bodies that begin in one of some equal parts of a spool, in the order they were taken."""
    at, size = 0, path.stat().st_size
    with path.open("rb", buffering=_BUFFER_BYTES) as file:
        while at * parts < size * (part + 1) and (head := file.read(_LENGTH.size)):
            [length] = _LENGTH.unpack(head)
            if at * parts >= size * part:
                yield file.read(length)
            at = file.seek(at + _LENGTH.size + length)
