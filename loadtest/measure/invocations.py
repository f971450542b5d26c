"""What Lambda says of each invocation that has ended, as the line of the log has it. Pure."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

_REPORT = re.compile(r"^REPORT RequestId: .*Billed Duration: (\d+) ms.*Max Memory Used: (\d+) MB")
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Invocation:
    """When it ended, how long it is paid for, and how much memory its environment had needed by then."""

    ended_s: float
    seconds: float
    peak_memory_bytes: int


def invocation(line: str, at_s: float) -> Invocation | None:
    """Return what a line of the log, written at a moment, says; None if it is no such line."""
    report = _REPORT.match(line)
    return Invocation(at_s, int(report[1]) / 1000, int(report[2]) * _MIB) if report else None


def at_work(invocations: Sequence[Invocation], *, begun_s: float, times: Sequence[float]) -> list[int]:
    """Return how many ran at each of these times, which are seconds since `begun_s`."""
    begun = sorted(one.ended_s - one.seconds - begun_s for one in invocations)
    ended = sorted(one.ended_s - begun_s for one in invocations)
    return [bisect_right(begun, at_s) - bisect_left(ended, at_s) for at_s in times]
