"""A rejected record as the operator sees it: its place in the file, why it was rejected, its raw bytes.

Also a duplicate: a row that replaced an earlier one with the same key. And the layout of a file's rejects and
duplicates in their bucket: prefix, parts, and what makes writing a part idempotent.
"""

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from ingest.contract import Reason, RejectPart
from ingest.feeds.dialect import Csv
from ingest.file import FileVersion
from ingest.items.duplicates import LinesOf, Replacement
from ingest.reading.blocks import BadRecord, Block, RawRecord
from ingest.reading.encoding import original_bytes
from ingest.reading.reader import Reader
from ingest.reading.rows import Fault

_BAD_RECORD_MESSAGES = {
    Reason.UNTERMINATED_QUOTE: "the record opens a quote that is not closed, or not within max_record_bytes",
    Reason.RECORD_TOO_LONG: "the record exceeds the feed's max_record_bytes; only its beginning is kept here",
}
LOCATED = 5_000  # records at a time: all rows of a block may be rejected, two million if they are short
Document = dict[str, Any]  # a reject, or a duplicate, as in the JSON Lines
KEPT_DUPLICATES = 20  # of a file: the first ones


@dataclass(frozen=True, slots=True)
class Reject:
    """A rejected record with its place in the (expanded) file: line from 1, byte offset from 0.

    `raw` is the record as UTF-8; `original_bytes` gives the bytes of the file, also those that are not text.
    """

    line: int
    byte_offset: int
    reason: str
    message: str
    column: str | None
    value: str | None
    raw: bytes


@dataclass(frozen=True, slots=True)
class DuplicateRow:
    """A row that replaced the previous row with the same key. Lines count from 1; `byte_offset` is that of this row.

    `key` has the text of each key attribute, by name.
    """

    key: Mapping[str, str]
    replaced_line: int
    line: int
    byte_offset: int

    def document(self) -> Document:
        """Return the duplicate as a JSON document.

        >>> DuplicateRow({"id": "a1"}, 3, 9, 120).document()
        {'key': {'id': 'a1'}, 'replaced_line': 3, 'line': 9, 'byte_offset': 120}
        """
        return asdict(self)


def locate(block: Block, faults: Iterable[Fault], reader: Reader) -> Iterator[Reject]:
    """Yield a block's rejects in file order, with line, offset and raw bytes; at most `LOCATED` are in memory."""
    by_record = {fault.record: fault for fault in faults}
    records = iter(reader.raw_records(block, by_record.keys()))
    while found := [(raw, by_record[raw.number]) for raw in islice(records, LOCATED)]:
        nulls = _null_cells(found, reader)
        for raw, fault in found:
            value = nulls.get(raw.number, fault.value)
            yield Reject(raw.first_line, raw.first_byte, fault.reason, fault.message, fault.column, value, raw.data)


def _null_cells(found: list[tuple[RawRecord, Fault]], reader: Reader) -> dict[int, str]:
    """Return the cells, by their records' numbers, that were rejected because they mean 'no value'."""
    by_column: dict[str, list[RawRecord]] = defaultdict(list)
    for raw, fault in found:
        if fault.reason in (Reason.EMPTY_KEY, Reason.MISSING_VALUE) and fault.column in reader.columns:
            by_column[fault.column].append(raw)
    cells = {column: reader.cells([raw.data for raw in some], column) for column, some in by_column.items()}
    return {
        raw.number: cell
        for column, some in by_column.items()
        for raw, cell in zip(some, cells[column], strict=False)
        if cell is not None
    }


def locate_duplicates(block: Block, found: Iterable[Replacement], reader: Reader) -> Iterator[DuplicateRow]:
    """Yield the duplicates of a block in file order, with their lines."""
    found = list(found)
    numbers = {number for one in found for number in (one.record, one.replaced) if number is not None}
    raw = {record.number: record for record in reader.raw_records(block, numbers)}
    for one in found:
        replaced_line = one.replaced_line if one.replaced is None else raw[one.replaced].first_line
        assert replaced_line is not None
        yield DuplicateRow(one.key, replaced_line, raw[one.record].first_line, raw[one.record].first_byte)


def lines_of(block: Block, reader: Reader, *, is_line_each: bool) -> LinesOf:
    """Return a function that finds the lines of a block's records. If each is one line, it does not keep the text."""
    if is_line_each:
        first_line = block.first_line  # so that the function does not keep the block
        return lambda records: {record: first_line + record for record in records}

    def find(records: Collection[int]) -> dict[int, int]:
        return {raw.number: raw.first_line for raw in reader.raw_records(block, records)}

    return find


def from_bad_record(bad: BadRecord) -> Reject:
    """Return the reject for a record that could not even be delimited."""
    message = _BAD_RECORD_MESSAGES[bad.reason]
    return Reject(bad.first_line, bad.first_byte, bad.reason, message, None, None, bad.data)


@dataclass(frozen=True, slots=True)
class RejectFormat:
    """Formats the rejects of one file: as JSON Lines, and as a CSV to fix and upload again.

    `head` is the text before the rows. The CSV is in the file's own encoding, with its preamble, header and footer.
    """

    file: str
    head: bytes
    csv: Csv

    def json_line(self, reject: Reject) -> bytes:
        """Return a reject as one line of JSON Lines.

        `raw_base64` replaces `raw` if the bytes are not text: it is the record as it is in the file.

        >>> reject = Reject(3, 40, "bad_number", "not a number", "qty", "x", b"a,x")
        >>> print(RejectFormat("a.csv", b"", Csv()).json_line(reject).decode(), end="")
        {"file":"a.csv","line":3,"byte_offset":40,"column":"qty","value":"x","reason":"bad_number",...
        """
        document: Document = {
            "file": self.file,
            "line": reject.line,
            "byte_offset": reject.byte_offset,
            "column": reject.column,
            "value": reject.value,
            "reason": reject.reason,
            "message": reject.message,
        }
        try:
            document["raw"] = reject.raw.decode()
        except UnicodeDecodeError:
            document["raw_base64"] = base64.b64encode(self._original(reject.raw)).decode()
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    def duplicate_line(self, duplicate: DuplicateRow) -> bytes:
        """Return a duplicate as one line of JSON Lines."""
        document = {"file": self.file, **duplicate.document()}
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    def csv_head(self) -> bytes:
        """Return what the CSV of raw records begins with."""
        return self._original(_ended(self.head, self.csv.line_end), at_start=True)

    def csv_record(self, reject: Reject) -> bytes:
        """Return the raw record for the CSV; nothing for one of which only the beginning was kept."""
        return b"" if reject.reason == Reason.RECORD_TOO_LONG else self._original(_ended(reject.raw, self.csv.line_end))

    def csv_foot(self) -> bytes:
        """Return what the CSV of raw records ends with: as many footer lines as the feed leaves out."""
        return self._original(_ended(b"-", self.csv.line_end) * self.csv.footer_lines)

    def about(self) -> dict[str, str]:
        """Return the metadata of a CSV of raw records: their encoding and line end."""
        line_end = {RejectPart.LINE_END: str(ord(self.csv.line_end))} if self.csv.line_end else {}
        return {RejectPart.ENCODING: self.csv.encoding} | line_end

    def _original(self, text: bytes, *, at_start: bool = False) -> bytes:
        return original_bytes(text, self.csv.encoding, at_start=at_start)


def read_json_lines(lines: bytes) -> Iterator[Document]:
    """Yield the rejects, or duplicates, of JSON Lines that `RejectFormat` made, each as a document with its fields.

    >>> lines = RejectFormat("a.csv", b"", Csv()).json_line(Reject(3, 40, "bad_number", "not a number", "n", "x", b"x"))
    >>> [(document["line"], document["raw"]) for document in read_json_lines(lines)]
    [(3, 'x')]
    """
    yield from map(json.loads, lines.splitlines())


def raw_record(document: Document, encoding: str, line_end: str = "") -> bytes:
    """Return the record of a line of JSON Lines as `RejectFormat.csv_record` returns it, in the file's encoding.

    >>> raw_record({"reason": "ragged_row", "raw": "ü,1"}, "cp1252")
    b'\\xfc,1\\n'
    """
    if document["reason"] == Reason.RECORD_TOO_LONG:
        return b""
    if "raw" in document:
        return original_bytes(_ended(document["raw"].encode(), line_end), encoding, at_start=False)
    raw = base64.b64decode(document["raw_base64"])
    ends = tuple(original_bytes(mark, encoding, at_start=False) for mark in _line_ends(line_end))
    return raw if raw.endswith(ends) else raw + ends[0]


def _ended(record: bytes, line_end: str) -> bytes:
    """Return a record with a line end; the last of a file may have none."""
    ends = _line_ends(line_end)
    return record if not record or record.endswith(ends) else record + ends[0]


def _line_ends(line_end: str) -> tuple[bytes, ...]:
    return (line_end.encode(),) if line_end else (b"\n", b"\r")


LINES, CSV = ".jsonl", ".csv"  # each part is two objects, with one name but for this
DUPLICATES = ".duplicates"  # JSON Lines, too; named otherwise so that `*.jsonl` are rejects only
CELL_BYTES = 4 * 1024 * 1024
MAX_KEY_BYTES = 900  # S3 allows 1,024; the version and the part's name follow
NAME_DIGITS = 15


@dataclass(frozen=True, slots=True)
class RejectCells:
    """Makes reject parts idempotent: any worker, from any checkpoint of a file, writes parts of equal name and content.

    A file is divided into cells of a fixed number of bytes, counted from its first byte. Rejects are written only where
    a block ends in another cell than it began in, and where a part is full. Both depend on the bytes of the file alone,
    not on the worker, the checkpoint it began at, or how often the file was tried. A part is named by the byte offset
    of its first reject. So rows that are loaded again overwrite the same parts, and no reject is lost or duplicated. A
    checkpoint is allowed only where nothing is held back.
    """

    cell_bytes: int = CELL_BYTES

    def has_boundary(self, start_byte: int, end_byte: int) -> bool:
        """Return whether rejects are written after a block that begins and ends at these bytes of the file.

        >>> RejectCells(100).has_boundary(0, 99), RejectCells(100).has_boundary(99, 100)
        (False, True)
        """
        return start_byte // self.cell_bytes != end_byte // self.cell_bytes


def part_name(first_byte: int) -> str:
    """Return the name of the part whose first reject is at that byte; of fixed width, so that S3 lists parts in order.

    >>> part_name(40)
    '000000000000040'
    """
    return f"{first_byte:0{NAME_DIGITS}d}"


def first_byte_of(name: str, kind: str) -> int | None:
    """Return the byte offset in the name of a part's object; None for one of another kind.

    >>> first_byte_of("000000000000040.csv", CSV), first_byte_of("000000000000040.csv", LINES), first_byte_of("a/b", "")
    (40, None, None)
    """
    offset = name.removesuffix(kind)
    return int(offset) if name.endswith(kind) and offset.isdecimal() else None


def rejects_prefix(file: FileVersion) -> str:
    """Return the key prefix of a file's rejects: the object's own key, or a hash of it where that is too long."""
    key = file.key
    if len(key.encode()) > MAX_KEY_BYTES:
        key = f"long-key-{hashlib.sha256(key.encode()).hexdigest()}"
    return f"{key}/{file.version}/"


def rejects_url(bucket: str, file: FileVersion) -> str:
    """Return where a file's rejects are, if it has any."""
    return f"s3://{bucket}/{rejects_prefix(file)}"
