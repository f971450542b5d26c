"""What worker processes take of the machine, as /proc tells it."""

import os
from collections.abc import Iterable
from pathlib import Path

from loadtest.harness.process import cpu_seconds, peak_resident_bytes

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Usage:
    """CPU seconds of all workers that were ever looked at, those that have ended too, and memory of the largest."""

    def __init__(self) -> None:
        self.workers = 0
        self.resident_bytes = self.peak_bytes = 0  # of the worker that has most
        self._cpu_seconds: dict[int, float] = {}

    def look(self, pids: Iterable[int]) -> None:
        """Look at the workers there are now."""
        resident = {pid: resident_bytes(pid) for pid in pids}
        living = [pid for pid, size in resident.items() if size]
        self.workers = len(living)
        self.resident_bytes = max(resident.values(), default=0)
        for pid in living:
            self._cpu_seconds[pid] = max(self._cpu_seconds.get(pid, 0.0), cpu_seconds(pid))
            self.peak_bytes = max(self.peak_bytes, peak_resident_bytes(pid))

    @property
    def cpu_seconds(self) -> float:
        """What all of them took together so far."""
        return sum(self._cpu_seconds.values())


def resident_bytes(pid: int) -> int:
    """Return how much memory a process has now; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def members(group: int) -> list[int]:
    """Return the processes of a group, but for its leader."""
    return [pid for pid in _pids() if pid != group and _group_of(pid) == group]


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _group_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[2])
    except (OSError, IndexError):
        return 0
