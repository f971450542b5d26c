"""How cells are enclosed: by which quote, doubled or escaped inside, or not at all."""

import re
from dataclasses import dataclass

from ingest.feeds.dialect import Csv
from ingest.sniff.trial import Trial, try_dialect


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
