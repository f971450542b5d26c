"""Finds the columns that identify a row: candidates for a table's key."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import pyarrow as pa
import pyarrow.compute as pc

from ingest.feeds.rules import MAX_KEY_NAME_BYTES
from ingest.items.columns import AnyArray, byte_lengths, count_true
from ingest.sniff.columns import ODD_SHARE, Finding, NumberFormat, is_date, is_few, is_time

MAX_SORT_KEY_BYTES = 1024
_MOST_COLUMNS = {2: 12, 3: 8}  # pairs and triples are tried only among this many columns
_FIRST_ROWS = 100_000  # columns that are not unique in these are not tried on all rows
_LISTED = 3
_JOINTS = ("#", "|", "~", "/", "\x1f")
_WHOLE_NUMBER = r"^-?[0-9]{1,38}$"
_KEY_NAME = re.compile(
    r"(?i:(?:^|[\W_])(?:id|uuid|guid|key|code|sku|no|nr|num|number|ref|isbn|ean|iban|email|handle)\W*$|nummer$)"
    r"|[a-z](?:Id|ID|Nr|No|Key|Code)$"
)
_MEASURE = re.compile(
    r"(?:^|[\W_])(?:qty|quantity|amount|price|cost|total|sum|count|value|val|reading|temp|temperature|humidity|pressure|"
    r"weight|height|width|length|size|score|age|lat|lon|lng|latitude|longitude|percent|pct|rate|duration|distance|secs?|"
    r"seconds|minutes|bytes|speed|volume|level|menge|preis|betrag|anzahl|wert)(?:$|[\W_\d])",
    re.IGNORECASE,
)
# The cost of a column in a key: low for identifiers, high for values that only happen to differ between rows.
_IDENTIFIER, _PLAIN, _NUMBER, _TIME_OR_PROSE, _CLOCK, _MEASUREMENT = 0.0, 1.0, 2.0, 3.0, 8.0, 12.0
_ONE_COLUMN_MORE = 2.0
_NOTHING_PLAIN = 4.0
_NOT_UNIQUE = 0.5
_BY_PLACE = 0.05


@dataclass(frozen=True, slots=True)
class Key:
    """One to three columns, and the number of sample rows in which they repeat or lack a value.

    With three, the last two are the sort key, joined by `joint`. `is_measured`: one is a measurement or a time of day.
    """

    columns: tuple[str, ...]
    repeated: int
    missing: int
    joint: str = "#"
    is_measured: bool = False

    @property
    def odd(self) -> int:
        """The number of rows that the key does not identify."""
        return self.repeated + self.missing

    @property
    def is_unique(self) -> bool:
        """Whether each row of the sample has a value, and no value repeats."""
        return not self.odd

    @property
    def sort_key(self) -> str | None:
        """The sort key, as a feed declares it."""
        if len(self.columns) < 3:
            return self.columns[1] if len(self.columns) == 2 else None
        return self.joint.join(f"{{{name}}}" for name in self.columns[1:])


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """The candidate keys, the best first. `is_open`: none of them identifies rows."""

    best: Key
    others: tuple[Key, ...] = ()
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class _Candidate:
    name: str
    codes: AnyArray  # a number for each distinct value; null if the cell is null
    cells: AnyArray
    cost: float

    @property
    def is_plain(self) -> bool:
        return self.cost < _TIME_OR_PROSE


def find_keys(table: pa.Table, findings: list[Finding], form: NumberFormat) -> KeyChoice | None:
    """Return the candidate keys; None if no column can be a key at all.

    One column that identifies rows is better than two or three, unless it holds only times, prose or measurements.
    """
    found = [_candidate(table.column(at).combine_chunks(), one, form, at) for at, one in enumerate(findings)]
    candidates = sorted((one for one in found if one), key=lambda one: one.cost)
    if not candidates:
        return None
    rows = table.num_rows
    if not rows:
        best, *others = (Key((one.name,), 0, 0) for one in candidates[:_LISTED])
        return KeyChoice(best, tuple(others))
    good = sorted(_good(candidates, rows), key=lambda found: found[0])
    if good:
        best, *others = (key for _, key in good)
        return KeyChoice(best, tuple(others[: _LISTED - 1]))
    best, *others = _nearest(candidates, rows)
    return KeyChoice(best, tuple(others), is_open=True)


def _candidate(cells: AnyArray, finding: Finding, form: NumberFormat, at: int) -> _Candidate | None:
    """Return the column as a candidate if it holds strings or whole numbers, none of them too long; else None."""
    name = finding.name
    if finding.type not in ("S", "N") or len(name.encode()) > MAX_KEY_NAME_BYTES or "{" in name or "}" in name:
        return None
    if finding.type == "N" and form.thousands:
        cells = pc.replace_substring(cells, form.thousands, "")  # 1,000 and 1000 are one key
    values = cells.drop_null()
    if (pc.max(byte_lengths(values)).as_py() or 0) > MAX_SORT_KEY_BYTES:
        return None
    if finding.type == "N" and not is_few(_count_unlike(values, _WHOLE_NUMBER), len(values)):
        return None
    encoded = cells.dictionary_encode()
    cost = _cost(name, list(map(str, values.slice(0, 200).to_pylist())), is_number=finding.type == "N")
    return _Candidate(name, encoded.indices.cast(pa.int64()), cells, cost + _BY_PLACE * min(at, 15))


def _cost(name: str, values: list[str], *, is_number: bool) -> float:
    if _are_most(values, is_time):
        return _CLOCK
    if _are_most(values, is_date) or _are_most(values, lambda value: " " in value.strip()):
        return _TIME_OR_PROSE
    if _KEY_NAME.search(name):
        return _IDENTIFIER
    if is_number and _MEASURE.search(name):
        return _MEASUREMENT
    if is_number:
        return _PLAIN if _are_counted(values) else _NUMBER
    return _PLAIN


def _are_counted(values: list[str]) -> bool:
    """Return whether values are consecutive whole numbers, beginning with any number."""
    if not all(re.fullmatch(r"[0-9]{1,38}", value) for value in values):
        return False
    return all(int(two) == int(one) + 1 for one, two in pairwise(values))


def _count_unlike(values: AnyArray, pattern: str) -> int:
    return len(values) - count_true(pc.match_substring_regex(values, pattern))


def _are_most(values: list[str], is_so: Callable[[str], bool]) -> bool:
    return sum(map(is_so, values)) * 2 > len(values)


def _good(candidates: list[_Candidate], rows: int) -> Iterator[tuple[float, Key]]:
    """Yield keys that identify all but a few rows, with their costs: of one column, then two and three if necessary."""
    least = float("inf")
    for size in (1, 2, 3):
        if least < (size - 1) * _ONE_COLUMN_MORE:
            return  # more columns would cost more
        for chosen in combinations(candidates[: _MOST_COLUMNS.get(size)], size):
            cost = _cost_of(chosen)
            if (size > 1 and cost > least) or _repeats_early(chosen, rows):
                continue
            key = _counted_key(chosen, rows)
            if is_few(key.odd, rows):
                least = min(least, cost)
                yield cost + _NOT_UNIQUE * (not key.is_unique), key


def _cost_of(chosen: tuple[_Candidate, ...]) -> float:
    nothing_plain = 0.0 if any(one.is_plain for one in chosen) else _NOTHING_PLAIN
    return sum(one.cost for one in chosen) + _ONE_COLUMN_MORE * (len(chosen) - 1) + nothing_plain


def _repeats_early(chosen: Sequence[_Candidate], rows: int) -> bool:
    """Return whether the first rows of a large sample already show that these columns are not a key."""
    if rows <= _FIRST_ROWS:
        return False
    return _counted([one.codes.slice(0, _FIRST_ROWS) for one in chosen], _FIRST_ROWS)[0] > rows * ODD_SHARE


def _counted_key(chosen: Sequence[_Candidate], rows: int) -> Key:
    repeated, missing = _counted([one.codes for one in chosen], rows)
    joint = next((mark for mark in _JOINTS if len(chosen) < 3 or not _has(chosen[1].cells, mark)), _JOINTS[0])
    is_measured = any(one.cost >= _CLOCK for one in chosen)
    return Key(tuple(one.name for one in chosen), repeated, missing, joint, is_measured)


def _has(cells: AnyArray, mark: str) -> bool:
    return bool(pc.any(pc.match_substring(cells, mark)).as_py())


def _counted(columns: list[AnyArray], rows: int) -> tuple[int, int]:
    """Return how many rows repeat a combination of these columns' values, and how many lack one of the values."""
    codes, *others = columns
    for other in others:
        both = pc.add(pc.multiply(codes, pa.scalar(rows + 1, pa.int64())), other)
        codes = both.dictionary_encode().indices.cast(pa.int64())
    missing = codes.null_count
    return rows - missing - pc.count_distinct(codes).as_py(), missing


def _nearest(candidates: list[_Candidate], rows: int) -> list[Key]:
    """Return the keys that come closest to identifying rows; one with more columns only if it is much better."""
    found: list[Key] = []
    first = [replace(one, codes=one.codes.slice(0, _FIRST_ROWS)) for one in candidates]
    for size in (1, 2, 3):
        tried = list(combinations(range(len(candidates))[: _MOST_COLUMNS.get(size, 12)], size))
        keys = [(_counted_key([first[at] for at in places], min(rows, _FIRST_ROWS)), places) for places in tried]
        if not keys:
            break
        _, places = min(keys, key=lambda found: (found[0].is_measured, found[0].odd))
        key = _counted_key([candidates[at] for at in places], rows)
        if not found or key.odd < found[-1].odd * 0.9:
            found.append(key)
    return found[::-1]
