"""Which delimiter and quoting a file is written in: the ones under which its records agree."""

import re

from ingest.errors import EmptyFile, NotCsv
from ingest.feeds.dialect import Csv
from ingest.sniff.columns import is_value
from ingest.sniff.quoting import choose_quoting
from ingest.sniff.trial import MAX_COLUMNS, Trial, first_lines, read_grid, straight_records, try_dialect

DELIMITERS = (",", ";", "\t", "|", "\x01", "\x1f", ":")
MAX_PREAMBLE_RECORDS = 20
_LEAST_SHARE = 0.6
_CLOCK = re.compile(rb"\d:\d\d")
_REMARK = re.compile(rb"(?:\A|[\r\n])#")
_PROSE_REMARK = re.compile(rb"#(?:\s|$)")


def find_dialect(text: bytes) -> Trial:
    """Return the trial of the dialect that fits the first lines of a file best.

    Raises:
        EmptyFile, NotCsv: there are no records, or no table has so many columns.
    """
    window = first_lines(text)
    comment = "#" if _REMARK.search(window) else ""
    best = _best(window, "")
    if comment and (best is None or best.width == 1 or best.share < 1):
        remarked = _best(window, comment)
        best = remarked if remarked and not _are_rows(remarked) else best
    if best is None:
        raise EmptyFile("The file is empty: it has not even a header.")
    if best.width > MAX_COLUMNS:
        raise NotCsv(
            f"A record has {best.width:,} cells; a feed for more than {MAX_COLUMNS:,} columns is not proposed."
        )
    return best


def single_column(window: bytes, comment: str = "") -> Trial | None:
    """Return the trial of a delimiter that does not occur, so that every record is one cell."""
    delimiter = next((mark for mark in (*DELIMITERS[:-1], "\x02") if mark.encode() not in window), "\x1e")
    return choose_quoting(window, delimiter, comment)


def is_spaced(trial: Trial) -> bool:
    """Return whether most delimiters stand before a blank, as commas in prose do."""
    delimiter = trial.csv.delimiter.encode()
    return trial.window.count(delimiter + b" ") * 2 > trial.window.count(delimiter)


def _best(window: bytes, comment: str) -> Trial | None:
    found = [choose_quoting(window, mark, comment) for mark in DELIMITERS if mark.encode() in window]
    viable = [trial for trial in found if trial and _is_viable(trial)]
    return max(viable, key=_score) if viable else single_column(window, comment)


def _is_viable(trial: Trial) -> bool:
    fitting = trial.counts.count(trial.width)
    if trial.csv.delimiter == ":" and len(_CLOCK.findall(trial.window)) * 2 > len(trial.spans):
        return False
    return (
        trial.width > 1
        and trial.share >= _LEAST_SHARE
        and trial.first <= MAX_PREAMBLE_RECORDS
        and (fitting > 1 or not trial.first)
    )


def _score(trial: Trial) -> float:
    """Return how well a dialect fits: records agree, cells are values, few lines stand before them, common mark."""
    order = DELIMITERS.index(trial.csv.delimiter)
    return (
        trial.share
        + 0.1 * _value_share(trial)
        - 0.1 * bool(trial.first)
        - 0.05 * is_spaced(trial)
        - 0.001 * order
        - 0.3 * (trial.csv.delimiter == ":")
    )


def _value_share(trial: Trial) -> float:
    if trial.width > MAX_COLUMNS:
        return 0.0
    cells = [cell for row in read_grid(trial, straight_records(trial, trial.first, 200)) for cell in row]
    return sum(not cell or is_value(cell) for cell in cells) / len(cells)


def _are_rows(trial: Trial) -> bool:
    """Return whether lines that begin with # are rows or header after all: they have as many cells as these."""
    bare = try_dialect(trial.window, Csv(delimiter=trial.csv.delimiter, quote=trial.csv.quote, escape=trial.csv.escape))
    if bare is None:
        return True
    marked = [at for at in range(len(bare.spans)) if bare.record(at).startswith(b"#")]
    if trial.width == 1:
        return not all(_PROSE_REMARK.match(bare.record(at)) for at in marked)
    return any(bare.counts[at] == trial.width for at in marked[:1]) or (
        sum(bare.counts[at] == trial.width for at in marked) * 5 > len(marked)
    )
