"""Seeded CSV files of orders, of any size, that know the right answer: how many rows they hold.

The full generator (schemas, distributions, dirt, an oracle per row) is a later piece of work; this one makes clean,
believable rows with quoted cells in them.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

HEADER = "order_id,customer_id,customer_name,city,product,quantity,unit_price,ordered_at,gift,note\n"
_PEOPLE = ("Anna Müller,Köln", "José García,Málaga", "Łukasz Nowak,Łódź", "Maeve O'Brien,Cork", "William Null,Swindon")
_PRODUCTS = ('"Kettle, 1.7 l"', "Desk lamp", '"Monitor 27"" IPS"', "Wool blanket")


@dataclass(frozen=True, slots=True)
class Portion:
    """Some whole rows of a file, encoded."""

    data: bytes
    rows: int


def orders(*, total_bytes: int, seed: int, row_bytes: int = 120, prefix: str = "O") -> Iterator[Portion]:
    """Yield a file of at least `total_bytes`, with rows of about `row_bytes`; same arguments, same bytes.

    Order ids count up behind `prefix`, so files with different prefixes share no key.
    """
    chance = random.Random(seed)
    yield Portion(HEADER.encode(), 0)
    made, number = len(HEADER), 0
    while made < total_bytes:
        lines: list[str] = []
        while made < total_bytes and len(lines) < 5000:
            lines.append(_order(chance, f"{prefix}-{number:09d}", row_bytes))
            number += 1
            made += len(lines[-1].encode())
        yield Portion("".join(lines).encode(), len(lines))


def _order(chance: random.Random, order_id: str, row_bytes: int) -> str:
    fixed = (
        f"{order_id},C{chance.randrange(10_000):05d},{chance.choice(_PEOPLE)},{chance.choice(_PRODUCTS)},"
        f"{chance.randint(1, 12)},{chance.randint(1, 99_999) / 100:.2f},2026-09-{chance.randint(1, 30):02d}T10:00:00Z,"
        f"{chance.choice(('true', 'false', ''))},"
    )
    return fixed + "n" * max(0, row_bytes - len(fixed.encode()) - 1) + "\n"
