"""Blocks of rows: their bytes, and what must be found of them. The same whichever blocks are made before or after."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.workload.expected import MODULUS, KnownOutcome
from loadtest.workload.generators import Cells, Numbers, sampler
from loadtest.workload.hashing import U64, mixed_sums, seed_of, value_hashes, words
from loadtest.workload.plan import Plan
from loadtest.workload.recipe import BLANK_LINES, DUPLICATES, ROW_BITS

GROUP = 32
_DOUBLINGS = 5  # of how far back a row's key can come from: 32 rows


def keys_of(wants: U64, choice: U64, share: float) -> Numbers:
    """Return the row that each row has the key of, by two random words for each; the first row begins a group."""
    own = np.arange(len(wants))
    place = own % GROUP
    is_again = (wants < min(share * GROUP / (GROUP - 1), 1.0) * (1 << 32)) & (
        place > 0
    )  # the first of a group never is
    earlier = own - place + (choice * place.astype(np.uint64) >> np.uint64(32)).astype(np.int64)
    keys = np.where(is_again, earlier, own)
    for _ in range(_DOUBLINGS):
        keys = keys[keys]
    return keys


def last_of_each(keys: Numbers, good: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether each row is good and no later good row has its key."""
    rows = np.flatnonzero(good)
    last = np.full(len(keys), -1, np.int64)
    last[keys[rows]] = rows  # where a place is named twice, numpy keeps the last
    is_last = np.zeros(len(keys), np.bool_)
    is_last[last[last >= 0]] = True
    return is_last


Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of a file, one after another."""

    first: int  # the number of the first
    text: memoryview
    starts: Numbers  # where in the text each row begins and the last ends
    reasons: tuple[str, ...]  # why rows are rejected; the first of them is "": the row is good
    kinds: Numbers  # which of the reasons is each row's
    hashes: U64  # of the item that each good row becomes, as `checksum.item_hashes` gives it
    kept: Flags  # whether the row is good and no later row of the file replaces it

    @property
    def data(self) -> memoryview:
        """The bytes of these rows."""
        return self.text[self.starts[0] : self.starts[-1]]

    def known_outcome(self) -> KnownOutcome:
        """Return what must be found of these rows."""
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
    """Return rows of a file. The first begins a group of `duplicates.GROUP`, and the last ends one, or the file."""
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
    """Return for each row the one that it has the key of, and the one that it has the content of."""
    own, share = np.arange(len(numbers)), plan.recipe.defects.share(DUPLICATES)
    if not share:
        return own, own
    keys = keys_of(_draw(plan, "again", numbers), _draw(plan, "which", numbers), share)
    is_other = (_draw(plan, "other", numbers) & np.uint64(1) == 1) & (own + first < plan.ordered_rows)
    return keys, np.where(is_other, own, keys)


def _places(plan: Plan, cells: Mapping[str, Cells], kinds: Numbers, blank: U64) -> NDArray[np.int32]:
    """Return the numbers of the pieces that each row is put together from."""
    pieces = [piece for made in cells.values() for piece in made.pieces]
    places = np.empty((len(kinds), len(pieces) + 1), np.int32)
    for at, piece in enumerate(pieces):
        places[:, at] = piece
    is_followed = blank < plan.recipe.defects.share(BLANK_LINES) * (1 << 32)
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
