"""Finds what surrounds the rows: preamble and header; and how wide the rows are."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from msgspec import structs

from ingest.feeds.dialect import Csv
from ingest.reading.header import usable_names
from ingest.sniff.columns import is_value, is_word, is_year, shape
from ingest.sniff.trial import Trial, read_grid, straight_records

BODY_RECORDS = 500
_SERIES = re.compile(r"(.*?)(\d{1,9})\Z", re.DOTALL)
_MOST = 0.8


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the rows are. `names` replace the header's if those cannot be used; `notes` have the reasons by setting."""

    skip_lines: int = 0
    has_header: bool = True
    names: tuple[str, ...] = ()
    ragged: str = "reject"
    footer_lines: int = 0
    trim: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)


def find_frame(trial: Trial) -> Frame:
    """Return what surrounds the rows of a window; the footer is not known yet."""
    start = trial.first
    if start and (other := _other_width(trial, start)):
        return other
    body = straight_records(trial, start + 1, BODY_RECORDS)
    start = _below_titles(trial, start)
    grid = read_grid(trial, [start, *(at for at in body if at > start)])
    has_header = is_header(grid[0], grid[1:])
    frame = _frame(trial, start, has_header=has_header, names=grid[0] if has_header else None)
    if has_header and (ragged := _ragged(trial, start)) == "pad":
        frame = replace(frame, ragged=ragged, notes={**frame.notes, "ragged": "Many rows leave their last cells out."})
    return replace(frame, trim=_is_padded(grid))


def _frame(trial: Trial, at: int, *, has_header: bool = True, names: list[str] | None = None) -> Frame:
    """Return a frame that begins at this record: the header, or the first row."""
    skip_lines = trial.spans[at].line + trial.lines_above if at else 0
    usable = _names_if_needed(names or [])
    below = "header" if has_header else "first row"
    notes = {"skip_lines": f"What stands above the {below}: lines with another number of cells, or hardly any."}
    notes["names"] = "In place of the header's names, some of which are empty, occur twice or cannot be used."
    return Frame(skip_lines, has_header=has_header, names=usable, notes=notes)


def _other_width(trial: Trial, start: int) -> Frame | None:
    """Return the frame of rows that are consistently longer or shorter than the header above them; else None."""
    at, count = _first_like(trial, start - 1), trial.counts[start - 1]
    if count < 2:
        return None
    header = read_grid(trial, [at])[0]
    if count > trial.width:
        return _above_shorter_rows(trial, at, header)
    return _above_longer_rows(trial, at, header) if count == trial.width - 1 else None


def _first_like(trial: Trial, at: int) -> int:
    """Return the first of the consecutive records with the width of this one that end with it."""
    while at and trial.counts[at - 1] == trial.counts[at]:
        at -= 1
    return at


def _above_shorter_rows(trial: Trial, at: int, header: list[str]) -> Frame | None:
    """Return the frame of a header with more cells than all or most rows; None if it is not one."""
    count, below = trial.counts[at], trial.counts[at + 1 :]
    frame = _frame(trial, at, names=header)
    if max(below) == count and below.count(count) * 20 >= len(below):
        return replace(frame, ragged="pad", notes={**frame.notes, "ragged": "Many rows leave their last cells out."})
    rows = _body(trial, at + 1)
    own, first_rows = header_votes(header[: trial.width], rows), header_votes(rows[0], rows[1:])
    if max(below) > count or own < max(first_rows, 0) or not _are_names(header[: trial.width]):
        return None
    note = f"The header has {count} cells and all rows have fewer: the last columns have no value."
    return replace(frame, ragged="pad", notes={**frame.notes, "ragged": note})


def _above_longer_rows(trial: Trial, at: int, header: list[str]) -> Frame | None:
    """Return the frame of a header one cell shorter than most rows: those end with a delimiter or begin with a number.

    None for a title that happens to have that number of delimiters: a real header follows it.
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
        return replace(frame, ragged="trim", notes={**frame.notes, "ragged": note})
    named = ["", *header]
    if between or not all(header) or not is_header(named, rows) or header_votes(rows[0], rows[1:]) > 0:
        return None
    if not _are_row_numbers([row[0] for row in rows]) and not (
        _are_names(header) and header_votes(named, rows) > 0 and _are_row_names([row[0] for row in rows])
    ):
        return None
    frame = _frame(trial, at, names=named)
    return replace(frame, notes={**frame.notes, "names": "The first column, of row numbers or names, has none."})


def _are_row_numbers(cells: list[str]) -> bool:
    """Return whether cells are row numbers, perhaps with gaps: whole numbers that increase."""
    if not all(re.fullmatch(r"\d{1,18}", cell) for cell in cells):
        return False
    return all(int(one) < int(two) for one, two in pairwise(cells))


def _are_row_names(cells: list[str]) -> bool:
    return len(set(cells)) == len(cells) and not any(map(is_value, cells))


def _are_names(header: list[str]) -> bool:
    """Return whether cells may be column names, and not a sentence with commas."""
    return all(cell and cell == cell.strip() for cell in header)


def _body(trial: Trial, start: int) -> list[list[str]]:
    return read_grid(trial, straight_records(trial, start, BODY_RECORDS))


def _below_titles(trial: Trial, start: int) -> int:
    """Return the header below titles that a spreadsheet padded with empty cells; `start` if there is none."""
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
    """Return whether white space around cells is common in the file, and not only in single cells."""
    cells = [cell for row in grid for cell in row if cell.strip()]
    return sum(cell != cell.strip() for cell in cells) * 5 > len(cells)


def _ragged(trial: Trial, start: int) -> str:
    """Return "pad" if many records lack their last cells and none has too many, else "reject"."""
    below = trial.counts[start + 1 :]
    short = sum(1 < count < trial.width for count in below)
    return "pad" if below and short * 5 > len(below) and max(below) <= trial.width else "reject"


def with_frame(csv: Csv, frame: Frame) -> Csv:
    """Return a dialect with the settings of a frame. Trimming all cells includes blanks before quotes."""
    surroundings = {name: getattr(frame, name) for name in ("skip_lines", "names", "ragged", "footer_lines", "trim")}
    blanks = csv.blanks_around_quotes and not frame.trim
    header = "first" if frame.has_header else "none"
    return with_fields(csv, **surroundings, blanks_around_quotes=blanks, header=header)


def with_fields(csv: Csv, **changed: Any) -> Csv:
    """Return a dialect with other settings."""
    return structs.replace(csv, **changed)


def is_header(first: list[str], body: list[list[str]]) -> bool:
    """Return whether a record is a header.

    If all cells are text, it counts as one: files without a header are the exception.

    >>> is_header(["name", "age"], [["Ann", "31"]]), is_header(["Ann", "31"], [["Bob", "40"]])
    (True, False)
    """
    votes = header_votes(first, body)
    if votes:
        return votes > 0
    names = [cell.strip() for cell in first if cell.strip()]
    are_words = all(map(is_word, names))
    has_values = any(is_value(name) and not is_year(name) and (are_words or not is_word(name)) for name in names)
    is_described = are_words and any(any(row) for row in body)  # below a header `No` there are other values
    return bool(names) and (is_described or not has_values) and len(set(names)) * 2 > len(first)


def header_votes(first: list[str], body: list[list[str]]) -> int:
    """Return the number of columns that indicate a header, minus those that indicate a row.

    Concatenated files repeat their header: its copies are not compared with it, but count as one vote for it.
    """
    rows = [row for row in body if row != first]
    votes = sum(_vote(cell.strip(), [row[at] for row in rows or body]) for at, cell in enumerate(first))
    is_series = _is_series(first) and not any(map(_is_series, rows[:20]))
    is_repeated = bool(rows) and len(rows) < len(body) and votes >= 0
    return votes + len(first) * is_series + is_repeated


def _vote(cell: str, column: list[str]) -> int:
    """Return 1 if a column indicates a header, -1 if it indicates a row, 0 if neither."""
    values = [value for value in column if value]
    if not cell or not values:
        return 0
    if _are_most(values, is_word):
        return -1 if is_word(cell) else 1
    if _are_most(values, is_value):
        if is_year(cell) and sum(map(is_year, values)) * 2 < len(values):
            return 0
        return -1 if is_value(cell) and not is_word(cell) else 1
    if is_word(cell):
        return 0
    return -1 if cell in values or _is_alike(cell, values) else 0


def _are_most(values: list[str], test: Callable[[str], bool]) -> bool:
    return sum(map(test, values)) >= _MOST * len(values)


def _is_alike(cell: str, values: list[str]) -> bool:
    """Return whether a cell with digits has the shape of most values: O-1 like O-22, but not item1 like AB12.

    The number of letters counts if most values agree in it; else only runs of letters in one case do.
    """
    if not re.search(r"\d", cell):
        return False
    for is_exact in (True, False):
        usual, count = Counter(shape(value, is_exact=is_exact) for value in values).most_common(1)[0]
        if count >= _MOST * len(values):
            return shape(cell, is_exact=is_exact) == usual
    return False


def _is_series(cells: list[str]) -> bool:
    """Return whether most cells of a record are one text with consecutive numbers: q1, q2, q3."""
    ends = [_SERIES.match(cell.strip()) for cell in cells]
    steps = sum(
        bool(one and two and one[1] and one[1] == two[1] and int(two[2]) == int(one[2]) + 1)
        for one, two in pairwise(ends)
    )
    return steps > 1 and steps * 2 >= len(cells) - 1
