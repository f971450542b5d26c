"""What surrounds the rows: preamble and header; and how wide the rows are."""

import re
from dataclasses import dataclass
from typing import Any

from ingest.feeds.dialect import Csv
from ingest.reading.grammar import count_lines, start_of_last_lines
from ingest.sniff.columns import is_value, is_year, shape
from ingest.sniff.trial import Trial, read_grid, straight_records, try_dialect

BODY_RECORDS = 500


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the rows are. `names` stand in for the header's where those will not do."""

    skip_lines: int = 0
    has_header: bool = True
    names: tuple[str, ...] = ()
    ragged: str = "reject"
    footer_lines: int = 0
    trim: bool = False


def find_frame(trial: Trial) -> Frame:
    """Return what surrounds the rows of a window; of the footer nothing is known yet."""
    start = trial.first
    body = straight_records(trial, start + 1, BODY_RECORDS)
    if start and (other := _other_width(trial, start - 1)):
        return other
    start = _below_titles(trial, start)
    grid = read_grid(trial, [start, *(at for at in body if at > start)])
    trim = _is_padded(grid)
    skip_lines = trial.spans[start].line if start else 0
    if not is_header(grid[0], grid[1:]):
        return Frame(skip_lines, has_header=False, trim=trim)
    return Frame(skip_lines, names=_names_if_needed(grid[0]), trim=trim, ragged=_ragged(trial, start))


def _other_width(trial: Trial, at: int) -> Frame | None:
    """Return the frame of rows that are consistently longer or shorter than the header above them, if they are."""
    count = trial.counts[at]
    if count < 2:
        return None
    skip_lines = trial.spans[at].line if at else 0
    below = trial.counts[at + 1 :]
    header = read_grid(trial, [at])[0]
    if count > trial.width and max(below) == count and below.count(count) * 20 >= len(below):
        return Frame(skip_lines, names=_names_if_needed(header), ragged="pad")
    body = _body(trial, at + 1)
    if count != trial.width - 1 or not all(header):
        return None
    if not any(row[-1] for row in body) and is_header([*header, ""], body):  # each row ends with a delimiter
        return Frame(skip_lines, names=_names_if_needed(header), ragged="trim")
    if is_header(["", *header], body):  # row numbers, as R writes them, have no name
        return Frame(skip_lines, names=tuple(usable_names(["", *header])))
    return None


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


def is_header(first: list[str], body: list[list[str]]) -> bool:
    """Return whether a record is a header, judged by the records below it.

    Where all cells are text it is taken for one: files without a header are the exception.

    >>> is_header(["name", "age"], [["Ann", "31"]]), is_header(["Ann", "31"], [["Bob", "40"]])
    (True, False)
    """
    votes = sum(_vote(cell.strip(), [row[at] for row in body]) for at, cell in enumerate(first))
    if votes:
        return votes > 0
    names = [cell.strip() for cell in first if cell.strip()]
    has_values = any(is_value(name) and not is_year(name) for name in names)
    return bool(names) and not has_values and len(set(names)) * 2 > len(first)


def usable_names(names: list[str]) -> list[str]:
    """Return names, each once and none empty, as near to the given ones as that allows.

    >>> usable_names(["a", "", "a", "a_2"])
    ['a', 'column_2', 'a_3', 'a_2']
    """
    taken = set(names)
    used: set[str] = set()
    usable = []
    for position, name in enumerate(names, start=1):
        if not name or name in used:
            name = _fresh(name, position, taken)  # noqa: PLW2901
        used.add(name)
        taken.add(name)
        usable.append(name)
    return usable


def _fresh(name: str, position: int, taken: set[str]) -> str:
    """Return a name that is not taken: it contains the position, which no other column shares."""
    fresh = f"{name}_{position}" if name else f"column_{position}"
    while fresh in taken:
        fresh += "_"
    return fresh


def _vote(cell: str, column: list[str]) -> int:
    """Return 1 where a column speaks for a header, -1 against one, 0 where it says nothing."""
    values = [value for value in column if value]
    if not cell or not values:
        return 0
    if sum(map(is_value, values)) >= 0.8 * len(values):
        if is_year(cell) and sum(map(is_year, values)) * 2 < len(values):
            return 0
        return -1 if is_value(cell) else 1
    own = shape(cell)
    is_alike = "9" in own and sum(shape(value) == own for value in values) >= 0.8 * len(values)
    return -1 if is_alike or cell in values else 0


def with_frame(csv: Csv, frame: Frame) -> Csv:
    """Return a dialect with what surrounds the rows."""
    surroundings = {field: getattr(frame, field) for field in ("skip_lines", "names", "ragged", "footer_lines", "trim")}
    return with_fields(csv, **surroundings, header="first" if frame.has_header else "none")


def with_fields(csv: Csv, **changed: Any) -> Csv:
    """Return a dialect with other settings."""
    return Csv(**{field: getattr(csv, field) for field in csv.__struct_fields__} | changed)


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
