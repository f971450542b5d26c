"""Metrics as EMF lines on standard output, which CloudWatch Logs turns into metrics."""

import time
from collections.abc import Callable, Mapping

from ingest.core.emf import Value, emf_line


class Metrics:
    """Writes metrics of one stack."""

    def __init__(self, *, stack: str, now_s: Callable[[], float] = time.time) -> None:
        self._stack = stack
        self._now_s = now_s

    def put(self, feed: str, values: Mapping[str, Value]) -> None:
        """Write one line, at once: a function that is killed has told it. `feed` is "-" for what belongs to none."""
        print(emf_line(self._stack, feed, values, at_s=self._now_s()), flush=True)
