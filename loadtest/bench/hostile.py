"""`python -m loadtest hostile`: does `ingest check` stay within its limits on malformed files and count every row?"""

import argparse
import random
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path

from loadtest.bench.measuring import Document, finish, printed, show
from loadtest.bench.surroundings import MB, ROOT, environment, generation, ingest
from loadtest.harness import process
from loadtest.harness.process import ProcessResult

BUG = 70
Make = Callable[[int, random.Random], Iterator[bytes]]  # a number of bytes, at least
HEADER = b"id,name,amount\n"
BOMB_BYTES = 100_000_000  # `ingest` does not treat a smaller expanded size as a bomb
SOUND = "1,Ülkü,2\n".encode()  # shows that the file is in the feed's encoding
CELL_LINE = b"one line of a quoted cell that goes on and on\n"


@dataclass(frozen=True, slots=True)
class HostileCase:
    """One kind of file. `error` is the code that `ingest check` must return, where only one is correct."""

    name: str
    filling: bytes | Make
    before: bytes = b""
    after: bytes = b""
    error: str | None = None
    feed: str = "hostile"

    def make(self, total_bytes: int, chance: random.Random) -> Iterator[bytes]:
        """Yield the file in portions."""
        yield self.before
        if isinstance(self.filling, bytes):
            yield from _filled(self.filling, total_bytes)
        else:
            yield from self.filling(total_bytes, chance)
        yield self.after


def measure(case: HostileCase, total_bytes: int, seed: int, *, time_limit_s: float, peak_bytes: int) -> Document:
    """Return the outcome of a case: `row_counts` and `reasons` of the rows read, and `error` if reading stopped early.

    `exit_code` is None where the case was stopped at the time limit.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hostile.csv"
        with path.open("wb") as file:
            file.writelines(case.make(total_bytes, random.Random(seed)))
        command = ingest("check", str(path), case.feed)
        ran = process.run(command, cwd=ROOT, env=environment(), time_limit_s=time_limit_s)
        file_bytes = path.stat().st_size
    found = printed(ran)
    error = (found.get("error") or {}).get("code")
    row_counts = {name: count for name, count in found.items() if name.startswith("rows_") or name == "bytes_read"}
    accounted = row_counts["bytes_read"] == file_bytes if row_counts and not error else None
    return {
        "case": case.name,
        "file_bytes": file_bytes,
        "exit_code": ran.exit_code,
        "error": error,
        "reasons": found.get("reasons", {}),
        "row_counts": row_counts,
        "bytes_accounted": accounted,
        "seconds": round(ran.seconds, 2),
        "cpu_seconds": round(ran.cpu_seconds, 2),
        "peak_resident_bytes": ran.peak_resident_bytes,
        "problems": [*_exceeded(ran, time_limit_s, peak_bytes), *_wrong(case, error, row_counts, accounted)],
    }


def _exceeded(ran: ProcessResult, time_limit_s: float, peak_bytes: int) -> Iterator[str]:
    if ran.exit_code is None:
        yield f"not done after {time_limit_s:g} CPU seconds"
    elif ran.exit_code == BUG or ran.exit_code < 0:
        yield f"crashed with exit code {ran.exit_code}"
    elif not printed(ran):
        yield f"exit code {ran.exit_code} without an answer"
    if ran.peak_resident_bytes > peak_bytes:
        yield f"took {ran.peak_resident_bytes / MB:.0f} MB, more than {peak_bytes / MB:.0f} MB"


def _wrong(case: HostileCase, error: str | None, row_counts: dict[str, int], accounted: bool | None) -> Iterator[str]:
    if case.error and error != case.error:
        yield f"answered {error} instead of {case.error}"
    if accounted is False:
        yield "the row counts do not account for each byte of the file"
    if row_counts and row_counts["rows_read"] != sum(
        row_counts[f"rows_{end}"] for end in ("written", "rejected", "superseded")
    ):
        yield "the row counts do not reconcile"


def cases() -> list[HostileCase]:
    """Return every case. Content that would be rejected as a header also has a case with a valid header before it."""
    units = {"no line break": b"x", "quotes": b'"', "line breaks": b"\n", "delimiters": b",", "NUL bytes": b"\0"}
    rows = {
        "sound row, then rows of NUL bytes": b"\0\0\0\0\0\0\0\0,\0,1\n",
        "sound row, then lines without a quote": b'"K-000001","some name","12.50\n',
        "sound row, then ragged rows": b"K-000001,a name,12.50,and a cell too many\nK-000002,short\n",
    }
    opened = HEADER + b'1,"'
    return [
        *(HostileCase(f"nothing but {name}", unit) for name, unit in units.items()),
        *(HostileCase(f"header, then {name}", unit, HEADER) for name, unit in units.items()),
        HostileCase("nothing but random bytes", _random, error="not_csv"),
        HostileCase("header, then random bytes", _random, HEADER, error="not_csv"),
        HostileCase("header and sound rows, then random bytes", _random, HEADER + SOUND),
        *(HostileCase(name, row, HEADER + SOUND) for name, row in rows.items()),
        HostileCase("tiny rows, every key another", _tiny, HEADER),
        HostileCase("quoted cell never closed", CELL_LINE, opened),
        HostileCase("quoted cell closed at the end", CELL_LINE, opened, b'",2\n'),
        HostileCase("gzip bomb", _bomb, error="bomb"),
        HostileCase("truncated gzip", _truncated, error="bad_compression", feed="mixed"),
    ]


def _filled(unit: bytes, total_bytes: int) -> Iterator[bytes]:
    portion = unit * (MB // len(unit))
    yield from repeat(portion, total_bytes // len(portion))
    yield unit * -(-(total_bytes % len(portion)) // len(unit))


def _random(total_bytes: int, chance: random.Random) -> Iterator[bytes]:
    for start in range(0, total_bytes, MB):
        yield chance.randbytes(min(MB, total_bytes - start))


def _tiny(total_bytes: int, chance: random.Random) -> Iterator[bytes]:
    """Yield valid rows of minimal length: state kept for each row must not accumulate."""
    made, number = 0, 0
    while made < total_bytes:
        portion = b"".join([b"%x,,\n" % n for n in range(number, number + 5000)])[: total_bytes - made]
        yield portion
        made, number = made + len(portion), number + 5000


def _bomb(total_bytes: int, chance: random.Random) -> Iterator[bytes]:
    rows = _filled(b"1,%s,2\n" % (b"a" * 5000), max(total_bytes, BOMB_BYTES))
    return _gzipped(chain([HEADER], rows))


def _truncated(total_bytes: int, chance: random.Random) -> Iterator[bytes]:
    """Return all rows of a valid file in a gzip stream without its end: nothing else shows that it is truncated."""
    return _gzipped(generation(total_bytes, chance.randrange(2**32)), end=zlib.Z_SYNC_FLUSH)


def _gzipped(portions: Iterable[bytes], *, end: int = zlib.Z_FINISH) -> Iterator[bytes]:
    gzip = zlib.compressobj(wbits=31)
    for portion in portions:
        yield gzip.compress(portion)
    yield gzip.flush(end)


OPTIONS = {
    "megabytes": (1000, "size of each file"),
    "time-limit": (900.0, "CPU seconds; a case that takes more hangs"),
    "peak-megabytes": (600, "memory no case may pass"),
    "case": ([case.name for case in cases()], "one case"),
}


def run(arguments: argparse.Namespace) -> int:
    """Measure all malformed files; return 1 if any of them was a problem."""
    fields = ("case", "exit_code", "seconds", "cpu_seconds", "peak_resident_bytes", "error", "reasons", "problems")
    limits = {"time_limit_s": arguments.time_limit, "peak_bytes": arguments.peak_megabytes * MB}
    wanted = [case for case in cases() if arguments.case is None or case.name in arguments.case]
    outcomes = [show(measure(case, arguments.megabytes * MB, arguments.seed, **limits), *fields) for case in wanted]
    finish(arguments, [], {"outcomes": outcomes})
    return 1 if any(outcome["problems"] for outcome in outcomes) else 0
