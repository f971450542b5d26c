"""A recipe -> the bytes of its file, block by block, and what must be found of them. Memory does not grow with it."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from loadtest.workload.block import BLOCK_ROWS, Blocks, RowRange
from loadtest.workload.compression import compressor
from loadtest.workload.expected import KnownOutcome
from loadtest.workload.faults import BadRecipe
from loadtest.workload.hashing import U64
from loadtest.workload.plan import plan_of
from loadtest.workload.recipe import Recipe

_SEGMENT_LEAST = 2 * 1024 * 1024  # bytes: no loader cuts a file into smaller parts
_WINDOW_ROWS = 1_000_000  # how many keys a loader compares at least
_CUT_LOSES = 16  # rows at most that count as written and not as superseded, where their group of 32 is cut in two


class Generation:
    """One file: iterate for its bytes; `known outcome` is what must be found of those that are out."""

    def __init__(self, recipe: Recipe) -> None:
        """Make ready.

        Raises:
            BadRecipe: the recipe cannot be followed.
        """
        self.recipe = recipe
        self.known_outcome = KnownOutcome()
        self.hashes: list[U64] | None = None  # of the items of good rows, where they are wanted
        self._plan = plan_of(recipe)
        if recipe.text_bytes is not None and recipe.text_bytes < len(self._plan.head) + len(self._plan.foot):
            raise BadRecipe(f"{recipe.text_bytes} bytes: the header alone is {len(self._plan.head)}.")

    @property
    def most_bytes(self) -> int:
        """No more bytes than these come out."""
        first, end = self.recipe.part or (0, self.recipe.rows or 0)
        long = sum(kind.size for kind in self._plan.spoils.kinds if kind.share)
        most = self.recipe.text_bytes or len(self._plan.head + self._plan.foot) + (end - first) * (
            self._plan.row_bytes + long
        )
        return most + most // 100 + 1024  # what cannot be compressed grows a little

    @property
    def likely_bytes(self) -> int:
        """The approximate size of the text."""
        first, end = self.recipe.part or (0, self.recipe.rows or 0)
        return self.recipe.text_bytes or int((end - first) * self._plan.likely_row_bytes)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the file's bytes, some 100 KB to 1 MB at a time."""
        self.known_outcome = KnownOutcome(not_summed=self._plan.not_summed)
        packed, size = compressor(self.recipe.compression), 0
        for text in self._texts():
            data = packed.compress(text)
            size += len(data)
            self.known_outcome = replace(self.known_outcome, bytes=size)
            if data:
                yield data
        data = packed.flush()
        self.known_outcome = self._reported(replace(self.known_outcome, bytes=size + len(data)))
        if data:
            yield data

    def _texts(self) -> Iterator[bytes]:
        """Yield the file's text; add to the known outcome what each part of it holds."""
        first, end = self.recipe.part or (0, self.recipe.rows)
        is_empty = first == end and self.recipe.rows != 0  # so that the first part with a row has the header
        if first == 0 and not is_empty:
            yield self._taken(self._plan.head, KnownOutcome())
        blocks = Blocks(self._plan, self.recipe.seed, self.recipe.file)
        number = first // BLOCK_ROWS
        while end is None or number * BLOCK_ROWS < end:
            room = self._room()
            extent = self._extent(number, first, room)
            text, known_outcome = blocks.make(number, extent, room)
            if self.hashes is not None:
                self.hashes.append(blocks.hashes)
            yield self._taken(text, known_outcome)
            if known_outcome.rows < extent.end - extent.first:
                break
            number += 1
        if end in (None, self.recipe.rows) and not is_empty:
            yield self._taken(self._plan.foot, KnownOutcome())

    def _taken(self, text: bytes, known_outcome: KnownOutcome) -> bytes:
        self.known_outcome = replace(
            self.known_outcome.plus(known_outcome), text_bytes=self.known_outcome.text_bytes + len(text)
        )
        return text

    def _room(self) -> int | None:
        """Return how many bytes of rows may follow; None: any."""
        if self.recipe.text_bytes is None:
            return None
        return self.recipe.text_bytes - self.known_outcome.text_bytes - len(self._plan.foot)

    def _extent(self, number: int, first: int, room: int | None) -> RowRange:
        """Return which rows of a block are wanted, and how many of it the file has."""
        start = number * BLOCK_ROWS
        if room is not None:  # a row has at least this many bytes; one more than fits shows that it is the end
            last = min(BLOCK_ROWS, room // len(self._plan.columns) + 1)
            return RowRange(0, last, last)
        rows = self.recipe.rows or 0
        end = self.recipe.part[1] if self.recipe.part else rows
        return RowRange(max(0, first - start), min(BLOCK_ROWS, end - start), min(BLOCK_ROWS, rows - start))

    def _reported(self, known_outcome: KnownOutcome) -> KnownOutcome:
        """Return the known outcome with the superseded rows: all, unless the file may be cut between them."""
        least, most = known_outcome.superseded
        is_whole = known_outcome.text_bytes <= self.recipe.segment_bytes // 2 and known_outcome.rows < _WINDOW_ROWS // 2
        if not is_whole:
            cuts = known_outcome.text_bytes // _SEGMENT_LEAST + known_outcome.rows // _WINDOW_ROWS + 1
            least = max(0, least - _CUT_LOSES * cuts)
        return replace(known_outcome, superseded=(least, most))


def chunks(recipe: Recipe) -> Iterator[bytes]:
    """Yield the bytes of a file.

    Raises:
        BadRecipe: the recipe cannot be followed.
    """
    return iter(Generation(recipe))


def hashes_of(recipe: Recipe) -> U64:
    """Return the hash of the item that each good row of a file becomes, if it is replaced too."""
    generation, hashes = Generation(replace(recipe, compression="none")), [np.zeros(0, np.uint64)]
    generation.hashes = hashes
    for _ in generation:
        pass
    return np.concatenate(hashes)


def known_outcome_of(recipe: Recipe) -> KnownOutcome:
    """Return what must be found of a file, by making all of it and throwing it away."""
    generation = Generation(recipe)
    for _ in generation:
        pass
    return generation.known_outcome
