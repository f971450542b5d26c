"""Lines at the end of a file that are plainly no rows: totals, counts, remarks."""

import re

from ingest.core.footer import start_of_last_lines
from ingest.core.grammar import count_lines
from ingest.core.sniffing.grid import read_grid, straight_records
from ingest.core.sniffing.trial import Trial, try_dialect
from ingest.dialect import Csv

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
    while first > max(0, len(trial.spans) - _MAX_RECORDS) and _is_no_row(trial, first - 1):
        first -= 1
    return first


def _is_no_row(trial: Trial, at: int) -> bool:
    """Return whether a record is a total; or of another width, and a count or prose. A row cut off is neither."""
    cell = read_grid(trial, [at])[0][0].strip()
    if trial.counts[at] == trial.width or _TOTAL.match(cell):
        return _TOTAL.match(cell) is not None
    is_prose = trial.counts[at] == 1 and " " in cell and trial.window.endswith((b"\n", b"\r"))
    return is_prose or _COUNT.match(cell) is not None
