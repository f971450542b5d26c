"""Compressors of a stream, all with the same two calls."""

import bz2
import zlib
from typing import Any

import pyarrow as pa

LEVEL = 1  # generating is to be bound by the CPU as little as may be


class Stored:
    """Returns bytes as they are."""

    def compress(self, data: Any, /) -> bytes:
        """Take some bytes; return those that are ready."""
        return bytes(data)

    def flush(self) -> bytes:
        """Return what is left."""
        return b""


class Zstandard(Stored):
    """Zstandard by Arrow, as Python has none of its own before 3.14: a frame for each portion."""

    def compress(self, data: Any, /) -> bytes:
        """Take some bytes; return those that are ready."""
        return pa.compress(data, "zstd", asbytes=True)


def compressor(name: str) -> Any:
    """Return what has `compress` and `flush`, by name: none, gzip, bz2 or zstd."""
    match name:
        case "gzip":
            return zlib.compressobj(LEVEL, wbits=31)
        case "bz2":
            return bz2.BZ2Compressor(LEVEL)
        case "zstd":
            return Zstandard()
        case _:
            return Stored()
