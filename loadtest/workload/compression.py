"""Compressors of a stream, all with the same two calls."""

import bz2
import io
import zlib
from typing import Any, Protocol, cast

import pyarrow as pa

LEVEL = 1  # generating is to be bound by the CPU as little as may be


class Compressor(Protocol):
    """Takes bytes, gives those that are ready."""

    def compress(self, data: bytes, /) -> bytes:
        """Take some bytes."""

    def flush(self) -> bytes:
        """Return what is left."""


class Stored:
    """No compression."""

    def compress(self, data: bytes, /) -> bytes:
        """Return the bytes as they are."""
        return data

    def flush(self) -> bytes:
        """Return nothing: nothing is held back."""
        return b""


class Zstandard:
    """Zstandard by Arrow: Python has none of its own before 3.14."""

    def __init__(self) -> None:
        self._output = _Output()
        self._stream = pa.CompressedOutputStream(pa.PythonFile(cast(Any, self._output), mode="w"), "zstd")

    def compress(self, data: bytes, /) -> bytes:
        """Take some bytes."""
        self._stream.write(data)
        return self._output.take()

    def flush(self) -> bytes:
        """Return what is left."""
        self._stream.close()
        return self._output.take()


class _Output(io.RawIOBase):
    """A file object that keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def compressor(name: str) -> Compressor:
    """Return a compressor by name: none, gzip, bz2 or zstd."""
    match name:
        case "gzip":
            return zlib.compressobj(LEVEL, wbits=31)
        case "bz2":
            return bz2.BZ2Compressor(LEVEL)
        case "zstd":
            return Zstandard()
        case _:
            return Stored()
