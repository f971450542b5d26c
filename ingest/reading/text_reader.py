"""Read a text file, cut into records by a grammar: everything a reader does except reading a header and parsing rows.

The reader of such a format is a subclass of `TextReader` with columns and a `parse`.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain

from ingest.errors import NotCsv, ServiceFault
from ingest.feeds.dialect import Csv
from ingest.reading import blocks
from ingest.reading.blocks import BadRecord, Block, BlockSplitter, Chunk, Position, RawRecord
from ingest.reading.compression import RangeReader, decode, find_codec, first_bytes
from ingest.reading.encoding import Charset
from ingest.reading.grammar import Grammar, count_lines, start_of_last_lines, without_blank_end
from ingest.reading.rows import Rows
from ingest.reading.segments import Segment, plan, whole_records

_MOST_BLANK_BYTES = 16 * 1024 * 1024  # in one run of blank lines that a footer may precede


class TextFile:
    """A file as text. `can_jump`: reading can start at any record; otherwise all text before it must be read, too.

    `beginning` iterates over the text from the file's start; `from_byte` ends it.
    """

    def __init__(self, ranges: RangeReader, csv: Csv) -> None:
        self.charset = Charset(csv)
        self._ranges = ranges
        self._portions = ranges(0, None)
        first = first_bytes(self._portions)
        self.can_jump = is_splittable(csv, first)
        self.beginning = without_footer(decode(chain([first], self._portions), csv), csv.footer_lines)

    def from_byte(self, first: int, end: int | None) -> Iterator[bytes]:
        """Return the text of these bytes of the file, for a file that can jump. Ends `beginning`."""
        self.close()
        self._portions = self._ranges(first, end)
        return self.charset.to_text(self._portions)

    def close(self) -> None:
        """Stop reading."""
        close = getattr(self._portions, "close", None)
        if close:
            close()


class TextReader:
    """Reads the records of a text file. `start` is where its rows begin, `rest` the text from there already read.

    `csv` is the feed's dialect, `grammar` finds record ends. `position` is where the chunk just yielded ends.
    """

    def __init__(
        self, file: TextFile, csv: Csv, grammar: Grammar, start: Position, rest: bytes, *, block_bytes: int | None
    ) -> None:
        self.start = self.position = start
        self._file = file
        self._charset = file.charset
        self._csv = csv
        self._grammar = grammar
        self._rest = chain([rest], file.beginning)
        self._block_bytes = block_bytes or blocks.block_bytes(csv)

    @property
    def can_jump(self) -> bool:
        """Whether reading can start at any position, so that each segment can be loaded on its own."""
        return self._file.can_jump

    def blocks(
        self,
        position: Position,
        end_byte: int | None = None,
        *,
        at_end: bool = True,
        has_read: Callable[[int], None] = lambda byte_count: None,
    ) -> Iterator[Chunk]:
        """Yield blocks and bad records from a position to the end of the file or to `end_byte`. Call it only once.

        `at_end`: the file ends there. `has_read` is called with the size in bytes of each portion of text that is read,
        including the text before the position if the file cannot jump there.
        """
        splitter = self._splitter(position)
        behind = partial(self._behind, end_byte) if end_byte is not None else bytes
        for chunk in _chunks(splitter, self._text(position, end_byte, has_read), behind, at_end=at_end):
            self.position = splitter.state
            yield replace(chunk, data=self._charset.own(chunk.data)) if isinstance(chunk, BadRecord) else chunk

    def parts(self, block: Block, most_bytes: int) -> Iterator[Block]:
        """Yield the records of a block as blocks of at most `most_bytes`; a longer record may make one larger."""
        at, first_byte, first_line = 0, block.first_byte, block.first_line
        while len(block.data) - at > most_bytes:
            end = self._grammar.end_of_last_record(block.data, at, at + most_bytes)
            if end == at:
                break
            data = block.data[at:end]
            part = Block(data, first_byte, first_line, self._charset.size(data))
            yield part
            at, first_byte, first_line = end, first_byte + part.byte_count, first_line + count_lines(data)
        rest, byte_count = block.data[at:], block.first_byte + block.byte_count - first_byte
        yield replace(block, data=rest, first_byte=first_byte, first_line=first_line, byte_count=byte_count)

    def segments(self, position: Position, segment_bytes: int) -> Iterator[Segment]:
        """Yield the segments from a position on, each as soon as it is known (`ingest.reading.segments.plan`)."""
        splitter = self._splitter(position)
        return plan(self._text(position, None, lambda byte_count: None), splitter, segment_bytes=segment_bytes)

    def raw_records(self, block: Block, numbers: Collection[int]) -> Iterator[RawRecord]:
        """Yield the records of a block with these numbers, as they are in the file and in its order."""
        last, offset, measured = max(numbers, default=-1), block.first_byte, 0
        for number, span in enumerate(self._grammar.spans(block.data) if numbers else ()):
            if number > last:
                return
            if number in numbers:
                offset += self._charset.size(block.data[measured : span.start])
                measured = span.start
                data = self._charset.own(block.data[span.start : span.end])
                yield RawRecord(number, data, offset, block.first_line + span.line)

    def first_lines(self, block: Block, rows: Rows) -> list[int]:
        """Return the line each row of a block begins on."""
        records = map(rows.record_of, range(rows.table.num_rows))
        line_count = count_lines(block.data) + (not block.data.endswith((b"\n", b"\r")))
        if line_count == rows.record_count:  # then each record is a line
            return [block.first_line + record for record in records]
        lines = [block.first_line + span.line for span in self._grammar.spans(block.data)]
        return [lines[record] for record in records]

    def whole_records(self, data: bytes, *, at_start: bool, at_end: bool) -> tuple[int, int] | None:
        """Return where whole records in bytes from anywhere in the file are (`ingest.reading.segments`)."""
        if self._charset.is_plain:
            return whole_records(data, self._csv, at_start=at_start, at_end=at_end)
        text = b"".join(self._charset.to_text(iter([data])))
        ends = whole_records(text, self._charset.csv, at_start=at_start, at_end=at_end)
        return ends and (self._charset.size(text[: ends[0]]), self._charset.size(text[: ends[1]]))

    def close(self) -> None:
        """Stop reading."""
        self._file.close()

    def _splitter(self, position: Position) -> BlockSplitter:
        return BlockSplitter(
            self._grammar,
            state=position,
            block_bytes=self._block_bytes,
            record_bytes=self._csv.max_record_bytes,
            measure=self._charset.size,
        )

    def _text(self, position: Position, end_byte: int | None, has_read: Callable[[int], None]) -> Iterator[bytes]:
        if position.byte == self.start.byte and end_byte is None:
            return _noted(self._rest, has_read)
        if self.can_jump:
            return _noted(self._file.from_byte(position.byte, end_byte), has_read)
        return _skip(_noted(self._rest, has_read), position.text_byte - self.start.text_byte)

    def _behind(self, end_byte: int) -> bytes:
        """Return the text after a place in the file, at least as many bytes as a record may have."""
        byte_count = self._csv.max_record_bytes * self._charset.most_bytes
        return b"".join(self._file.from_byte(end_byte, end_byte + byte_count))


def is_splittable(csv: Csv, first_bytes: bytes) -> bool:
    """Return whether a file can be read from the middle, so that each segment can be loaded on its own.

    >>> is_splittable(Csv(encoding="cp1252"), b"a,b"), is_splittable(Csv(), b"\\x1f\\x8b\\x08")
    (True, False)
    """
    is_plain = csv.compression == "none" or (csv.compression == "auto" and find_codec(first_bytes) is None)
    return is_plain and not csv.footer_lines and Charset(csv).is_seekable


def _chunks(
    splitter: BlockSplitter, text: Iterator[bytes], behind: Callable[[], bytes], *, at_end: bool
) -> Iterator[Chunk]:
    for portion in text:
        yield from splitter.feed(portion)
    yield from splitter.finish(at_end=at_end, behind=behind)


def _noted(text: Iterator[bytes], has_read: Callable[[int], None]) -> Iterator[bytes]:
    for portion in text:
        has_read(len(portion))
        yield portion


def _skip(text: Iterator[bytes], count: int) -> Iterator[bytes]:
    for portion in text:
        if count < len(portion):
            yield portion[count:]
            yield from text
            return
        count -= len(portion)
    if count:
        raise ServiceFault("The file ends before its checkpoint: it was read differently before.")


def without_footer(portions: Iterator[bytes], line_count: int) -> Iterator[bytes]:
    """Yield all but the last `line_count` physical lines and the blank lines below them. Holds back only these.

    >>> b"".join(without_footer(iter([b"a\\n1\\nTo", b"tal: 1\\n\\n"]), 1))
    b'a\\n1\\n'

    Raises (while iterating):
        NotCsv: there are more blank lines than can be held.
    """
    if not line_count:
        yield from portions
        return
    held: list[bytes] = []
    blank_bytes = 0
    for portion in portions:
        held.append(portion)
        if not without_blank_end(portion):  # blank lines do not show where the footer begins
            blank_bytes += len(portion)
            if blank_bytes > _MOST_BLANK_BYTES:
                raise NotCsv(f"The file has more than {_MOST_BLANK_BYTES:,} bytes of blank lines; remove them.")
            continue
        data, blank_bytes = b"".join(held), 0
        start = start_of_last_lines(data, line_count)
        if start:
            yield data[:start]
        held = [data[start:]]
