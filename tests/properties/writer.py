"""Writes CSV files of any dialect, as ugly as the dialect allows, and knows of every piece where it stands.

Two spellers for a record: Python's `csv` module, and one of our own that also writes what the module never would:
quotes no one needs, quotes inside bare cells, text behind a closing quote. Around the records: any line ends, blank
lines, comments, a preamble, a footer, no final line end.
"""

import codecs
import csv as python_csv
import io
from dataclasses import dataclass
from typing import Literal

from ingest.feeds.dialect import Csv

Kind = Literal["mark", "preamble", "header", "record", "blank", "comment", "footer"]
Style = Literal[
    "bare", "quoted", "padded", "half"
]  # padded: blanks around the quotes; half: quotes around its beginning
Speller = Literal["own", "module", "module, all quoted"]

BAD = "\udcff"  # in a text: stands for bytes that are invalid in the file's encoding
BAD_BYTES = {
    "utf-8": b"\xff",
    "utf-8-sig": b"\xc3\xff",
    "cp1252": b"\x81",
    "utf-16-le": b"\x00\xdc",
    "utf-16": b"\x00\xdc",
    "utf-32": b"\x00\x00\x11\x00",
}
MARKS = {
    "utf-8-sig": ("utf-8", codecs.BOM_UTF8),
    "utf-16": ("utf-16-le", codecs.BOM_UTF16_LE),
    "utf-32": ("utf-32-le", codecs.BOM_UTF32_LE),
}


@dataclass(frozen=True)
class Cell:
    """What a cell says, and how it is to be spelled where the dialect leaves a choice."""

    text: str
    style: Style = "bare"


@dataclass(frozen=True)
class Spelled:
    """A record without its line end; `quoted` says for each cell whether it begins with a quote."""

    text: str
    quoted: tuple[bool, ...]


@dataclass(frozen=True)
class Chunk:
    """A part of the file: bytes [start, end), line end included; `line` counts from 1."""

    kind: Kind
    start: int
    end: int
    line: int


def spell(cells: tuple[Cell, ...], csv: Csv, speller: Speller = "own") -> Spelled | None:
    """Return a record; None if the dialect has no way to write it."""
    spelled = _by_module(cells, csv, speller) if speller != "own" else _by_hand(cells, csv)
    if spelled and _is_blank_or_comment(spelled.text, csv):  # then its first cell needs quotes, or an escape
        first = Cell(cells[0].text, "quoted")
        spelled = _by_hand((first, *cells[1:]), csv, escape_first=True)
    return None if spelled is None or _is_blank_or_comment(spelled.text, csv) else spelled


def _is_blank_or_comment(text: str, csv: Csv) -> bool:
    return not text or bool(csv.comment and text.startswith(csv.comment))


def _by_module(cells: tuple[Cell, ...], csv: Csv, speller: Speller) -> Spelled | None:
    minimal = python_csv.QUOTE_MINIMAL if csv.quote else python_csv.QUOTE_NONE
    quoting = python_csv.QUOTE_ALL if csv.quote and speller == "module, all quoted" else minimal
    out = io.StringIO(newline="")
    writer = python_csv.writer(
        out, delimiter=csv.delimiter, quotechar=csv.quote or None, escapechar=csv.escape or None, quoting=quoting
    )
    try:
        writer.writerow([cell.text for cell in cells])
    except python_csv.Error:  # it has no way either
        return None
    return Spelled(out.getvalue().removesuffix("\r\n"), (quoting == python_csv.QUOTE_ALL,) * len(cells))


def _by_hand(cells: tuple[Cell, ...], csv: Csv, *, escape_first: bool = False) -> Spelled | None:
    spelled = [_spelled_cell(cell, csv) for cell in cells]
    if None in spelled:
        return None
    texts = [text for text, _ in spelled]  # type: ignore[misc]
    if escape_first and csv.escape and texts[0] and not texts[0].startswith((csv.escape, csv.quote or csv.escape)):
        texts[0] = csv.escape + texts[0]
    return Spelled(csv.delimiter.join(texts), tuple(quoted for _, quoted in spelled))  # type: ignore[misc]


def _spelled_cell(cell: Cell, csv: Csv) -> tuple[str, bool] | None:
    if cell.style == "half" and (half := _half_quoted(cell.text, csv)):
        return half, True
    bare = None if cell.style in ("quoted", "padded") and csv.quote else _bare(cell.text, csv)
    if bare is not None and csv.quote and bare.lstrip(csv.blanks).startswith(csv.quote):
        bare = csv.escape + bare if csv.escape else None
    if bare is not None:
        return bare, False
    padding = csv.blanks if cell.style == "padded" else ""
    return (padding + _quoted(cell.text, csv) + padding, True) if csv.quote else None


def _half_quoted(text: str, csv: Csv) -> str | None:
    """Return a cell with quotes around its first half only; None where that would say something else."""
    begin, end = text[: len(text) // 2], text[len(text) // 2 :]
    if not csv.quote or csv.quoting == "strict" or end.startswith(csv.quote) or not end.strip(csv.blanks):
        return None
    rest = _bare(end, csv)
    return None if rest is None else _quoted(begin, csv) + rest


def _bare(text: str, csv: Csv) -> str | None:
    special = {csv.delimiter, csv.escape, "\r", "\n"} - {""}
    if csv.escape:
        return "".join(csv.escape + letter if letter in special else letter for letter in text)
    return None if special & set(text) else text


def _quoted(text: str, csv: Csv) -> str:
    inside = text.replace(csv.escape, csv.escape * 2) if csv.escape else text
    return csv.quote + inside.replace(csv.quote, csv.quote * 2) + csv.quote


class FileWriter:
    """Lays pieces end to end."""

    def __init__(self, encoding: str, *, mark: bool = False) -> None:
        self._encoding, own_mark = MARKS.get(encoding, (encoding, b""))
        self._bad = BAD_BYTES.get(encoding, b"")
        self._ends_in_cr = False
        self._line = 1
        self.data = own_mark or ("\ufeff".encode(self._encoding) if mark else b"")
        self.chunks: list[Chunk] = [Chunk("mark", 0, len(self.data), 1)]

    def add(self, kind: Kind, text: str, line_end: str) -> Chunk:
        """Write a piece. A blank line behind a lone CR ends in CRLF, or the two would be one line end."""
        if not text and line_end == "\n" and self._ends_in_cr:
            line_end = "\r\n"
        whole = text + line_end
        start = len(self.data)
        self.data += self._bad.join(part.encode(self._encoding) for part in whole.split(BAD))
        self.chunks.append(Chunk(kind, start, len(self.data), self._line))
        self._line += whole.replace("\r\n", "\n").replace("\r", "\n").count("\n")
        self._ends_in_cr = whole.endswith("\r")
        return self.chunks[-1]
