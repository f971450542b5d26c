"""Which delimiter and quoting a file is written in: those under which its records agree."""

import re
from dataclasses import dataclass

from ingest.errors import EmptyFile, NotCsv
from ingest.feeds.dialect import Csv
from ingest.sniff.columns import is_value
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
        EmptyFile, NotCsv: there are no records, or more columns than a table can have.
    """
    window = first_lines(text)
    comment = "#" if _REMARK.search(window) else ""
    best = _best(window, "")
    if comment and (best is None or best.width == 1 or best.share < 1):
        remarked = _best(window, comment)
        best = remarked if remarked and not _are_rows(remarked) else best
    if best is None:
        raise EmptyFile("The file is empty: it has not even a header; write it again, with its header.")
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


@dataclass(frozen=True, slots=True)
class Enclosing:
    """How many cells begin with a quote, and how many of these end with one where a cell can end."""

    opened: int
    closed: int

    @property
    def share(self) -> float:
        """The share of the opened cells that are closed."""
        return self.closed / self.opened if self.opened else 0.0


def choose_quoting(window: bytes, delimiter: str, comment: str) -> Trial | None:
    """Return the trial of a delimiter with the quoting that the window shows."""
    double = Csv(delimiter=delimiter, comment=comment)
    trials = [try_dialect(window, double)]
    enclosing = count_enclosed(window, double)
    if b"'" in window and not enclosing.closed:
        trials.append(_single_quoted(window, delimiter, comment, trials[0]))
    if enclosing.opened and enclosing.share < 0.5:
        trials.append(_if_no_worse(try_dialect(window, Csv(delimiter=delimiter, quote="", comment=comment)), trials[0]))
    chosen = next((trial for trial in reversed(trials) if trial), None)
    return _escaped(window, chosen) if chosen and b"\\" in window else chosen


def count_enclosed(window: bytes, csv: Csv) -> Enclosing:
    r"""Return how many cells are opened and closed by a dialect's quote.

    >>> count_enclosed(b'"a,b","5"" pipe"\n"nightly,x\n', Csv())
    Enclosing(opened=3, closed=2)
    """
    delimiter, quote, escape = (re.escape(mark.encode()) for mark in (csv.delimiter, csv.quote, csv.escape))
    escaped = rb"|%s[\s\S]" % escape if escape else b""
    inside = rb"(?:[^%s%s]++|%s%s%s)*+" % (quote, escape, quote, quote, escaped)
    cell = re.compile(rb"(?:(?<=[%s\r\n])|\A)%s(%s%s(?=[%s\r\n]|\Z))?" % (delimiter, quote, inside, quote, delimiter))
    found = [match[1] is not None for match in cell.finditer(window)]
    return Enclosing(len(found), sum(found))


def _single_quoted(window: bytes, delimiter: str, comment: str, double: Trial | None) -> Trial | None:
    """Return the trial with `'` if it evidently encloses: nearly always in pairs, and often or to good effect."""
    csv = Csv(delimiter=delimiter, quote="'", comment=comment)
    enclosing = count_enclosed(window, csv)
    if enclosing.closed < 2 or enclosing.share < 0.9:
        return None
    single = try_dialect(window, csv)
    if single is None or double is None:
        return single
    return single if single.share > double.share or enclosing.closed * 2 >= len(single.spans) else None


def _if_no_worse(trial: Trial | None, other: Trial | None) -> Trial | None:
    return trial if trial and (other is None or (trial.share >= other.share and trial.width > 1)) else None


def _escaped(window: bytes, trial: Trial) -> Trial:
    r"""Return the trial with backslashes as escapes, if that makes records or enclosed cells whole.

    Where \N stands for NULL it cannot be: the escape would leave the letter.
    """
    csv = Csv(delimiter=trial.csv.delimiter, quote=trial.csv.quote, escape="\\", comment=trial.csv.comment)
    cell_end = re.escape(csv.delimiter.encode()) + rb"\r\n"
    if re.search(rb"(?:\A|[%s])\\N(?:\Z|[%s])" % (cell_end, cell_end), window):
        return trial
    other = try_dialect(window, csv)
    if other is None or other.width < trial.width:
        return trial
    if other.share > trial.share:
        return other
    is_cleaner = csv.quote and count_enclosed(window, csv).closed > count_enclosed(window, trial.csv).closed
    return other if is_cleaner and other.share == trial.share else trial
