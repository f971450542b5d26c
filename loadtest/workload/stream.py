"""A recipe -> the bytes of its file, block by block, and what must be found of them. Memory does not grow with it."""

import bz2
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from loadtest.workload.block import GROUP, Block, make
from loadtest.workload.expected import KnownOutcome
from loadtest.workload.hashing import U64
from loadtest.workload.plan import plan_of
from loadtest.workload.recipe import Recipe
from loadtest.workload.schema import BadRecipe

BLOCK_ROWS = 8192  # at a time: few calls a row, and what is worked on stays in the cache
BLOCK_BYTES = 16 * 1024 * 1024  # about: fewer rows, if they are long
_LEAST_ROW_BYTES = 16  # about: where the size of the file is given, no more rows are made at a time than may fit
_SEGMENT_LEAST = 2 * 1024 * 1024  # bytes: no loader cuts a file into smaller parts
_WINDOW_ROWS = 1_000_000  # how many keys a loader compares at least
_LEVEL = 1  # of compression: generating is to be bound by the CPU as little as may be
_CUT_LOSES = 16  # rows at most that count as written and not as superseded, where their group of 32 is cut in two


class Generation:
    """One file: iterate for its bytes; `known_outcome` is what must be found of those that are out."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.plan = recipe, (plan := plan_of(recipe))
        self.known_outcome = KnownOutcome(not_summed=self.plan.not_summed)
        self._rows = max(GROUP, min(BLOCK_ROWS, int(BLOCK_BYTES / self.plan.likely_row_bytes) // GROUP * GROUP))
        if recipe.text_bytes is not None and recipe.text_bytes < len(self.plan.head) + len(self.plan.foot):
            raise BadRecipe(f"{recipe.text_bytes} bytes: the header alone is {len(self.plan.head)}.")
        rows, row_bytes = recipe.rows or 0, plan.row_bytes + plan.most_bad_bytes
        most = recipe.text_bytes or len(plan.head + plan.foot) + rows * row_bytes
        self.most_bytes = most + most // 100 + 1024  # no more come out; what cannot be compressed grows a little
        self.likely_bytes = recipe.text_bytes or int(rows * plan.likely_row_bytes)  # of the text, about
        self.has_rejects = recipe.defects.rejected > 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the file's bytes, some 100 KB to 1 MB at a time."""
        (compress, flush), size = _compressor(self.recipe.compression), 0
        for text in self._texts():
            data = compress(text)
            size += len(data)
            self.known_outcome = replace(self.known_outcome, bytes=size)
            if data:
                yield data
        data = flush()
        self.known_outcome = self._reported(replace(self.known_outcome, bytes=size + len(data)))
        if data:
            yield data

    def _texts(self) -> Iterator[bytes | memoryview]:
        """Yield the file's text; add to the known outcome what each part of it holds."""
        self.known_outcome = KnownOutcome(text_bytes=len(self.plan.head), not_summed=self.plan.not_summed)
        yield self.plan.head
        for block in self.blocks():
            self.known_outcome = self.known_outcome.plus(block.known_outcome())
            yield block.data
        self.known_outcome = self.known_outcome.plus(KnownOutcome(text_bytes=len(self.plan.foot)))
        yield self.plan.foot

    def blocks(self) -> Iterator[Block]:
        """Yield the file's rows, some thousands at a time."""
        if self.recipe.text_bytes is not None:
            yield from self._fitting(self.recipe.text_bytes - len(self.plan.head) - len(self.plan.foot))
            return
        for first in range(0, self.recipe.rows or 0, self._rows):
            yield make(self.plan, self.recipe.file, first, min(self._rows, (self.recipe.rows or 0) - first))

    def _fitting(self, room: int) -> Iterator[Block]:
        """Yield the rows that fit in a number of bytes: the last of them ends the file."""
        start = 0
        while True:
            count = min(self._rows, GROUP * (1 + room // _LEAST_ROW_BYTES // GROUP))
            block = make(self.plan, self.recipe.file, start, count)
            fitting = int(np.searchsorted(block.starts, room, side="right")) - 1
            if fitting < count:
                yield make(self.plan, self.recipe.file, start, fitting)
                return
            yield block
            start, room = start + count, room - len(block.data)

    def _reported(self, known_outcome: KnownOutcome) -> KnownOutcome:
        """Return the known outcome with the superseded rows: all, unless the file may be cut between them."""
        least, most = known_outcome.superseded
        is_whole = known_outcome.text_bytes <= self.recipe.segment_bytes // 2 and known_outcome.rows < _WINDOW_ROWS // 2
        if not is_whole:
            cuts = known_outcome.text_bytes // _SEGMENT_LEAST + known_outcome.rows // _WINDOW_ROWS + 1
            least = max(0, least - _CUT_LOSES * cuts)
        return replace(known_outcome, superseded=(least, most))


def _compressor(name: str) -> tuple[Callable[[Any], bytes], Callable[[], bytes]]:
    """Return what compresses some bytes, and what ends it. Zstandard is Arrow's, a frame for each portion."""
    match name:
        case "gzip" | "bz2":
            packed = zlib.compressobj(_LEVEL, wbits=31) if name == "gzip" else bz2.BZ2Compressor(_LEVEL)
            return packed.compress, packed.flush
        case "zstd":
            return lambda data: pa.compress(data, "zstd", asbytes=True), bytes
        case _:
            return bytes, bytes


def hashes_of(recipe: Recipe) -> U64:
    """Return the hash of the item that each good row of a file becomes, if it is replaced too."""
    blocks = [block.hashes[block.kinds == 0] for block in Generation(recipe).blocks()]
    return np.concatenate([np.zeros(0, np.uint64), *blocks])
