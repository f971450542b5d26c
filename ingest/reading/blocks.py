"""Cut a byte stream into blocks of whole records, with exact offsets and line numbers.

Bytes go in, in portions of any size; chunks come out. At most one block and one portion are held in memory. The next
chunk depends only on the state and the bytes that follow, so cutting can resume later at the end of any chunk.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace

from ingest.contract import Reason
from ingest.feeds.dialect import Csv
from ingest.reading.grammar import Grammar, count_lines, end_of_line

# Increase it with every change to where a file is cut, what its rows mean, or how they are counted
# (tests/reading/test_rules.py): files in progress then restart, so that no file is loaded by two versions of the rules.
RULES = 2
BLOCK_BYTES = 4 * 1024 * 1024
RECORD_BYTES = 1024 * 1024


def block_bytes(csv: Csv) -> int:
    """Return the block size for a feed's files, in bytes: at least one record of the maximum size fits."""
    return max(BLOCK_BYTES, csv.max_record_bytes)


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records: the unit of parsing. `first_byte` counts from 0, `first_line` from 1, both in the file.

    `byte_count` is the block's size in bytes of the file; `data` is the same text in UTF-8. `has_open_quote`: the block
    is a single record with a quote that is never closed; that quote is an ordinary character.
    """

    data: bytes
    first_byte: int
    first_line: int
    byte_count: int
    has_open_quote: bool = False


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that cannot be delimited. `data` is its beginning, `byte_count` its whole length in the file."""

    data: bytes
    first_byte: int
    first_line: int
    byte_count: int
    reason: str


Chunk = Block | BadRecord


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record of a block, as it is in the file. `number` counts the block's records from 0, without blank lines.

    `data` is the record in the file's own characters, as UTF-8; `first_byte` and `first_line` count as in `Block`.
    """

    number: int
    data: bytes
    first_byte: int
    first_line: int


@dataclass(frozen=True, slots=True)
class Position:
    """Everything that the next chunks depend on, besides the bytes. `byte` counts from 0, `line` from 1, in the file.

    `open_left`: an abandoned quote is known not to be closed within that many bytes of the text that follows.
    `text_byte` is the offset in the decoded text, needed where the text is not the file's own bytes.
    """

    byte: int
    line: int
    open_left: int = 0
    text_byte: int = 0


START = Position(0, 1)


class BlockSplitter:
    """Cuts the bytes fed to it into chunks. Each byte is in exactly one chunk: a block or a bad record.

    A record longer than `record_bytes` (or than a block) has either an unclosed quote or an overlong line. A record
    with an unclosed quote ends with the line that opens the quote: it is a bad record or, with lenient quoting, a block
    in which the quote is an ordinary character. An overlong line is skipped to its end, as a bad record. `measure`
    returns how many bytes of the file some of the data occupies, where the file is not UTF-8.
    """

    def __init__(
        self,
        grammar: Grammar,
        *,
        state: Position = START,
        block_bytes: int = BLOCK_BYTES,
        record_bytes: int = RECORD_BYTES,
        measure: Callable[[bytes], int] = len,
    ) -> None:
        self._grammar = grammar
        self._state = self._at = state
        self._block_bytes = block_bytes
        self._record_bytes = min(record_bytes, block_bytes)
        self._measure = measure
        self._parts: list[bytes] = []
        self._held = self._ctrl_z = 0
        self._endless: BadRecord | None = None

    @property
    def state(self) -> Position:
        """Where the chunk just yielded ends; a splitter that begins there yields the chunks that follow it."""
        return self._state

    def feed(self, portion: bytes) -> Iterator[Chunk]:
        """Add a portion of bytes; yield the chunks that are now complete."""
        end = self._grammar.end_of_text(portion)
        if end:
            for held_back in self._take_ctrl_z():
                yield from self._feed(held_back)
            yield from self._feed(portion[:end])
        self._ctrl_z += len(portion) - end

    def _take_ctrl_z(self) -> Iterator[bytes]:
        """Yield the Ctrl-Z characters at the end of the bytes so far: they are text only if text follows."""
        while self._ctrl_z:
            count = min(self._ctrl_z, self._block_bytes)
            self._ctrl_z -= count
            yield b"\x1a" * count

    def _feed(self, portion: bytes) -> Iterator[Chunk]:
        """Cut while more than a block is held: the rest may be the file's last record, which has no line end."""
        self._parts.append(portion)
        self._held += len(portion)
        if self._held <= self._block_bytes:
            return
        data = b"".join(self._parts)
        at = 0
        while len(data) - at > self._block_bytes:
            chunk, at = self._cut(data, at, at + self._block_bytes)
            if chunk:
                yield self._done(chunk)
        self._hold(data[at:])

    def finish(self, *, at_end: bool = True, behind: Callable[[], bytes] = bytes) -> Iterator[Chunk]:
        """Yield the remaining chunks. The end of the file ends the last record.

        Without `at_end`, these bytes end where a chunk of the whole file ends, and the chunks are those of the whole
        file. `behind` must return the text that follows, as many bytes as a record may have; it is called if needed.
        """
        data, at = b"".join(self._parts), 0
        if not at_end:
            data += b"".join(self._take_ctrl_z())
            at = yield from self._finish_part(data, behind)
        while at < len(data):
            chunk, at = self._cut_last(data, at)
            yield self._done(chunk)
        if self._endless:
            yield self._done(self._take_endless())
        if self._ctrl_z:  # read, but not part of a record
            first = self._at
            yield self._done(Block(b"", first.byte, first.line, sum(map(self._advance, self._take_ctrl_z()))))
        self._hold(b"")

    def _finish_part(self, data: bytes, behind: Callable[[], bytes]) -> Generator[Chunk, None, int]:
        """Cut as if an endless line followed the text of `behind`: it ends no record, and no decision waits for more.

        Whether a quote is closed, and what follows the closing quote, may be visible only after these bytes.
        """
        last_line_end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if self._grammar.needs_what_follows(data):
            data += behind()
        data += b"x" * self._block_bytes
        at = 0
        while at < last_line_end:
            chunk, at = self._cut(data, at, at + self._block_bytes)
            if chunk:
                yield self._done(chunk)
        return at

    def _done(self, chunk: Chunk) -> Chunk:
        self._state = self._at
        return chunk

    def _hold(self, rest: bytes) -> None:
        self._parts, self._held = [rest], len(rest)

    def _cut(self, data: bytes, at: int, limit: int) -> tuple[Chunk | None, int]:
        """Return the next chunk of data[at:limit], if one ends there, and the offset up to which data is processed."""
        if not self._endless:
            end = self._end_of_records(data, at, limit)
            if end > at:
                return self._block(data[at:end]), end
            limit = at + self._record_bytes
            end, is_open = self._end_of_open_line(data, at, limit, at_end=False)
            if end:
                return self._give_up(data[at:end], self._record_bytes // 4, is_open=is_open), end
        return self._skip(data, at, limit)

    def _end_of_open_line(self, data: bytes, at: int, limit: int, *, at_end: bool) -> tuple[int, bool]:
        """Return the end of the line that opens a quote not closed before the limit, and whether there is such a line.

        If that line does not end, or no quote is open, return the end of the record's first line; 0 if it has none.
        """
        opening = self._grammar.open_quote(data, at, limit)
        if opening is not None and (end := end_of_line(data, opening, limit, at_end=at_end) or at_end * limit):
            return end, True
        return end_of_line(data, at, limit, at_end=at_end), False

    def _end_of_records(self, data: bytes, at: int, limit: int) -> int:
        """Return where the last whole record from `at` on ends; each of these records is within the record limit."""
        if self._at.open_left:
            end = self._grammar.end_of_lines(data, at, min(limit, at + self._at.open_left))
            if end > at:
                return end
            limit = min(limit, at + self._record_bytes)
            line_end = end_of_line(data, at, limit, at_end=False)  # of a line that extends beyond the known bytes
            return self._grammar.end_of_lines(data, at, min(limit, line_end + 1))
        while (end := self._grammar.end_of_last_record(data, at, min(limit, at + self._record_bytes))) > at:
            at = end
        return at

    def _cut_last(self, data: bytes, at: int) -> tuple[Chunk, int]:
        if self._endless:
            return self._skip_last(data, at)
        end = self._end_of_records(data, at, len(data))
        if self._may_be_last(data, end) and self._grammar.is_whole(data, end):
            end = len(data)
        if end > at:
            return self._block(data[at:end]), end
        limit = min(len(data), at + self._record_bytes)
        end, is_open = self._end_of_open_line(data, at, limit, at_end=limit == len(data))
        if not end and limit < len(data):
            return self._skip_last(data, at)
        known = len(data) - at if limit == len(data) else self._record_bytes // 4
        return self._give_up(data[at : end or limit], known, is_open=is_open), end or limit

    def _may_be_last(self, data: bytes, at: int) -> bool:
        """Return whether the rest may be the file's last record: if a quote is known to be open, only a single line."""
        if len(data) - at > self._record_bytes:
            return False
        return not self._at.open_left or end_of_line(data, at, len(data), at_end=True) in (0, len(data))

    def _skip_last(self, data: bytes, at: int) -> tuple[Chunk, int]:
        end = end_of_line(data, at, len(data), at_end=True) or len(data)
        self._add_to_endless(data, at, end)
        return self._take_endless(), end

    def _skip(self, data: bytes, at: int, limit: int) -> tuple[Chunk | None, int]:
        """Skip a part of an overlong line; its bad record is returned when the line ends."""
        line_end = end_of_line(data, at, limit, at_end=False)
        end = line_end or _end_of_part(data, at, limit)
        self._add_to_endless(data, at, end)
        return (self._take_endless() if line_end else None), end

    def _add_to_endless(self, data: bytes, at: int, end: int) -> None:
        so_far = self._endless
        if so_far is None:
            kept = data[at : _end_of_part(data, at, at + self._record_bytes)]
            so_far = BadRecord(kept, self._at.byte, self._at.line, 0, Reason.RECORD_TOO_LONG)
        self._endless = replace(so_far, byte_count=so_far.byte_count + self._advance(data[at:end]))

    def _take_endless(self) -> Chunk:
        chunk, self._endless = self._endless, None
        assert chunk is not None
        return chunk

    def _block(self, data: bytes, *, has_open_quote: bool = False) -> Block:
        first = self._at
        return Block(data, first.byte, first.line, self._advance(data), has_open_quote)

    def _give_up(self, data: bytes, known: int, *, is_open: bool) -> Chunk:
        """End a record with the line that opens a quote not closed within the next `known` bytes.

        A record of several lines that begins within these bytes cannot end there either: at the end of its first line,
        both are inside quotes. So they are not searched again, and a file of such lines takes time linear in its size.
        """
        first = self._at
        self._at = replace(first, open_left=first.open_left or known)
        if is_open and self._grammar.keeps_open_quotes:
            return self._block(data, has_open_quote=True)
        return BadRecord(data, first.byte, first.line, self._advance(data), Reason.UNTERMINATED_QUOTE)

    def _advance(self, data: bytes) -> int:
        """Move past some of the data; return how many bytes of the file it occupies."""
        byte_count = self._measure(data)
        at = self._at
        open_left = max(0, at.open_left - len(data))
        self._at = Position(at.byte + byte_count, at.line + count_lines(data), open_left, at.text_byte + len(data))
        return byte_count


def _end_of_part(data: bytes, at: int, limit: int) -> int:
    """Return where to pause inside a line: not between CR and LF, and not inside a character of UTF-8."""
    if data.endswith(b"\r", at, limit):
        return limit - 1
    for lead in range(limit - 1, max(at, limit - 4), -1):
        if data[lead] & 0xC0 != 0x80:
            length = 1 + (data[lead] >= 0xC0) + (data[lead] >= 0xE0) + (data[lead] >= 0xF0)
            return lead if lead + length > limit else limit
    return limit
