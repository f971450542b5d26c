"""Run a command in its own process and measure its output, time and memory; and measure running workers by /proc."""

import math
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

LOOK_EVERY_S = 0.02
PATIENCE = 10
_SIZES = re.compile(r"(VmHWM|VmRSS):\s+(\d+) kB")


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """A process that ended. `exit_code` is None if it was stopped at its time limit."""

    exit_code: int | None
    output: bytes
    peak_resident_bytes: int
    cpu_seconds: float
    seconds: float


def run(
    command: list[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    time_limit_s: float = math.inf,
) -> ProcessResult:
    """Return the result of a command that ran to its end or its time limit; its stderr goes to ours.

    The limit is in CPU seconds, so that other load on the machine does not count; the wall-clock limit is ten times as
    long. The output goes through a file, because no one reads a pipe while the process is watched.
    """
    begun, seen, is_stopped = time.monotonic(), Usage(), False
    with tempfile.TemporaryFile() as output, subprocess.Popen(command, stdout=output, cwd=cwd, env=env) as process:
        try:
            while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
                seen.look([process.pid])
                if seen.cpu_seconds > time_limit_s or time.monotonic() - begun > PATIENCE * time_limit_s:
                    process.kill()
                    is_stopped = True
                time.sleep(LOOK_EVERY_S)
        except BaseException:
            process.kill()
            raise
        _, status, took = ended
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds, exit_code = time.monotonic() - begun, None if is_stopped else process.returncode
        output.seek(0)
        return ProcessResult(exit_code, output.read(), seen.peak_bytes, took.ru_utime + took.ru_stime, seconds)


class Usage:
    """CPU seconds of all workers observed, ended ones included, and memory of the largest."""

    def __init__(self) -> None:
        self.workers = 0
        self.resident_bytes = self.peak_bytes = 0  # of the largest worker
        self._cpu_seconds: dict[int, float] = {}

    def look(self, pids: Iterable[int]) -> None:
        """Measure the current workers."""
        self.workers = self.resident_bytes = 0
        for pid in pids:
            # The process's own high-water mark: `ru_maxrss` starts with that of its parent process.
            sizes, stat = dict(_SIZES.findall(_read(pid, "status"))), _stat(pid)
            if "VmRSS" in sizes and stat:
                self.workers += 1
                self.resident_bytes = max(self.resident_bytes, 1024 * int(sizes["VmRSS"]))
                self.peak_bytes = max(self.peak_bytes, 1024 * int(sizes["VmHWM"]))
                self._cpu_seconds[pid] = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of all of them so far."""
        return sum(self._cpu_seconds.values())


def members(group: int) -> list[int]:
    """Return the processes of a group except its leader."""
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return [pid for pid in pids if pid != group and _stat(pid)[2:3] == [str(group)]]


def _stat(pid: int) -> list[str]:
    """Return the fields after the process's name in its `stat`; none if it has ended."""
    return _read(pid, "stat").rpartition(")")[2].split()


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""
