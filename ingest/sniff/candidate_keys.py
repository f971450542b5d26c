"""Which columns identify a row: candidates for a table's key."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import pyarrow as pa
import pyarrow.compute as pc

from ingest.items.columns import AnyArray, byte_lengths, count_true
from ingest.sniff.columns import Finding, is_date
from ingest.sniff.numbers import is_few

MAX_SORT_KEY_BYTES = 1024
MAX_NAME_BYTES = 255
_PAIRED_COLUMNS = 12
_LISTED = 3
_WHOLE_NUMBER = r"^-?[0-9]{1,38}$"
_KEY_NAME = re.compile(
    r"(?i:(?:^|[\W_])(?:id|uuid|guid|key|code|sku|no|nr|num|number|ref|isbn|ean|iban|email|handle)\W*$|nummer$)"
    r"|[a-z](?:Id|ID|Nr|No|Key|Code)$"
)


@dataclass(frozen=True, slots=True)
class Key:
    """One or two columns, and in how many of the sample's rows they repeat or lack a value."""

    columns: tuple[str, ...]
    repeated: int
    missing: int

    @property
    def odd(self) -> int:
        """How many rows it does not identify."""
        return self.repeated + self.missing

    @property
    def is_unique(self) -> bool:
        """Whether the sample has a row for each value, and a value for each row."""
        return not self.odd


@dataclass(frozen=True, slots=True)
class _Candidate:
    name: str
    codes: AnyArray  # a number for each value; null where there is none
    distinct: int
    missing: int
    is_plain: bool  # no prose, no time
    worth: float


def find_keys(table: pa.Table, findings: list[Finding]) -> list[Key]:
    """Return keys the rows would have, the best first; none if no column can be a key at all.

    One column that identifies rows is better than two, unless it only holds times or prose.
    """
    found = [_candidate(table.column(at).combine_chunks(), finding, at) for at, finding in enumerate(findings)]
    candidates = sorted((one for one in found if one), key=lambda one: one.worth, reverse=True)
    rows = table.num_rows
    reporting = [one for one in candidates if is_few(rows - one.distinct, rows)]
    if not any(one.is_plain for one in reporting) and rows and len(candidates) > 1:
        return _pairs(candidates, rows)
    reporting.sort(key=lambda one: one.worth + (one.distinct == rows), reverse=True)
    return [_single(one, rows) for one in (reporting or candidates)[:_LISTED]]


def _candidate(cells: AnyArray, finding: Finding, at: int) -> _Candidate | None:
    """Return a column if it can be a key: S, or whole numbers, no value too long."""
    name = finding.name
    if finding.type not in ("S", "N") or len(name.encode()) > MAX_NAME_BYTES or "{" in name or "}" in name:
        return None
    values = cells.drop_null()
    if (pc.max(byte_lengths(values)).as_py() or 0) > MAX_SORT_KEY_BYTES:
        return None
    if finding.type == "N" and not is_few(_count_unlike(values, _WHOLE_NUMBER), len(values)):
        return None
    encoded = cells.dictionary_encode()
    looked_at = list(map(str, values.slice(0, 200).to_pylist()))
    is_plain = not (_are_most(looked_at, is_date) or _are_most(looked_at, lambda value: " " in value.strip()))
    worth = 1.5 * (_KEY_NAME.search(name) is not None) + is_plain - 0.05 * at
    return _Candidate(
        name, encoded.indices.cast(pa.int64()), len(encoded.dictionary), cells.null_count, is_plain, worth
    )


def _count_unlike(values: AnyArray, pattern: str) -> int:
    return len(values) - count_true(pc.match_substring_regex(values, pattern))


def _are_most(values: list[str], is_so: Callable[[str], bool]) -> bool:
    return sum(map(is_so, values)) * 2 > len(values)


def _single(found: _Candidate, rows: int) -> Key:
    return Key((found.name,), rows - found.missing - found.distinct, found.missing)


def _pairs(candidates: list[_Candidate], rows: int) -> list[Key]:
    """Return pairs of columns, those that identify rows first; what looks more like a key is the partition key."""
    full = [one for one in candidates if is_few(one.missing, rows)]
    chosen = (full if len(full) > 1 else candidates)[:_PAIRED_COLUMNS]
    keys = [_pair(first, second, rows) for first, second in combinations(chosen, 2)]
    keys.sort(key=lambda key: (not key.is_unique, not is_few(key.odd, rows)))  # stable: the worthier stay before
    if is_few(keys[0].odd, rows):
        return keys[:_LISTED]
    keys.sort(key=lambda key: key.odd)
    singles = sorted((_single(one, rows) for one in candidates), key=lambda key: key.odd)
    return (singles if singles[0].odd * 0.9 <= keys[0].odd else keys)[:_LISTED]  # a second column must add something


def _pair(first: _Candidate, second: _Candidate, rows: int) -> Key:
    codes = pc.add(pc.multiply(first.codes, second.distinct), second.codes)
    return Key((first.name, second.name), rows - codes.null_count - pc.count_distinct(codes).as_py(), codes.null_count)
