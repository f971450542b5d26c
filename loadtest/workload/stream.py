"""A recipe -> the bytes of its file, block by block, and their known outcome. Memory does not grow with the file.

A block does not depend on the blocks made before or after it.
"""

import bz2
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loadtest.workload.checksum import MODULUS, U64, KnownOutcome, mixed_sums, seed_of, value_hashes, words
from loadtest.workload.generators import Cells, Numbers, sampler
from loadtest.workload.plan import Plan, plan_of
from loadtest.workload.recipe import BLANK_LINES, DUPLICATES, ROW_BITS, BadRecipe, Recipe

GROUP = 32
_DOUBLINGS = 5  # steps to resolve chains of repeated keys within a group of 32 rows


def keys_of(wants: U64, choice: U64, share: float) -> Numbers:
    """Return for each row the row whose key it has, by two random words each; the first row begins a group."""
    own = np.arange(len(wants))
    place = own % GROUP
    is_again = wants < min(share * GROUP / (GROUP - 1), 1.0) * (1 << 32)
    is_again[place == 0] = False
    earlier = own - place + (choice * place.astype(np.uint64) >> np.uint64(32)).astype(np.int64)
    keys = np.where(is_again, earlier, own)
    for _ in range(_DOUBLINGS):
        keys = keys[keys]
    return keys


def last_of_each(keys: Numbers, good: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether each row is good and no later good row has its key."""
    rows = np.flatnonzero(good)
    last = np.full(len(keys), -1, np.int64)
    last[keys[rows]] = rows  # if an index occurs twice, numpy keeps the last value
    is_last = np.zeros(len(keys), np.bool_)
    is_last[last[last >= 0]] = True
    return is_last


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive rows of a file."""

    first: int  # number of the first row
    text: memoryview
    starts: Numbers  # offsets in the text of each row's start, and of the last row's end
    reasons: tuple[str, ...]  # reasons for rejection; the first is "" for good rows
    kinds: Numbers  # index of each row's reason
    hashes: U64  # of the item that each good row becomes, as by `checksum.item_hashes`
    kept: NDArray[np.bool_]  # whether the row is good and no later row of the file replaces it

    @property
    def data(self) -> memoryview:
        """The bytes of these rows."""
        return self.text[self.starts[0] : self.starts[-1]]

    def known_outcome(self) -> KnownOutcome:
        """Return the known outcome of these rows."""
        items, rejected = int(self.kept.sum()), Counter[str]()
        for reason, count in zip(self.reasons, np.bincount(self.kinds, minlength=len(self.reasons)), strict=True):
            rejected[reason] += int(count)
        superseded = rejected.pop("") - items
        return KnownOutcome(
            rows=len(self.kinds),
            rejected=dict(sorted((+rejected).items())),
            superseded=(superseded, superseded),
            items=items,
            checksum=int(self.hashes[self.kept].sum(dtype=np.uint64)) % MODULUS,
            text_bytes=len(self.data),
        )


def make(plan: Plan, file: int, first: int, count: int) -> Block:
    """Return rows of a file. The first row must begin a group of `GROUP` rows, and the last end one, or the file."""
    plan_keys, numbers = plan.recipe.schema.key_columns, np.arange(count) + (file << ROW_BITS) + first
    keys, contents = _repeats(plan, numbers, first)
    cells = {
        name: generator.make(numbers[keys if name in plan_keys else contents])
        for name, generator in plan.generators.items()
    }
    bad = [inject.share for inject in plan.injects]
    kinds = sampler([max(0.0, 1 - sum(bad)), *bad])(_draw(plan, "bad", numbers))
    kinds[:1] = kinds[:1] if first else 0  # the first row of a file shows the encoding
    text, starts = plan.pieces.joined(_places(plan, cells, kinds, _draw(plan, "blank", numbers)))
    reasons = ("", *(inject.reason for inject in plan.injects))
    return Block(first, text, starts, reasons, kinds, _hashes(plan, cells, count), last_of_each(keys, kinds == 0))


def _draw(plan: Plan, what: str, numbers: Numbers) -> U64:
    return words(seed_of(plan.recipe.seed, what), numbers)


def _repeats(plan: Plan, numbers: Numbers, first: int) -> tuple[Numbers, Numbers]:
    """Return for each row the row whose key it has, and the row whose content it has."""
    own, share = np.arange(len(numbers)), plan.recipe.share(DUPLICATES)
    if not share:
        return own, own
    keys = keys_of(_draw(plan, "again", numbers), _draw(plan, "which", numbers), share)
    is_other = (_draw(plan, "other", numbers) & np.uint64(1) == 1) & (own + first < plan.ordered_rows)
    return keys, np.where(is_other, own, keys)


def _places(plan: Plan, cells: Mapping[str, Cells], kinds: Numbers, blank: U64) -> NDArray[np.int32]:
    """Return the numbers of the pieces of each row."""
    pieces = [piece for made in cells.values() for piece in made.pieces]
    places = np.empty((len(kinds), len(pieces) + 1), np.int32)
    for at, piece in enumerate(pieces):
        places[:, at] = piece
    is_followed = blank < plan.recipe.share(BLANK_LINES) * (1 << 32)
    places[:, -1] = np.where(is_followed, plan.line_ends[1], plan.line_ends[0])
    ends = dict(zip(cells, np.cumsum([len(made.pieces) for made in cells.values()]).tolist(), strict=True))
    for kind, instead in enumerate(plan.bad_cells, start=1):
        rows = np.flatnonzero(kinds == kind)
        for name, piece in instead.items():
            begin = ends[name] - len(cells[name].pieces)
            places[rows, begin : ends[name]] = 0
            places[rows, begin] = piece
    return places


def _hashes(plan: Plan, cells: Mapping[str, Cells], count: int) -> U64:
    sums = np.full(count, plan.constants, np.uint64)
    for made in cells.values():
        sums += made.hashes
    for attribute, parts in plan.templates:
        pieces = [piece for part in parts for piece in (cells[part].text if isinstance(part, str) else part)]
        filled = value_hashes(attribute, "S", *plan.pieces.hashed(pieces))
        for name in (part for part in parts if isinstance(part, str)):
            filled[cells[name].missing] = 0
        sums += filled
    return mixed_sums(sums)


BLOCK_ROWS = 8192  # rows at a time: few calls per row, and the data fits in the CPU cache
BLOCK_BYTES = 16 * 1024 * 1024  # approximate limit: long rows give smaller blocks
_NO_LIMIT = 1 << 62
_LEAST_ROW_BYTES = 16  # approximate; limits the rows made at a time to those that may fit a given size
_SEGMENT_LEAST = 2 * 1024 * 1024  # bytes: no loader splits a file into smaller parts
_WINDOW_ROWS = 1_000_000  # the least number of keys that a loader compares
_LEVEL = 1  # of compression: the fastest, so that the CPU limits generating as little as possible
_CUT_LOSES = 16  # most rows that count as written instead of superseded if a group of 32 is split


class Generation:
    """One file: iterate for its bytes; `known_outcome` is that of the bytes yielded so far."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.plan = recipe, (plan := plan_of(recipe))
        self.known_outcome = KnownOutcome(not_summed=self.plan.not_summed)
        self._rows = max(GROUP, min(BLOCK_ROWS, int(BLOCK_BYTES / self.plan.likely_row_bytes) // GROUP * GROUP))
        if recipe.text_bytes is not None and recipe.text_bytes < len(self.plan.head) + len(self.plan.foot):
            raise BadRecipe(f"{recipe.text_bytes} bytes: the header alone is {len(self.plan.head)}.")
        rows, row_bytes = recipe.rows or 0, plan.row_bytes + plan.most_bad_bytes
        most = recipe.text_bytes or len(plan.head + plan.foot) + rows * row_bytes
        self.most_bytes = most + most // 100 + 1024  # upper limit; compression may enlarge incompressible text a little
        self.likely_bytes = recipe.text_bytes or int(rows * plan.likely_row_bytes)  # of the text, approximate
        self.has_rejects = bool(recipe.rejects)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the file's bytes, some 100 KB to 1 MB at a time."""
        size = 0
        for data in filter(None, _compressed(self.recipe.compression, self._texts())):
            size += len(data)
            self.known_outcome = replace(self.known_outcome, bytes=size)
            yield data
        self.known_outcome = self._reported(self.known_outcome)

    def _texts(self) -> Iterator[bytes | memoryview]:
        """Yield the file's text, and add each part's rows to the known outcome."""
        self.known_outcome = KnownOutcome(text_bytes=len(self.plan.head), not_summed=self.plan.not_summed)
        yield self.plan.head
        for block in self.blocks():
            self.known_outcome = self.known_outcome.plus(block.known_outcome())
            yield block.data
        self.known_outcome = self.known_outcome.plus(KnownOutcome(text_bytes=len(self.plan.foot)))
        yield self.plan.foot

    def blocks(self) -> Iterator[Block]:
        """Yield the file's rows, some thousands at a time; if a size is given, the last row that fits ends the file."""
        recipe, start = self.recipe, 0
        rows = _NO_LIMIT if recipe.rows is None else recipe.rows
        room = (_NO_LIMIT if recipe.text_bytes is None else recipe.text_bytes) - len(self.plan.head + self.plan.foot)
        while count := min(self._rows, rows - start, GROUP * (1 + room // _LEAST_ROW_BYTES // GROUP)):
            block = make(self.plan, recipe.file, start, count)
            fitting = int(np.searchsorted(block.starts, room, side="right")) - 1
            if fitting < count:
                yield make(self.plan, recipe.file, start, fitting)
                return
            yield block
            start, room = start + count, room - len(block.data)

    def _reported(self, known_outcome: KnownOutcome) -> KnownOutcome:
        """Return the known outcome with the range of superseded rows, which is exact unless the file may be split."""
        least, most = known_outcome.superseded
        is_whole = known_outcome.text_bytes <= self.recipe.segment_bytes // 2 and known_outcome.rows < _WINDOW_ROWS // 2
        if not is_whole:
            cuts = known_outcome.text_bytes // _SEGMENT_LEAST + known_outcome.rows // _WINDOW_ROWS + 1
            least = max(0, least - _CUT_LOSES * cuts)
        return replace(known_outcome, superseded=(least, most))


def _compressed(name: str, texts: Iterator[bytes | memoryview]) -> Iterator[bytes]:
    """Yield compressed texts; some portions are empty. Zstandard is Arrow's, with one frame per portion."""
    match name:
        case "gzip" | "bz2":
            packed = zlib.compressobj(_LEVEL, wbits=31) if name == "gzip" else bz2.BZ2Compressor(_LEVEL)
            yield from map(packed.compress, texts)
            yield packed.flush()
        case "zstd":
            yield from (pa.compress(text, "zstd", asbytes=True) for text in texts)
        case _:
            yield from map(bytes, texts)


def hashes_of(recipe: Recipe) -> U64:
    """Return the hash of the item that each good row of a file becomes, also of rows that are replaced later."""
    blocks = [block.hashes[block.kinds == 0] for block in Generation(recipe).blocks()]
    return np.concatenate([np.zeros(0, np.uint64), *blocks])
