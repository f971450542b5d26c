"""What surrounds the rows: preamble and header; and how wide the rows are."""

from dataclasses import dataclass
from typing import Any

from ingest.core.sniffing.grid import read_grid, straight_records
from ingest.core.sniffing.header import is_header, usable_names
from ingest.core.sniffing.trial import Trial
from ingest.dialect import Csv

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


def with_frame(csv: Csv, frame: Frame) -> Csv:
    """Return a dialect with what surrounds the rows."""
    surroundings = {field: getattr(frame, field) for field in ("skip_lines", "names", "ragged", "footer_lines", "trim")}
    return with_fields(csv, **surroundings, header="first" if frame.has_header else "none")


def with_fields(csv: Csv, **changed: Any) -> Csv:
    """Return a dialect with other settings."""
    return Csv(**{field: getattr(csv, field) for field in csv.__struct_fields__} | changed)
