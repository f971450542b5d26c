"""The known outcome of generated files, and checksums of items that do not depend on order or on portions.

Hashes are computed column by column and combined from the parts of a text. A text's `linear` hash is its bytes as the
digits of a number to the base BASE, modulo 2^64: that of `a + b` follows from those of `a` and `b`. The further steps
are not linear: a value's hash mixes this with its length, attribute and type, and an item's hash mixes the sum of its
values' hashes. So swapping values, within an item or between items, changes the sum over all items.
"""

import json
import re
from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import MAX_EMAX, MIN_EMIN, Context
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODULUS = 1 << 64


@dataclass(frozen=True, slots=True)
class KnownOutcome:
    """The outcome of loading one file, or several whose keys differ."""

    rows: int = 0
    rejected: dict[str, int] = field(default_factory=dict)  # rows, by reason
    superseded: tuple[int, int] = (0, 0)  # rows replaced by a later one of their key, at least and at most
    items: int = 0  # in the table after the load
    checksum: int = 0  # of these items (`loadtest.workload.checksum`)
    bytes: int = 0  # of the file as delivered
    text_bytes: int = 0  # before compression
    not_summed: tuple[str, ...] = ()  # attributes that depend on the load, not on the file: excluded from the checksum

    @property
    def rows_rejected(self) -> int:
        """The number of all rejects."""
        return sum(self.rejected.values())

    @property
    def rows_kept(self) -> int:
        """Rows written plus rows superseded: exact even where `superseded` is a range."""
        return self.rows - self.rows_rejected

    def plus(self, other: "KnownOutcome") -> "KnownOutcome":
        """Return the known outcome of both; their keys must differ."""
        return KnownOutcome(
            self.rows + other.rows,
            dict(sorted((Counter(self.rejected) + Counter(other.rejected)).items())),
            (self.superseded[0] + other.superseded[0], self.superseded[1] + other.superseded[1]),
            self.items + other.items,
            (self.checksum + other.checksum) % MODULUS,
            self.bytes + other.bytes,
            self.text_bytes + other.text_bytes,
            tuple(sorted({*self.not_summed, *other.not_summed})),
        )

    def document(self) -> dict[str, Any]:
        """Return the known outcome as a JSON document; the checksum is hexadecimal, as JSON numbers are not exact."""
        least, most = self.superseded
        return asdict(self) | {"superseded": {"min": least, "max": most}, "checksum": f"{self.checksum:016x}"}


U64 = NDArray[np.uint64]
BASE = 0x9E3779B97F4A7C15  # odd, and 5 modulo 8: its powers have the longest possible period
_MOST_BYTES = 1 << 22  # hashed at a time; memory use is about 25 times this


def linear(values: Sequence[bytes]) -> tuple[U64, U64]:
    """Return the linear hash of each value, and BASE to the power of its length."""
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    if int(lengths.sum()) > _MOST_BYTES and len(values) > 1:
        middle = len(values) // 2
        (first, first_powers), (second, second_powers) = linear(values[:middle]), linear(values[middle:])
        return np.concatenate([first, second]), np.concatenate([first_powers, second_powers])
    powers = np.full(int(lengths.max(initial=0)) + 1, BASE, np.uint64)
    powers[0] = 1
    np.multiply.accumulate(powers, out=powers)
    hashes, ends = np.zeros(len(values), np.uint64), np.cumsum(lengths)
    data = np.frombuffer(b"".join(values), np.uint8)
    if len(data):
        terms = powers[np.repeat(ends, lengths) - np.arange(1, len(data) + 1)]
        terms *= data
        filled = lengths > 0  # reduceat does not support empty sums
        hashes[filled] = np.add.reduceat(terms, (ends - lengths)[filled])
    return hashes, powers[lengths]


def mix(values: U64) -> U64:
    """Return numbers of which each bit depends on every bit of the given one (the finalizer of SplitMix64)."""
    mixed: U64 = values ^ (values >> np.uint64(30))
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def seed_of(*names: object) -> np.uint64:
    """Return a seed derived from these names."""
    return np.uint64(int.from_bytes(blake2b("\0".join(map(str, names)).encode(), digest_size=8).digest(), "little"))


def words(seed: np.uint64, numbers: NDArray[np.int64]) -> U64:
    """Return 32 random bits for each number, which depend only on the seed and the number (SplitMix64)."""
    return mix(numbers.astype(np.uint64) * np.uint64(BASE) + seed) >> np.uint64(32)


def value_hashes(name: str, kind: str, linears: U64, powers_of_length: U64) -> U64:
    """Return the hashes of an attribute's values; adding the power puts a 1 before the text, so that length counts."""
    return mix((linears + powers_of_length) ^ seed_of(name, kind))


def mixed_sums(sums: U64) -> U64:
    """Return the hashes of items, given the sums of their values' hashes."""
    return mix(sums + np.uint64(1))


_EXACT = Context(prec=100_000, Emax=MAX_EMAX, Emin=MIN_EMIN)
_CANONICAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


@lru_cache(maxsize=1 << 16)
def canonical_number(text: str) -> str:
    """Return a number in plain digits, without insignificant zeros.

    >>> [canonical_number(text) for text in ("007", "1.10", "1e2", "-0.0", "1E-3", "-.5")]
    ['7', '1.1', '100', '0', '0.001', '-0.5']
    """
    if _CANONICAL.fullmatch(text) and text != "-0":
        return text
    plain = f"{_EXACT.create_decimal(text):f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain == "-0" else plain


def canonical_value(kind: str, content: Any) -> bytes:
    """Return the canonical bytes of a value of DynamoDB JSON; binary may be bytes or base64.

    >>> canonical_value("N", "1.50"), canonical_value("SS", ["b", "a"]), canonical_value("M", {"x": {"N": "1.0"}})
    (b'1.5', b'["a","b"]', b'{"x":["N","1"]}')
    """
    if kind == "S":
        return bytes(content, "utf-8")
    if kind == "N":
        return canonical_number(content).encode()
    return _binary(content) if kind == "B" else _json(_nested(kind, content)).encode()


def _binary(content: Any) -> bytes:
    return b64decode(content) if isinstance(content, str) else bytes(content)


def _nested(kind: str, content: Any) -> Any:
    """Return a value in a form with only one JSON spelling."""
    match kind:
        case "M":
            return {name: _typed(value) for name, value in content.items()}
        case "L":
            return list(map(_typed, content))
        case "N":
            return canonical_number(content)
        case "B":
            return _binary(content).hex()
        case "SS" | "NS" | "BS":
            return sorted(_nested(kind[0], member) for member in content)
        case _:
            return content


def _typed(value: dict[str, Any]) -> list[Any]:
    [(kind, content)] = value.items()
    return [kind, _nested(kind, content)]


Item = Mapping[str, Mapping[str, Any]]  # DynamoDB JSON
_ITEMS = 2048  # at a time: few calls per item, and little memory


class Checksum:
    """The checksum of the items added so far, and their number.

    `not_summed` are attributes to leave out: `KnownOutcome.not_summed`.
    """

    def __init__(self, not_summed: Iterable[str] = ()) -> None:
        self.value = 0
        self.items = 0
        self._not_summed = frozenset(not_summed)

    def add(self, items: Iterable[Item]) -> None:
        """Add items, each of them once."""
        left = iter(items)
        while some := list(islice(left, _ITEMS)):
            self.value = (self.value + int(item_hashes(some, self._not_summed).sum(dtype=np.uint64))) % MODULUS
            self.items += len(some)


def item_hashes(items: list[Item], not_summed: frozenset[str] = frozenset()) -> U64:
    """Return the hash of each item; equal items have equal hashes, whatever the order or spelling of their values."""
    return mixed_sums(value_sums(items, not_summed))


def value_sums(items: Sequence[Item], not_summed: frozenset[str] = frozenset()) -> U64:
    """Return the sum of the hashes of each item's values; the sums of parts of an item add up to that of the item."""
    columns: dict[tuple[str, str], tuple[list[int], list[Any]]] = defaultdict(lambda: ([], []))
    for row, item in enumerate(items):
        for name, value in item.items():
            for kind, content in value.items():
                rows, contents = columns[name, kind]
                rows.append(row)
                contents.append(content)
    sums = np.zeros(len(items), np.uint64)
    for (name, kind), (rows, contents) in columns.items():
        if name not in not_summed:
            sums[rows] += value_hashes(name, kind, *linear([canonical_value(kind, content) for content in contents]))
    return sums
