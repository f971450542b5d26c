"""Finds a file's delimiter and quoting: those with which its records have the same number of cells."""

import re
from dataclasses import dataclass, replace
from typing import Literal

from msgspec import structs

from ingest.errors import EmptyFile, NotCsv
from ingest.feeds.dialect import Csv
from ingest.reading.grammar import Grammar
from ingest.reading.header import sep_line
from ingest.reading.rows import LETTERS
from ingest.sniff.columns import POSTGRES_NULL, is_date, is_value
from ingest.sniff.frame import header_votes
from ingest.sniff.trial import (
    MAX_COLUMNS,
    MAX_PREAMBLE_RECORDS,
    Trial,
    count_accepted,
    first_lines,
    read_grid,
    straight_records,
    try_dialect,
)

_USUAL = (",", ";", "\t", "|", "\x01", "\x1f")
DELIMITERS = (*_USUAL, ":", " ")  # the last two also occur in text
_LEAST_SHARE = 0.6
_MANY_LINES = 300_000
_LEAST_SHARE_OF_WORDS = 0.95
_WORDS_OF_NO_PROSE = 5  # in each line, at least
_CLOCK = re.compile(rb"\d:\d\d")
_REMARK = re.compile(rb"(?:\A|[\r\n])#")
_PROSE_REMARK = re.compile(rb"#(?:\s|$)")


def find_dialect(text: bytes) -> Trial:
    """Return the trial of the dialect that fits the first lines of a file best; its quoting fits the whole text.

    Raises:
        EmptyFile, NotCsv: there are no records, or more columns than a table can have.
    """
    sep = sep_line(text)
    text = text[sep.end() :] if sep else text
    delimiters = (sep[2].decode("latin-1"),) if sep else DELIMITERS
    window = first_lines(text)
    comment = "#" if _REMARK.search(window) else ""
    best = _best(window, delimiters, "")
    if comment and (best is None or best.width == 1 or best.share < 1):
        remarked = _best(window, delimiters, comment)
        best = remarked if remarked and not _are_rows(remarked) else best
    if best is None:
        raise EmptyFile("The file is empty: it has not even a header.")
    if best.width > MAX_COLUMNS:
        raise NotCsv(
            f"A record has {best.width:,} cells; a feed for more than {MAX_COLUMNS:,} columns is not proposed."
        )
    return replace(_quoted_as_all(text, best), lines_above=1 if sep else 0)


def single_column(window: bytes, comment: str = "", rivals: list[Trial] | None = None) -> Trial | None:
    """Return a trial of a delimiter that does not occur, so that every record is one cell, with a note on why."""
    delimiter = next((mark for mark in (*_USUAL, "\x02") if mark.encode() not in window), "\x1e")
    trial = choose_quoting(window, delimiter, comment)
    rivals = [rival for rival in rivals or () if rival.width > 1 and rival.csv.delimiter in _USUAL]
    note = "None of the usual delimiters occurs in it: each record is one cell."
    if rivals:
        best = max(rivals, key=_score)
        note = (
            f"No delimiter fits it: each record is one cell. The next best, {best.csv.delimiter!a}, would give "
            f"{best.width:,} cells in {best.share:.0%} of the lines."
        )
    return replace(trial, note=note) if trial else None


def _quoted_as_all(text: bytes, trial: Trial) -> Trial:
    """Return the trial with the quoting of the whole sample, if quotes or backslashes occur after its first lines."""
    if len(text) == len(trial.window) or not any(mark in text[len(trial.window) :] for mark in (b'"', b"'", b"\\")):
        return trial
    whole = choose_quoting(_in_time(text).decode("utf-8", "replace").encode(), trial.csv.delimiter, trial.csv.comment)
    if whole is None or whole.csv == trial.csv:
        return trial
    again = try_dialect(trial.window, whole.csv)
    return replace(again, note=trial.note) if again and again.width == trial.width else trial


def is_spaced(trial: Trial) -> bool:
    """Return whether most delimiters are followed by a blank, as commas in prose are."""
    delimiter = trial.csv.delimiter.encode()
    return trial.window.count(delimiter + b" ") * 2 > trial.window.count(delimiter)


def _in_time(text: bytes) -> bytes:
    """Return the text, or its beginning if it has too many lines to look at each, as with lines of a few bytes."""
    lines = text.count(b"\n") + text.count(b"\r")
    return text if lines <= _MANY_LINES else text[: len(text) * _MANY_LINES // lines].rpartition(b"\n")[0] or text


def _best(window: bytes, delimiters: tuple[str, ...], comment: str) -> Trial | None:
    tried = [choose_quoting(window, mark, comment) for mark in delimiters if mark.encode() in window]
    found = [trial for trial in tried if trial]
    viable = [trial for trial in found if _is_viable(trial)]
    return max(viable, key=_score) if viable else single_column(window, comment, found)


def _is_viable(trial: Trial) -> bool:
    fitting = trial.counts.count(trial.width)
    if trial.csv.delimiter == ":" and len(_CLOCK.findall(trial.window)) * 2 > len(trial.spans):
        return False
    if trial.csv.delimiter == " " and not _are_cells(trial):
        return False
    return (
        trial.width > 1
        and trial.share >= _LEAST_SHARE
        and trial.first <= MAX_PREAMBLE_RECORDS
        and (fitting > 1 or not trial.first)
    )


def _are_cells(trial: Trial) -> bool:
    """Return whether words between blanks are cells: equally many in nearly all lines, and values or below a header."""
    if trial.width == 1 or trial.first or trial.share < _LEAST_SHARE_OF_WORDS or len(trial.counts) < 2:
        return False
    rows = read_grid(trial, straight_records(trial, 0, 200))
    if trial.width == 2 and all(is_date(cell) for row in rows[1:] for cell in row):
        return False  # a date and a time of day are one cell
    is_tabular = trial.width >= _WORDS_OF_NO_PROSE or _value_share(trial) >= 0.5
    return is_tabular or header_votes(rows[0], rows[1:]) > 0


def _score(trial: Trial) -> float:
    """Return how well a dialect fits: records agree in width, cells are values, no lines above, common delimiter."""
    order = DELIMITERS.index(trial.csv.delimiter)
    return (
        trial.share
        + 0.1 * _value_share(trial)
        - 0.1 * bool(trial.first)
        - 0.05 * is_spaced(trial)
        - 0.001 * order
        - 0.3 * (trial.csv.delimiter in ": ")
    )


def _value_share(trial: Trial) -> float:
    if trial.width > MAX_COLUMNS:
        return 0.0
    cells = [cell for row in read_grid(trial, straight_records(trial, trial.first, 200)) for cell in row]
    return sum(not cell or is_value(cell) for cell in cells) / len(cells)


def _are_rows(trial: Trial) -> bool:
    """Return whether lines that begin with # are rows or a header, and not comments: they have as many cells."""
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
    """The number of cells that begin with a quote, and of those that also end with one where a cell can end."""

    opened: int
    closed: int

    @property
    def share(self) -> float:
        """The share of the opened cells that are closed."""
        return self.closed / self.opened if self.opened else 0.0


def choose_quoting(window: bytes, delimiter: str, comment: str) -> Trial | None:
    """Return the trial of a delimiter with the quoting found in the window."""
    double = Csv(delimiter=delimiter, comment=comment)
    trials = [try_dialect(window, double)]
    enclosing = count_enclosed(window, double)
    if re.search(rb"[%s][ \t]+\"" % re.escape(delimiter.encode()), window):
        trials.append(_with_blanks(window, delimiter, comment, trials[0], enclosing))
    if b"'" in window and not enclosing.closed:
        trials.append(_single_quoted(window, delimiter, comment, trials[0]))
    escaped = count_enclosed(window, structs.replace(double, escape="\\"))
    if enclosing.opened and max(enclosing.share, escaped.share) < 0.5:
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


def _with_blanks(
    window: bytes, delimiter: str, comment: str, tight: Trial | None, enclosing: Enclosing
) -> Trial | None:
    """Return the trial that allows blanks before quotes, if more cells are enclosed that way."""
    csv = Csv(delimiter=delimiter, comment=comment, blanks_around_quotes=True)
    found = count_enclosed(Grammar(csv).without_blanks(window), csv)
    if found.closed <= enclosing.closed or found.share < 0.9:
        return None
    trial = try_dialect(window, csv)
    return trial if trial and (tight is None or trial.share >= tight.share) else None


def _single_quoted(window: bytes, delimiter: str, comment: str, double: Trial | None) -> Trial | None:
    """Return the trial with `'` as quote if it clearly encloses cells: in pairs, and often or with a better fit."""
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
    r"""Return the trial with backslashes as escapes, if more records are rows that way.

    If \N for NULL occurs, they are escapes if all of them are sequences that databases write.
    """
    cell_end = re.escape(trial.csv.delimiter.encode()) + rb"\r\n"
    if re.search(rb"(?:\A|[%s])\\N(?:\Z|[%s])" % (cell_end, cell_end), window):
        return _dumped(window, trial) or trial
    csv = structs.replace(trial.csv, escape="\\")
    other = try_dialect(window, csv)
    if other is None or _is_narrower(other, trial):
        return trial
    is_better = count_accepted(window, csv, other.width) > count_accepted(window, trial.csv, trial.width)
    return other if is_better else trial


def _is_narrower(escaped: Trial, trial: Trial) -> bool:
    """Return whether escapes make records narrower, without giving all records the same width for the first time."""
    is_better = escaped.width > 1 and len(set(escaped.counts)) == 1 < len(set(trial.counts))
    return escaped.width < trial.width and not is_better


def _dumped(window: bytes, trial: Trial) -> Trial | None:
    r"""Return the trial of a database's dump, in which \N is NULL, \t a tab and \\ a backslash; None if it is not one.

    With quoted cells or a delimiter other than tab, letters alone are not enough evidence: they may be part of a path.
    """
    found = set(re.findall(rb"\\[\s\S]?", window))
    delimiter = trial.csv.delimiter.encode()
    marks = {b"\\" + mark for mark in (b"\\", b"\n", b"\r", delimiter, trial.csv.quote.encode()) if mark}
    letters = {f"\\{letter}".encode() for letter in (*LETTERS["mysql"], *LETTERS["postgres"])}
    is_text = delimiter == b"\t" and not count_enclosed(window, trial.csv).closed
    if found - marks - letters - {b"\\N"} or not found & (marks | letters if is_text else marks):
        return None
    kind: Literal["mysql", "postgres"] = "postgres" if found <= {b"\\\\", b"\\N"} | letters else "mysql"
    csv = structs.replace(trial.csv, escape="\\", escapes=kind, null_values=("", POSTGRES_NULL))
    dumped = try_dialect(window, csv)
    return None if dumped is None or _is_narrower(dumped, trial) else dumped
