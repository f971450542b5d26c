"""Tries a dialect on the first lines of a file: how many cells each record has, according to the real parser."""

import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import pyarrow as pa
from pyarrow import csv as arrow_csv

from ingest.feeds.dialect import Csv
from ingest.reading.csv_reader import read_beginning
from ingest.reading.grammar import Grammar, Span, count_lines, without_mark
from ingest.reading.header import parse_options
from ingest.reading.parse import Layout, parse_rows

MAX_PREAMBLE_RECORDS = 20
_LEAST_ROWS = 3
WINDOW_LINES = 2000
WINDOW_BYTES = 512 * 1024
_LINES = re.compile(rb"(?:[^\r\n]*+(?:\r\n|\n|\r)){1,%d}+" % WINDOW_LINES)
_LAST_LINE_TOO = re.compile(rb"(?:[^\r\n]*+(?:\r\n|\n|\r)|[^\r\n]++\Z){1,%d}+" % WINDOW_LINES)
_ONE_LINE = re.compile(rb"[\r\n]*+[^\r\n]*+(?:\r\n|\n|\r)?")
_FILLED_LINE = re.compile(rb"[^\r\n]++")


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of a dialect on a window. `share` is the share of its lines that are in records of `width` cells.

    `lines_above` is the number of lines of the file before the window; `note` is a remark on the choice.
    """

    csv: Csv
    window: bytes
    spans: list[Span]
    counts: list[int]
    width: int
    share: float
    lines_above: int = 0
    note: str = ""

    @property
    def first(self) -> int:
        """The index of the first record with `width` cells."""
        return self.counts.index(self.width)

    def record(self, at: int) -> bytes:
        """Return a record's bytes."""
        return self.window[self.spans[at].start : self.spans[at].end]


def first_lines(text: bytes) -> bytes:
    """Return the first lines of a sample, from which its dialect is determined, as valid UTF-8."""
    if len(text) <= WINDOW_BYTES:
        found = _LAST_LINE_TOO.match(text)
    else:
        found = _LINES.match(text, 0, WINDOW_BYTES) or _ONE_LINE.match(text)
    lines = text[: found.end()] if found else b""
    return lines.decode("utf-8", "replace").encode()


def try_dialect(window: bytes, csv: Csv) -> Trial | None:
    """Return the result of a dialect on a window; None if the window has no whole record."""
    grammar = Grammar(_as_the_parser_reads(csv))
    end = len(window) if grammar.is_whole(window, 0) else grammar.end_of_last_record(window, 0, len(window))
    spans = list(grammar.spans(window[:end]))
    if not spans:
        return None
    records = b"".join(without_mark(window[span.start : span.end]) for span in spans)
    counts = _cell_counts(grammar.without_blanks(records), csv, len(spans))
    width = _usual_width(counts)
    rest = window[spans[-1].end :]
    filled = len(_FILLED_LINE.findall(records)) + len(_FILLED_LINE.findall(b"".join(_records(grammar, rest))))
    heights = [count_lines(window[span.start : span.end].rstrip(b"\r\n")) + 1 for span in spans]
    before = sum(heights[: counts.index(width)])
    fitting = sum(height for height, count in zip(heights, counts, strict=True) if count == width)
    return Trial(csv, window, spans, counts, width, min(1.0, fitting / max(1, filled - before)))


def _records(grammar: Grammar, data: bytes) -> Iterator[bytes]:
    return (data[span.start : span.end] for span in grammar.spans(data))


def count_accepted(window: bytes, csv: Csv, width: int) -> int:
    """Return how many records of a window the reader, with strict quoting, accepts as rows of this width."""
    fields = {name: getattr(csv, name) for name in Csv.__struct_fields__}
    columns = tuple(map(str, range(width)))
    return read_beginning(window, Csv(**fields | {"header": columns}), is_whole=True)[0].num_rows


def _as_the_parser_reads(csv: Csv) -> Csv:
    """Return a dialect that rejects no record because of its quotes."""
    marks = {name: getattr(csv, name) for name in ("delimiter", "quote", "escape", "comment", "blanks_around_quotes")}
    return Csv(**marks, quoting="lenient", null_values=())


def _cell_counts(records: bytes, csv: Csv, count: int) -> list[int]:
    """Return each record's number of cells: the parser expects one, and reports all other records as ragged."""
    counts = [1] * (1 + count)
    data = b"x\n" + records  # otherwise the parser would remove a byte order mark at the beginning

    def remember(row: arrow_csv.InvalidRow) -> str:
        counts[cast(int, row.number) - 1] = row.actual_columns
        return "skip"

    arrow_csv.read_csv(
        io.BytesIO(data),
        arrow_csv.ReadOptions(column_names=["only"], use_threads=False, block_size=len(data) + 1),
        parse_options(csv, invalid_row_handler=remember),
        arrow_csv.ConvertOptions(column_types={"only": pa.string()}),
    )
    return counts[1:]


def _usual_width(counts: list[int]) -> int:
    """Return the most frequent number of cells, without records of one cell (titles, remarks) if others have more."""
    common = Counter(count for count in counts if count > 1) or Counter(counts)
    usual = max(common, key=lambda count: (common[count], count))
    return counts[-1] if _is_below_preamble(counts, usual) else usual


def _is_below_preamble(counts: list[int], usual: int) -> bool:
    """Return whether the usual width is that of a preamble, and all records below it are wider."""
    first = counts.index(counts[-1])
    rows = counts[first:]
    is_wider = counts[-1] > usual + 1 and max(counts[:first], default=counts[-1]) < counts[-1]
    return is_wider and len(set(rows)) == 1 and len(rows) >= _LEAST_ROWS and first <= MAX_PREAMBLE_RECORDS


MAX_COLUMNS = 10_000


def read_grid(trial: Trial, records: list[int]) -> list[list[str]]:
    """Return the cells of these records, which must all have the same number of cells."""
    if not records:
        return []
    width = trial.counts[records[0]]
    data = b"".join(map(trial.record, records))
    csv = _as_the_parser_reads(trial.csv)
    table = parse_rows(data, Layout(tuple(map(str, range(width))), csv, Grammar(csv))).table
    columns = [column.to_pylist() for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def straight_records(trial: Trial, start: int, limit: int) -> list[int]:
    """Return at most `limit` records of the usual width, from record `start` on."""
    return list(_take((at for at in range(start, len(trial.counts)) if trial.counts[at] == trial.width), limit))


def _take(numbers: Iterator[int], limit: int) -> Iterator[int]:
    for _, number in zip(range(limit), numbers, strict=False):
        yield number
