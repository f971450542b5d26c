"""Takes every batch of rows at full speed, and holds each against what its number says it must be."""

import json
import time
from collections.abc import Mapping
from typing import Any

from loadtest.huge.rows import Kinds, is_injected
from loadtest.simulator.service import TOOK_ALL, Answer, Service
from loadtest.simulator.settings import Settings

_MOST_COUNTED = 255
_TOOK = Answer(TOOK_ALL)


class KnownRow(Service):
    """The write side of a sink: one byte for each row that must come counts how often it did."""

    def __init__(self, kinds: Kinds, rows: Mapping[int, int]) -> None:
        super().__init__(Settings(), time.monotonic)
        self.wrong = self.repeated = self.units = 0
        self._kinds = kinds
        self._came = {file: bytearray(count) for file, count in rows.items()}

    def answer(self, operation: bytes, body: bytes) -> Answer:
        """Take all items of a BatchWriteItem."""
        count = 0
        for writes in json.loads(body)["RequestItems"].values():
            for write in writes:
                self._hold_up(write["PutRequest"]["Item"])
            count += len(writes)
        self.statistics.took(count)
        return _TOOK

    def lost(self) -> int:
        """Return how many good rows never came."""
        return sum(
            came == 0 and not is_injected(number)
            for counts in self._came.values()
            for number, came in enumerate(counts)
            if came == 0
        )

    def _hold_up(self, item: dict[str, Any]) -> None:
        id = item.pop("id")["S"]
        counts, number = self._came.get(int(id[1:3])), int(id[4:])
        if counts is None or number >= len(counts) or is_injected(number) or item != self._kinds.item(number):
            self.wrong += 1
            return
        self.repeated += counts[number] > 0
        counts[number] = min(_MOST_COUNTED, counts[number] + 1)
        self.units += self._kinds.cost(number)
