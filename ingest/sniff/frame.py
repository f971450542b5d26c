"""What surrounds the rows: preamble and header; and how wide the rows are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from msgspec import structs

from ingest.feeds.dialect import Csv
from ingest.reading.grammar import count_lines, start_of_last_lines
from ingest.reading.header import usable_names
from ingest.sniff.columns import is_value
from ingest.sniff.header import header_votes, is_header
from ingest.sniff.trial import Trial, read_grid, straight_records, try_dialect

BODY_RECORDS = 500


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the rows are. `names` stand in for the header's where those will not do; `notes` say why, by setting."""

    skip_lines: int = 0
    has_header: bool = True
    names: tuple[str, ...] = ()
    ragged: str = "reject"
    footer_lines: int = 0
    trim: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)


def find_frame(trial: Trial) -> Frame:
    """Return what surrounds the rows of a window; of the footer nothing is known yet."""
    start = trial.first
    if start and (other := _other_width(trial, start)):
        return other
    body = straight_records(trial, start + 1, BODY_RECORDS)
    start = _below_titles(trial, start)
    grid = read_grid(trial, [start, *(at for at in body if at > start)])
    has_header = is_header(grid[0], grid[1:])
    frame = _frame(trial, start, has_header=has_header, names=grid[0] if has_header else None)
    if has_header and (ragged := _ragged(trial, start)) == "pad":
        frame = replace(frame, ragged=ragged, notes=frame.notes | {"ragged": "Many rows leave their last cells out."})
    return replace(frame, trim=_is_padded(grid))


def _frame(trial: Trial, at: int, *, has_header: bool = True, names: list[str] | None = None) -> Frame:
    """Return a frame that begins at a record, its header or first row."""
    skip_lines = trial.spans[at].line + trial.lines_above if at else 0
    usable = _names_if_needed(names or [])
    below = "header" if has_header else "first row"
    notes = {"skip_lines": f"What stands above the {below}: lines with another number of cells, or hardly any."}
    notes["names"] = "In place of the header's names, some of which are empty, occur twice or cannot be used."
    return Frame(skip_lines, has_header=has_header, names=usable, notes=notes)


def _other_width(trial: Trial, start: int) -> Frame | None:
    """Return the frame of rows that are consistently longer or shorter than the header above them, if they are."""
    at, count = _first_like(trial, start - 1), trial.counts[start - 1]
    if count < 2:
        return None
    header = read_grid(trial, [at])[0]
    if count > trial.width:
        return _above_shorter_rows(trial, at, header)
    return _above_longer_rows(trial, at, header) if count == trial.width - 1 else None


def _first_like(trial: Trial, at: int) -> int:
    """Return the first of the records of one width that end at a record."""
    while at and trial.counts[at - 1] == trial.counts[at]:
        at -= 1
    return at


def _above_shorter_rows(trial: Trial, at: int, header: list[str]) -> Frame | None:
    """Return the frame of a header with more cells than all, or than most, rows."""
    count, below = trial.counts[at], trial.counts[at + 1 :]
    frame = _frame(trial, at, names=header)
    if max(below) == count and below.count(count) * 20 >= len(below):
        return replace(frame, ragged="pad", notes=frame.notes | {"ragged": "Many rows leave their last cells out."})
    rows = _body(trial, at + 1)
    own, first_rows = header_votes(header[: trial.width], rows), header_votes(rows[0], rows[1:])
    if max(below) > count or own < max(first_rows, 0) or not _are_names(header[: trial.width]):
        return None
    note = f"The header has {count} cells and all rows have fewer: the last columns have no value."
    return replace(frame, ragged="pad", notes=frame.notes | {"ragged": note})


def _above_longer_rows(trial: Trial, at: int, header: list[str]) -> Frame | None:
    """Return the frame of a header with a cell less than most rows: these end with a delimiter, or begin with a number.

    A title that happens to have as many delimiters stands above a header of its own.
    """
    rows = _body(trial, at + 1)
    between = read_grid(trial, list(range(at + 1, trial.first)))
    if not any(row[-1] for row in rows):
        body = [*([*row, ""] for row in between), *rows]
        if header_votes(rows[0], rows[1:]) > 0 and not between:
            return None
        has_header = is_header([*header, ""], body)
        frame = _frame(trial, at, has_header=has_header, names=header if has_header else None)
        note = f"Most rows end with a delimiter: an empty cell more than the {len(header)} that count."
        return replace(frame, ragged="trim", notes=frame.notes | {"ragged": note})
    named = ["", *header]
    if between or not all(header) or not is_header(named, rows) or header_votes(rows[0], rows[1:]) > 0:
        return None
    if not _are_row_numbers([row[0] for row in rows]) and not (
        _are_names(header) and header_votes(named, rows) > 0 and _are_row_names([row[0] for row in rows])
    ):
        return None
    frame = _frame(trial, at, names=named)
    return replace(frame, notes=frame.notes | {"names": "The first column, of row numbers or names, has none."})


def _are_row_numbers(cells: list[str]) -> bool:
    """Return whether cells count rows, perhaps with gaps: whole numbers that rise."""
    if not all(re.fullmatch(r"\d{1,18}", cell) for cell in cells):
        return False
    return all(int(one) < int(two) for one, two in pairwise(cells))


def _are_row_names(cells: list[str]) -> bool:
    return len(set(cells)) == len(cells) and not any(map(is_value, cells))


def _are_names(header: list[str]) -> bool:
    """Return whether cells may be names of columns rather than a sentence with commas."""
    return all(cell and cell == cell.strip() for cell in header)


def _body(trial: Trial, start: int) -> list[list[str]]:
    return read_grid(trial, straight_records(trial, start, BODY_RECORDS))


def _below_titles(trial: Trial, start: int) -> int:
    """Return the record below titles that spreadsheets fill up with empty cells, if a header stands there."""
    records = straight_records(trial, start, 12)
    if trial.width < 3 or len(records) < 2 or records[0] != start:
        return start
    rows = read_grid(trial, records)
    titles = next((at for at, row in enumerate(rows) if sum(map(bool, row)) > 1), 0)
    if not titles or not all(rows[titles]) or not is_header(rows[titles], rows[titles + 1 :]):
        return start
    return records[titles]


def _names_if_needed(header: list[str]) -> tuple[str, ...]:
    names = [name.strip() for name in header]
    usable = usable_names(names)
    return () if usable == names else tuple(usable)


def _is_padded(grid: list[list[str]]) -> bool:
    """Return whether white space around cells is the file's manner, not one cell's."""
    cells = [cell for row in grid for cell in row if cell.strip()]
    return sum(cell != cell.strip() for cell in cells) * 5 > len(cells)


def _ragged(trial: Trial, start: int) -> str:
    """Return "pad" where many records leave their last cells out and none has too many."""
    below = trial.counts[start + 1 :]
    short = sum(1 < count < trial.width for count in below)
    return "pad" if below and short * 5 > len(below) and max(below) <= trial.width else "reject"


def with_frame(csv: Csv, frame: Frame) -> Csv:
    """Return a dialect with what surrounds the rows. Where all cells are trimmed, so are blanks before quotes."""
    surroundings = {name: getattr(frame, name) for name in ("skip_lines", "names", "ragged", "footer_lines", "trim")}
    blanks = csv.blanks_around_quotes and not frame.trim
    header = "first" if frame.has_header else "none"
    return with_fields(csv, **surroundings, blanks_around_quotes=blanks, header=header)


def with_fields(csv: Csv, **changed: Any) -> Csv:
    """Return a dialect with other settings."""
    return structs.replace(csv, **changed)


_TAIL_LINES = 50
_MAX_RECORDS = 3
_TOTAL = re.compile(
    r"(?:(?:grand |sub)?total|sum|summe|gesamt|gesamtsumme|somme|eof|trailer|trl)s?\s*:?\Z", re.IGNORECASE
)
_COUNT = re.compile(
    r"\(?\s*(?:\d+\s+(?:rows?|records?|lines?)|(?:rows?|records?|lines?|count|total|sum|end))\b", re.IGNORECASE
)


def footer_lines(text: bytes, csv: Csv, width: int) -> int:
    """Return how many lines at the end of a whole file are plainly no rows."""
    tail = text[start_of_last_lines(text, _TAIL_LINES) :].decode("utf-8", "replace").encode()
    trial = try_dialect(tail, csv)
    if trial is None or trial.width != width or width < 2:
        return 0
    first = _first_of_footer(trial)
    if first in (0, 1, len(trial.spans)) or set(trial.counts[first - 2 : first]) != {width}:
        return 0
    rows = read_grid(trial, [at for at in straight_records(trial, 0, first) if at < first])
    if any(_TOTAL.match(row[0].strip()) for row in rows):  # the word is a value like others
        return 0
    rest = tail[trial.spans[first].start :]
    return count_lines(rest) + (not rest.endswith((b"\n", b"\r")))


def _first_of_footer(trial: Trial) -> int:
    first = len(trial.spans)
    while first > max(0, len(trial.spans) - _MAX_RECORDS) and _is_footer(trial, first - 1):
        first -= 1
    return first


def _is_footer(trial: Trial, at: int) -> bool:
    """Return whether a record is a total; or of another width, and a count or prose. A row cut off is neither."""
    cell = read_grid(trial, [at])[0][0].strip()
    if trial.counts[at] == trial.width or _TOTAL.match(cell):
        return _TOTAL.match(cell) is not None
    is_prose = trial.counts[at] == 1 and " " in cell and trial.window.endswith((b"\n", b"\r"))
    return is_prose or _COUNT.match(cell) is not None
