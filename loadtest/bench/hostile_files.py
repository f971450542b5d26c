"""Malformed files of any size, each named by what is wrong with it."""

import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from loadtest.bench.mixed import mixed

Make = Callable[[int, random.Random], Iterator[bytes]]  # a number of bytes, at least
HEADER = b"id,name,amount\n"
PORTION_BYTES = 1_000_000
BOMB_BYTES = 100_000_000  # a bomb that expands to less is none for `ingest`
SOUND = "1,Ülkü,2\n".encode()  # the file is in the feed's encoding, then
CELL_LINE = b"one line of a quoted cell that goes on and on\n"


@dataclass(frozen=True, slots=True)
class HostileCase:
    """One kind of file. `error` is the code `ingest check` must answer with, where only one is right."""

    name: str
    make: Make
    error: str | None = None
    is_compressed: bool = False
    feed: str = "hostile"


def cases() -> list[HostileCase]:
    """Return every case; what would already be refused as a header stands behind a sound one too."""
    return [
        *_bare_and_behind_header("no line break", _filled(b"x")),
        *_bare_and_behind_header("quotes", _filled(b'"')),
        *_bare_and_behind_header("line breaks", _filled(b"\n")),
        *_bare_and_behind_header("delimiters", _filled(b",")),
        *_bare_and_behind_header("NUL bytes", _filled(b"\0")),
        HostileCase("nothing but random bytes", _random, error="not_csv"),
        HostileCase("header, then random bytes", _joined(HEADER, _random), error="not_csv"),
        HostileCase("header and sound rows, then random bytes", _joined(HEADER + SOUND, _random)),
        HostileCase("header, then rows of NUL bytes", _joined(HEADER, _filled(b"\0\0\0\0\0\0\0\0,\0,1\n"))),
        HostileCase("tiny rows, every key another", _tiny),
        HostileCase("quoted cell never closed", _joined(HEADER + b'1,"', _filled(CELL_LINE))),
        HostileCase("quoted cell closed at the end", _joined(HEADER + b'1,"', _filled(CELL_LINE), b'",2\n')),
        HostileCase("last quote missing on every line", _joined(HEADER, _filled(b'"K-000001","some name","12.50\n'))),
        HostileCase(
            "ragged rows only", _joined(HEADER, _filled(b"K-000001,a name,12.50,and a cell too many\nK-000002,short\n"))
        ),
        HostileCase("gzip bomb", _bomb, error="bomb", is_compressed=True),
        HostileCase("truncated gzip", _truncated, error="bad_compression", is_compressed=True, feed="mixed"),
    ]


def _bare_and_behind_header(name: str, make: Make) -> list[HostileCase]:
    return [HostileCase(f"nothing but {name}", make), HostileCase(f"header, then {name}", _joined(HEADER, make))]


def _filled(unit: bytes) -> Make:
    portion = unit * (PORTION_BYTES // len(unit))

    def make(total_bytes: int, chance: random.Random) -> Iterator[bytes]:
        for _ in range(total_bytes // len(portion)):
            yield portion
        yield unit * -(-(total_bytes % len(portion)) // len(unit))

    return make


def _random(total_bytes: int, chance: random.Random) -> Iterator[bytes]:
    for start in range(0, total_bytes, PORTION_BYTES):
        yield chance.randbytes(min(PORTION_BYTES, total_bytes - start))


def _tiny(total_bytes: int, chance: random.Random) -> Iterator[bytes]:
    """Yield sound rows, as many as there can be: what is kept for each row must not add up."""
    yield HEADER
    made, number = 0, 0
    while made < total_bytes:
        portion = b"".join([b"%x,,\n" % n for n in range(number, number + 5000)])[: total_bytes - made]
        yield portion
        made, number = made + len(portion), number + 5000


def _joined(*parts: bytes | Make) -> Make:
    def make(total_bytes: int, chance: random.Random) -> Iterator[bytes]:
        for part in parts:
            if isinstance(part, bytes):
                yield part
            else:
                yield from part(total_bytes, chance)

    return make


def _bomb(total_bytes: int, chance: random.Random) -> Iterator[bytes]:
    rows = _joined(HEADER, _filled(b"1,%s,2\n" % (b"a" * 5000)))
    return _gzipped(rows(max(total_bytes, BOMB_BYTES), chance), level=9)


def _truncated(total_bytes: int, chance: random.Random) -> Iterator[bytes]:
    """Yield all but the last bytes of a sound file's gzip stream: only the stream shows that its end is missing."""
    held = b""
    rows = (portion.data for portion in mixed(total_bytes=total_bytes, seed=chance.randrange(2**32), quoted=False))
    for portion in _gzipped(rows, level=1):
        yield held
        held = portion
    yield held[: len(held) // 2]


def _gzipped(portions: Iterator[bytes], *, level: int) -> Iterator[bytes]:
    gzip = zlib.compressobj(level, wbits=31)
    for portion in portions:
        yield gzip.compress(portion)
    yield gzip.flush()
