"""Processes: run a command in one of its own, what it printed and took; and what running workers take, by /proc."""

import math
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from resource import struct_rusage

LOOK_EVERY_S = 0.02
PATIENCE = 10


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """A process that ended. `exit_code` is None where it was stopped at its time limit."""

    exit_code: int | None
    output: bytes
    peak_resident_bytes: int
    user_seconds: float
    system_seconds: float
    seconds: float

    @property
    def cpu_seconds(self) -> float:
        """User and system together."""
        return self.user_seconds + self.system_seconds


def run(
    command: list[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    time_limit_s: float | None = None,
) -> ProcessResult:
    """Run a command to its end, or to its time limit; its stderr goes to ours.

    The limit is in CPU seconds, so that others on the machine do not count; ten times as long by the clock is too long.
    Its output goes through a file: no one reads a pipe while the process is watched.
    """
    begun = time.monotonic()
    with tempfile.TemporaryFile() as output, subprocess.Popen(command, stdout=output, cwd=cwd, env=env) as process:
        try:
            exit_code, usage, peak = _watch(process, time_limit_s or math.inf)
        except BaseException:
            process.kill()
            raise
        seconds = time.monotonic() - begun
        output.seek(0)
        return ProcessResult(exit_code, output.read(), peak, usage.ru_utime, usage.ru_stime, seconds)


def _watch(process: subprocess.Popen[bytes], limit_s: float) -> tuple[int | None, struct_rusage, int]:
    """Return exit code, usage and peak resident bytes of a process once it has ended."""
    peak, is_stopped, last_moment = 0, False, time.monotonic() + PATIENCE * limit_s
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return None if is_stopped else process.returncode, usage, peak
        peak = max(peak, peak_resident_bytes(process.pid))
        if not is_stopped and (cpu_seconds(process.pid) > limit_s or time.monotonic() > last_moment):
            process.kill()
            is_stopped = True
        time.sleep(LOOK_EVERY_S)


def peak_resident_bytes(pid: int) -> int:
    """Return a process's own high-water mark; its `ru_maxrss` would begin with that of the process it came from."""
    return _status_bytes(pid, "VmHWM")


def resident_bytes(pid: int) -> int:
    """Return how much memory a process has now; 0 if it is gone."""
    return _status_bytes(pid, "VmRSS")


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds a process took so far."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def members(group: int) -> list[int]:
    """Return the processes of a group, but for its leader."""
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return [pid for pid in pids if pid != group and _stat(pid)[2:3] == [str(group)]]


def _status_bytes(pid: int, what: str) -> int:
    found = re.search(rf"{what}:\s+(\d+) kB", _read(pid, "status"))
    return int(found[1]) * 1024 if found else 0


def _stat(pid: int) -> list[str]:
    """Return the fields behind the process's name; none if it is gone."""
    return _read(pid, "stat").rpartition(")")[2].split()


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""


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
