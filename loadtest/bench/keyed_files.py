"""Seeded CSV files whose keys matter: some come again later, or many rows share one."""

import random
from collections.abc import Iterator
from pathlib import Path

_AGAIN_NEAR, _AGAIN_FAR = 50, 5  # every so manieth row has the key of a row just before, or of one far before


def write_repeating(path: Path, *, rows: int, row_bytes: int, prefix: str) -> dict[str, int]:
    """Write rows of `id,seq,note`, `seq` counting up; return the last `seq` of each id.

    Some ids come again after a few rows, which is in one block, and some after half of the file, which is in another.
    """
    last: dict[str, int] = {}
    note = "n" * row_bytes
    with path.open("w", encoding="utf-8") as file:
        file.write("id,seq,note\n")
        for number in range(rows):
            key = f"{prefix}-{_number(number, rows):08d}"
            last[key] = number
            file.write(f"{key},{number},{note[: row_bytes - len(key) - len(str(number)) - 3]}\n")
    return last


def _number(row: int, rows: int) -> int:
    if row % _AGAIN_NEAR == 0 and row:
        return row - 7
    if row % _AGAIN_FAR == 0 and row > rows // 2:
        return row - rows // 2
    return row


def write_customers(path: Path, *, customers: int, rows_each: int, seed: int, shuffled: bool) -> None:
    """Write rows of `customer,number,note`, sorted by customer as exports are, or the same rows shuffled."""
    rows = list(_customer_rows(customers, rows_each))
    if shuffled:
        random.Random(seed).shuffle(rows)
    with path.open("w", encoding="utf-8") as file:
        file.write("customer,number,note\n")
        file.writelines(rows)


def _customer_rows(customers: int, rows_each: int) -> Iterator[str]:
    note = "n" * 80
    for customer in range(customers):
        for number in range(rows_each):
            yield f"C{customer:07d},{number:05d},{note}\n"
