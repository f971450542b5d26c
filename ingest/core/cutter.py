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
            piece, used = self._cut(data[at : at + self._block_bytes])
            at += used
            if piece:
                yield piece
        self._hold(data[at:])

    def finish(self) -> Iterator[Piece]:
        """Yield what is left; the end of the data ends the last record."""
        data = b"".join(self._parts)
        at = 0
        while at < len(data):
            piece, used = self._cut_last(data[at:])
            at += used
            yield piece
        if self._endless:
            yield self._endless
        self._hold(b"")

    def _hold(self, rest: bytes) -> None:
        self._parts, self._held = [rest], len(rest)

    def _cut(self, window: bytes) -> tuple[Piece | None, int]:
        """Return the next piece of a full window, if it ends there, and how many bytes are done with."""
        if not self._endless:
            end = self._grammar.end_of_last_record(window)
            if end:
                return self._block(window[:end]), end
            end = end_of_line(window, at_end=False)
            if end:
                return self._bad(window[:end], Reason.UNTERMINATED_QUOTE), end
        return self._skip(window)

    def _cut_last(self, window: bytes) -> tuple[Piece, int]:
        if self._endless:
            piece, used = self._skip(window)
            return piece or self._take_endless(), used
        end = len(window) if self._grammar.is_whole(window) else self._grammar.end_of_last_record(window)
        if end:
            return self._block(window[:end]), end
        end = end_of_line(window, at_end=True) or len(window)
        return self._bad(window[:end], Reason.UNTERMINATED_QUOTE), end

    def _skip(self, window: bytes) -> tuple[Piece | None, int]:
        """Pass over a line without end; its bad record comes when the line does end."""
        end = end_of_line(window, at_end=False)
        used = end or len(window) - window.endswith(b"\r")
        so_far = self._endless or BadRecord(window[:RAW_LIMIT], 0, self._byte, self._line, Reason.RECORD_TOO_LONG)
        self._endless = replace(so_far, byte_count=so_far.byte_count + used)
        self._advance(window[:used])
        return (self._take_endless() if end else None), used

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
