"""Seeded CSV files in three shapes, 5, 10 and 40 columns wide; `loadtest/feeds.toml` has their types."""

import itertools
import random
from collections.abc import Callable, Iterator

from loadtest.bench.mixed import Portion, mixed

NARROW = ("id", "customer", "quantity", "paid", "ordered_at")
WIDE = (
    "id",
    *(f"text_{n:02d}" for n in range(1, 25)),
    *(f"number_{n:02d}" for n in range(1, 11)),
    *(f"flag_{n}" for n in range(1, 6)),
)
_CUSTOMERS = ("C-10482", "C-20077", "C-31337", "C-40001", "C-56789")
_WORDS = ("leave", "at", "the", "back", "door", "call", "before", "noon", "Köln", "fragile", "gift", "second", "floor")
_DISTINCT_ROWS = 2000
_PORTION_ROWS = 500
SHAPES = ("narrow", "mixed", "wide")


def shaped(shape: str, *, total_bytes: int, seed: int) -> Iterator[Portion]:
    """Yield a file of at least `total_bytes`, at most a portion more; same arguments, same bytes.

    Ids count up; what stands behind them comes round again after some thousand rows. 0 bytes are a header alone.
    """
    if shape == "mixed":
        return mixed(total_bytes=total_bytes, seed=seed, quoted=False)
    columns, cells = (NARROW, _narrow) if shape == "narrow" else (WIDE, _wide)
    return _rows(columns, cells, total_bytes, random.Random(seed))


def _rows(
    columns: tuple[str, ...], cells: Callable[[random.Random], list[str]], total_bytes: int, chance: random.Random
) -> Iterator[Portion]:
    lines = itertools.cycle([",".join(cells(chance)) + "\n" for _ in range(_DISTINCT_ROWS)])
    header = (",".join(columns) + "\n").encode()
    yield Portion(header, 0)
    made, number = len(header), 0
    while made < total_bytes:
        rows = zip(range(number, number + _PORTION_ROWS), lines, strict=False)
        data = "".join([f"S-{n:010d},{line}" for n, line in rows]).encode()
        yield Portion(data, _PORTION_ROWS)
        made, number = made + len(data), number + _PORTION_ROWS


def _narrow(chance: random.Random) -> list[str]:
    """Return a row without its id."""
    when = f"2026-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}T{chance.randint(0, 23):02d}:10:00Z"
    return [chance.choice(_CUSTOMERS), str(chance.randint(1, 120)), chance.choice(("true", "false")), when]


def _wide(chance: random.Random) -> list[str]:
    texts = [" ".join(chance.choices(_WORDS, k=chance.randint(3, 9))) for _ in range(24)]
    numbers = [f"{chance.randint(-9_999_999, 9_999_999) / 1000:.3f}" for _ in range(10)]
    return [*texts, *numbers, *(chance.choice(("true", "false", "")) for _ in range(5))]
