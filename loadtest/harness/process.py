"""Run one command in a process of its own: what it printed, and what it took."""

import math
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from resource import struct_rusage

LOOK_EVERY_S = 0.02
PATIENCE = 10


@dataclass(frozen=True, slots=True)
class Ran:
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
) -> Ran:
    """Run a command to its end, or to its time limit; its stderr goes to ours.

    The limit is in CPU seconds, so that others on the machine do not count; ten times as long by the clock is too long.
    Its output goes through a file: nobody reads a pipe while the process is watched.
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
        return Ran(exit_code, output.read(), peak, usage.ru_utime, usage.ru_stime, seconds)


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
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds a process took so far."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
