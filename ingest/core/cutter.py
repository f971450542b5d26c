"""Cut a byte stream into blocks of whole records, with exact offsets and line numbers.

Bytes in, pieces out, in whatever portions they arrive. Holds at most a block and a portion.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ingest.contract import Reason
from ingest.core.grammar import Grammar, count_lines, end_of_line

BLOCK_BYTES = 4 * 1024 * 1024
RAW_LIMIT = 1024 * 1024  # of a record too long to keep, so much goes to the rejects


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records: the unit of parsing. `first_byte` counts from 0, `first_line` from 1, both in the file."""

    data: bytes
    first_byte: int
    first_line: int

    @property
    def byte_count(self) -> int:
        """How many bytes of the file this piece is."""
        return len(self.data)


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that cannot be delimited. `data` is its beginning, `byte_count` its length in the file."""

    data: bytes
    byte_count: int
    first_byte: int
    first_line: int
    reason: str


Piece = Block | BadRecord


class Cutter:
    """Cuts the bytes fed to it. Each byte comes out exactly once, in a block or as part of a bad record.

    A record that does not end within a block is either a quote never closed (there is a line end inside: the line it
    begins on is given up, and the next line is taken for a record start) or a line without end (skipped to its end).
    """

    def __init__(
        self, grammar: Grammar, *, first_byte: int = 0, first_line: int = 1, block_bytes: int = BLOCK_BYTES
    ) -> None:
        self._grammar = grammar
        self._byte = first_byte
        self._line = first_line
        self._block_bytes = block_bytes
        self._parts: list[bytes] = []
        self._held = 0
        self._endless: BadRecord | None = None

    def feed(self, portion: bytes) -> Iterator[Piece]:
        """Yield the pieces that are complete now."""
        self._parts.append(portion)
        self._held += len(portion)
        if self._held < self._block_bytes:
            return
        data = b"".join(self._parts)
        at = 0
        while len(data) - at >= self._block_bytes:
            piece, at = self._cut(data, at, at + self._block_bytes)
            if piece:
                yield piece
        self._hold(data[at:])

    def finish(self) -> Iterator[Piece]:
        """Yield what is left; the end of the data ends the last record."""
        data = b"".join(self._parts)
        at = 0
        while at < len(data):
            piece, at = self._cut_last(data, at)
            yield piece
        if self._endless:
            yield self._endless
        self._hold(b"")

    def _hold(self, rest: bytes) -> None:
        self._parts, self._held = [rest], len(rest)

    def _cut(self, data: bytes, at: int, limit: int) -> tuple[Piece | None, int]:
        """Return the next piece of data[at:limit], if it ends there, and how far the data is done with."""
        if not self._endless:
            end = self._grammar.end_of_last_record(data, at, limit)
            if end > at:
                return self._block(data[at:end]), end
            end = end_of_line(data, at, limit, at_end=False)
            if end:
                return self._bad(data[at:end], Reason.UNTERMINATED_QUOTE), end
        return self._skip(data, at, limit)

    def _cut_last(self, data: bytes, at: int) -> tuple[Piece, int]:
        if self._endless:
            piece, end = self._skip(data, at, len(data))
            return piece or self._take_endless(), end
        whole = self._grammar.is_whole(data, at)
        end = len(data) if whole else self._grammar.end_of_last_record(data, at, len(data))
        if end > at:
            return self._block(data[at:end]), end
        end = end_of_line(data, at, len(data), at_end=True) or len(data)
        return self._bad(data[at:end], Reason.UNTERMINATED_QUOTE), end

    def _skip(self, data: bytes, at: int, limit: int) -> tuple[Piece | None, int]:
        """Pass over a line without end; its bad record comes when the line does end."""
        line_end = end_of_line(data, at, limit, at_end=False)
        end = line_end or limit - data.endswith(b"\r", at, limit)
        kept = data[at : min(end, at + RAW_LIMIT)]
        so_far = self._endless or BadRecord(kept, 0, self._byte, self._line, Reason.RECORD_TOO_LONG)
        self._endless = replace(so_far, byte_count=so_far.byte_count + end - at)
        self._advance(data[at:end])
        return (self._take_endless() if line_end else None), end

    def _take_endless(self) -> Piece:
        piece, self._endless = self._endless, None
        assert piece is not None
        return piece

    def _block(self, data: bytes) -> Block:
        block = Block(data, self._byte, self._line)
        self._advance(data)
        return block

    def _bad(self, data: bytes, reason: str) -> BadRecord:
        bad = BadRecord(data[:RAW_LIMIT], len(data), self._byte, self._line, reason)
        self._advance(data)
        return bad

    def _advance(self, data: bytes) -> None:
        self._byte += len(data)
        self._line += count_lines(data)
