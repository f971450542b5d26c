"""Random dialects, random tables, and the files they make, with the expected outcome of every row."""

import bz2
import gzip
import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
from hypothesis import assume
from hypothesis import strategies as st

from ingest.contract import Reason
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.feeds.parse import read_csv
from ingest.reading.grammar import OTHER_MARKS, SEPARATORS
from tests.properties.writer import BAD, BAD_BYTES, Cell, Chunk, FileWriter, Spelled, Speller, spell

Item = dict[str, Any]

LETTERS = {  # what is worth a look in each encoding: characters whose bytes look like marks, blanks of all kinds
    "utf-8": "ü€😀\u2028\x85\xa0",
    "utf-8-sig": "ü😀",
    "utf-16": "ü😀\u0a0d\u2c22\u0d0a\u2028",
    "utf-16-le": "ü😀\u0a0d\u2c22\u0d0a\u3000",
    "utf-32": "ü😀\u0a0d\u2c22",
    "cp1252": "ü€\xa0",
    "latin-1": "ü\x85\xa0\xff",
    "cp932": "表ソ能\u3000",
    "ascii": "~",
}
MARKABLE = ("utf-8", "utf-16-le")  # encodings whose files may begin with a byte order mark that they do not need
NUMBERS = ("5", "-7.25", "007", "+1", "99999999999999999999")
WORDS = ("NA", "NULL", "nan", "null", "true", "1e5", "2026-01-01", "\r\n", "\n", 'x"y', '""', "''", " ", "\\N", "-")
LINE_ENDS = ("\n", "\r\n", "\r")
LINES = re.compile("\r\n|\n|\r")


@st.composite
def dialects(draw: st.DrawFn) -> Csv:
    """Any dialect that feeds.toml takes; what `trim` does to quoted cells that are never null is tested elsewhere."""
    encoding = draw(st.sampled_from(sorted(LETTERS)))

    def mark(*among: str, but: tuple[str, ...] = ()) -> str:
        return draw(st.sampled_from([m for m in among if not m or (m[0] not in but and _fits(m, encoding))]))

    delimiter = mark(*",;\t|:^ ~\x01\x1f.*+[)-$x'\"\\§表")
    quote = mark('"', '"', "'", "|", "þ", "😀", "", but=(delimiter,))
    escape = mark("", "", "", "\\", "^", "z", "¬", but=(delimiter, quote))
    csv = Csv(
        delimiter=delimiter,
        quote=quote,
        quoting=draw(st.sampled_from(["strict", "lenient"])),
        blanks_around_quotes=draw(st.booleans()),
        escape=escape,
        comment=mark("", "", "#", "//", "* ", "§", "--", but=(delimiter, quote, escape)),
        header=draw(st.sampled_from(["first", "first", "none", ("a",), 1, 2, 3])),
        skip_lines=draw(st.sampled_from([0, 0, 1, 3])),
        footer_lines=draw(st.sampled_from([0, 0, 1, 2])),
        encoding=encoding,
        compression=draw(st.sampled_from(["auto", "auto", "none", "gzip", "bz2", "zstd"])),
        null_values=draw(st.sampled_from([("",), (), ("", "NULL"), ("-", "NA", "ü"), ("x", "null", "")])),
        ragged=draw(st.sampled_from(["reject", "pad", "trim"])),
        quoted_nulls=(nulls_and_blanks := draw(st.sampled_from(["", "never quoted", "trim"]))) != "never quoted",
        trim=nulls_and_blanks == "trim",
    )
    return read_csv(msgspec.to_builtins(csv), "csv")


@dataclass(frozen=True)
class Row:
    """A record to be written: its cells, its speller, and what stands behind it."""

    cells: tuple[Cell, ...]
    speller: Speller
    line_end: str
    blanks: tuple[str, ...]  # blank lines and comments: "" or the text of a comment


@dataclass(frozen=True)
class File:
    """A file, the feed to read it by, and the expected outcome and position of each record."""

    data: bytes = field(repr=False)
    text: bytes  # the same, expanded
    feed: Feed
    chunks: tuple[Chunk, ...] = field(repr=False)
    fates: tuple[Item | str, ...]  # of each record: its item, or the reason of its reject
    longest: int = field(repr=False)  # no chunk is longer than this many bytes of UTF-8

    @property
    def records(self) -> list[Chunk]:
        return [chunk for chunk in self.chunks if chunk.kind == "record"]

    @property
    def reasons(self) -> list[str]:
        return [fate for fate in self.fates if isinstance(fate, str)]

    @property
    def items(self) -> dict[str, Item]:
        """What the table holds in the end: of each key the last row."""
        return {fate[self.feed.partition_key]: fate for fate in self.fates if not isinstance(fate, str)}


def texts(csv: Csv) -> st.SearchStrategy[str]:
    """Texts made of all that could be taken for something else, and are still possible in the dialect."""
    letters = {csv.delimiter, csv.quote, csv.escape, *csv.comment, *' \t"a\0\r\n\x1c\x1f', *LETTERS[csv.encoding]} - {
        ""
    }
    words = [word for word in (*WORDS, csv.comment + "x", *csv.null_values) if _fits(word, csv.encoding)]
    soup = st.text(sorted(letter for letter in letters if _fits(letter, csv.encoding)), max_size=6)
    return st.one_of(soup, st.sampled_from([word for word in words if not _forbidden(csv) & set(word)])).map(
        lambda text: "".join(letter for letter in text if letter not in _forbidden(csv))
    )


def _forbidden(csv: Csv) -> set[str]:
    return set() if csv.quote or csv.escape else {csv.delimiter, "\r", "\n"}


def _fits(text: str, encoding: str) -> bool:
    """Whether the encoding gives the text back: cp932 takes a NOT SIGN, and gives back a FULLWIDTH NOT SIGN."""
    return text.encode(encoding, "replace").decode(encoding) == text


STYLES = st.sampled_from(["bare", "quoted", "padded", "half"])
SPELLERS = st.sampled_from(["own", "own", "module", "module, all quoted"])


@st.composite
def files(draw: st.DrawFn) -> File:
    csv = draw(dialects())
    text, width = texts(csv), draw(st.integers(1, 4))
    key_at = draw(st.integers(0, width - 1))
    number_at = (key_at + 1) % width  # with one column there is none
    line_ends = st.sampled_from(LINE_ENDS) if draw(st.booleans()) else st.just(draw(st.sampled_from(LINE_ENDS)))
    blanks = st.lists(_no_records(csv, text), max_size=2).map(tuple)
    header, names = draw(_headers(csv, text, width, line_ends, blanks))
    csv = replace_names(csv, names)

    def row(number: int) -> Row:
        cells = [Cell(draw(text), draw(STYLES)) for _ in range(width)]
        cells[key_at] = Cell(str(draw(st.sampled_from([number, number, number, max(0, number - 1)]))), draw(STYLES))
        if width > 1:
            cells[number_at] = Cell(draw(st.sampled_from([*NUMBERS, "", "no"])), draw(STYLES))
        if number or csv.header != "none":
            cells = draw(_hurt(cells, csv))
        else:  # the first record sets the number of columns; with a NUL in it the file is not a CSV
            cells = [replace(cell, text=cell.text.replace("\0", "")) for cell in cells]
        return Row(tuple(cells), draw(SPELLERS), draw(line_ends), draw(blanks))

    count = draw(st.integers(0 if header else 1, 7))
    feed = Feed("f/", "Table", names[key_at], csv=csv, columns={names[number_at]: "N"} if width > 1 else {})
    rows = [row(number) for number in range(count)]
    ends = draw(st.lists(line_ends, min_size=10, max_size=10))
    lines = st.lists(text.map(_one_line), min_size=10, max_size=10)
    file = _written(
        feed, names, header, rows, draw(lines), ends, draw(st.booleans()), draw(st.booleans()), draw(PACKED)
    )
    # of one line alone that has such a character, no one can say that it does not end records
    assume(
        len(header) + len(rows) > 1 or not any(mark in file.text.decode(csv.encoding, "replace") for mark in SEPARATORS)
    )
    return file


PACKED = st.tuples(st.sampled_from(["none", "gzip", "bz2", "zstd"]), st.integers(0, 3))


def replace_names(csv: Csv, names: tuple[str, ...]) -> Csv:
    return msgspec.structs.replace(csv, header=names) if isinstance(csv.header, tuple) else csv


def _one_line(text: str) -> str:
    return "".join(letter for letter in text if letter not in "\r\n")


def _no_records(csv: Csv, text: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Blank lines and comments."""
    if not csv.comment:
        return st.just("")
    return st.one_of(st.just(""), st.builds(lambda t, bad: csv.comment + _one_line(t) + bad, text, _bad(csv)))


def _may_be_bad(csv: Csv) -> bool:
    """Whether some bytes are invalid in the encoding."""
    return csv.encoding in BAD_BYTES


def _bad(csv: Csv) -> st.SearchStrategy[str]:
    return st.sampled_from(["", "", "", BAD if _may_be_bad(csv) else ""])


@st.composite
def _hurt(draw: st.DrawFn, cells: list[Cell], csv: Csv) -> list[Cell]:
    """Make some rows ragged, and some hold bytes that are invalid in the encoding."""
    kind = draw(st.sampled_from(["whole", "whole", "whole", "short", "long", "bad"]))
    if kind == "short":
        return cells[:-1] or cells
    if kind == "long":
        return [*cells, Cell(draw(texts(csv)), draw(STYLES))]
    if kind == "bad" and _may_be_bad(csv):
        at = draw(st.integers(0, len(cells) - 1))
        return [replace(cell, text=cell.text + BAD * (i == at)) for i, cell in enumerate(cells)]
    return cells


@st.composite
def _headers(
    draw: st.DrawFn,
    csv: Csv,
    text: st.SearchStrategy[str],
    width: int,
    line_ends: st.SearchStrategy[str],
    blanks: st.SearchStrategy[tuple[str, ...]],
) -> tuple[list[Row], tuple[str, ...]]:
    """Return the header records, and the names they give. Each name says its number, so no two are alike."""
    name_text = text.map(
        lambda t: "".join(letter for letter in t if letter not in {"{", *SEPARATORS, *OTHER_MARKS})
    ).filter(lambda t: len(LINES.split(t)) < 4)
    count = {"first": 1, "none": 0}.get(csv.header, csv.header) if isinstance(csv.header, str | int) else 0
    records = []
    for number in range(count):
        cells = tuple(
            Cell(f"{number}c{column}" + draw(name_text) if not column or not number else draw(name_text), draw(STYLES))
            for column in range(width)
        )
        records.append(Row(cells, draw(SPELLERS), draw(line_ends), draw(blanks)))
    if csv.header == "none":
        return records, tuple(f"column_{number}" for number in range(1, width + 1))
    if not count:
        return records, tuple(f"name {number}" for number in range(width))
    said = [[_trimmed(cell.text, csv) for cell in record.cells] for record in records]
    return records, tuple(" ".join(filter(None, column)) for column in zip(*said, strict=True))


def _trimmed(text: str, csv: Csv) -> str:
    return text.strip() if csv.trim else text


def _written(
    feed: Feed,
    names: tuple[str, ...],
    header: list[Row],
    rows: list[Row],
    lines: list[str],
    ends: list[str],
    mark: bool,
    final: bool,
    packed: tuple[str, int],
) -> File:
    csv = feed.csv
    spelled = [(row, spell(row.cells, csv, _fitting(row.speller, csv))) for row in rows]
    kept = [(row, record) for row, record in spelled if record is not None]
    assume(kept or header)
    assume(csv.header != "none" or spelled[0][1] is not None)
    out = _Out(FileWriter(csv.encoding, mark=mark and csv.encoding in MARKABLE))
    for at in range(csv.skip_lines):
        out.add("preamble", lines[at], ends[at])
    for row in header:
        record = spell(row.cells, csv, _fitting(row.speller, csv))
        assert record is not None
        out.record("header", row, record)
    for row, record in kept:
        out.record("record", row, record)
    for at in range(csv.footer_lines):
        out.add("footer", "-" + lines[-at - 1], ends[-at - 1])
    text, chunks, longest = out.finished(final=final)
    fates = tuple(_fate(row.cells, record, feed, names) for row, record in kept)
    return File(_packed(text, csv, *packed), text, feed, chunks, fates, longest)


def _fitting(speller: Speller, csv: Csv) -> Speller:
    """Only of cells that are all quoted, or all not, it is known which ones the module quoted."""
    return "own" if speller == "module" and csv.quote and not csv.quoted_nulls else speller


class _Out:
    """Collects pieces; only at the end it is known which one is the last, and may lack its line end."""

    def __init__(self, writer: FileWriter) -> None:
        self._writer = writer
        self._chunks: list[tuple[Any, str, str]] = []

    def add(self, kind: Any, text: str, line_end: str) -> None:
        self._chunks.append((kind, text, line_end))

    def record(self, kind: Any, row: Row, record: Spelled) -> None:
        self.add(kind, record.text, row.line_end)
        for blank in row.blanks:
            self.add("comment" if blank else "blank", blank, row.line_end)

    def finished(self, *, final: bool) -> tuple[bytes, tuple[Chunk, ...], int]:
        for number, (kind, text, line_end) in enumerate(self._chunks, start=1):
            last = number == len(self._chunks) and text and not final
            self._writer.add(kind, text, "" if last else line_end)
        longest = max((_most_bytes(text) + 2 for _, text, _ in self._chunks), default=0)
        return self._writer.data, tuple(self._writer.chunks), longest


def _most_bytes(text: str) -> int:
    """Return how long a text can be on its way: invalid bytes and control characters have longer stand-ins."""
    return len(re.sub("[\x01-\x06]", "\0" * 4, text.replace(BAD, "\0" * 12)).encode())


def _packed(text: bytes, csv: Csv, codec: str, members: int) -> bytes:
    """Compress as the dialect says, or as drawn if it says nothing; in several members."""
    codec = csv.compression if csv.compression != "auto" else codec
    compress = {"none": bytes, "gzip": gzip.compress, "bz2": bz2.compress, "zstd": _zstd}[codec]
    size = max(1, len(text) // (members + 1))
    return b"".join(compress(text[at : at + size]) for at in range(0, len(text), size))


def _zstd(data: bytes) -> bytes:
    compressed: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return compressed


def _fate(cells: tuple[Cell, ...], record: Spelled, feed: Feed, names: tuple[str, ...]) -> Item | str:
    """Return the row's expected item, or the expected reason of its reject."""
    csv = feed.csv
    if any(BAD in cell.text for cell in cells):
        return Reason.BAD_ENCODING
    if len(cells) != len(names) and csv.ragged != ("pad" if len(cells) < len(names) else "trim"):
        return Reason.SWALLOWED_ROWS if _holds_rows(record.text, len(names), csv) else Reason.RAGGED_ROW
    if any(_holds_rows(_trimmed(cell.text, csv), len(names), csv) for cell in cells[: len(names)]):
        return Reason.SWALLOWED_ROWS
    values = [_value(cell.text, is_quoted, csv) for cell, is_quoted in zip(cells, record.quoted, strict=True)]
    row = dict(zip(names, [*values, *[None] * len(names)], strict=False))
    for name in feed.columns:
        if row[name] is not None and row[name] not in NUMBERS:
            return Reason.BAD_NUMBER
        row[name] = None if row[name] is None else Decimal(row[name])
    if not row[feed.partition_key]:
        return Reason.EMPTY_KEY
    return {name: value for name, value in row.items() if value is not None}


def _holds_rows(text: str, width: int, csv: Csv) -> bool:
    """Return whether a text holds two lines or more, and all but a tenth have as many cells as a row."""
    if width == 1 or not csv.quote or csv.quoting == "lenient":
        return False
    others = [line.count(csv.delimiter) != width - 1 for line in LINES.split(text)[1:-1] if line]
    return len(others) > 1 and sum(others) <= len(others) / 10


def _value(text: str, is_quoted: bool, csv: Csv) -> Any:
    if is_quoted and not csv.quoted_nulls:
        return text
    return None if text in csv.null_values or _trimmed(text, csv) in csv.null_values else _trimmed(text, csv)
