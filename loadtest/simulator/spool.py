"""The writes a simulator took, in their order, in a file: looked at after the run, so that the run is not slowed."""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

_LENGTH = struct.Struct("<I")
_BUFFER_BYTES = 1 << 20


class Spool:
    """Writes bodies of BatchWriteItem to a file, one after the other. `close` it before it is read."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("wb", buffering=_BUFFER_BYTES)

    def took(self, body: bytes) -> None:
        """Keep a request of which all was taken."""
        self._file.write(_LENGTH.pack(len(body)))
        self._file.write(body)

    def took_some(self, writes: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Keep the part of a request that was taken: table and write, as the request has them."""
        tables: dict[str, list[Mapping[str, Any]]] = {}
        for table, write in writes:
            tables.setdefault(table, []).append(write)
        self.took(json.dumps({"RequestItems": tables}, separators=(",", ":")).encode())

    def close(self) -> None:
        """Write what is buffered; nothing more can be kept."""
        self._file.close()


def bodies(path: Path) -> Iterator[bytes]:
    """Yield the bodies in a spool, in the order they were taken."""
    with path.open("rb", buffering=_BUFFER_BYTES) as file:
        while length := file.read(_LENGTH.size):
            yield file.read(*_LENGTH.unpack(length))
