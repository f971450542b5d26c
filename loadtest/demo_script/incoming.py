"""The files of the transcript: good ones, bad rows, two that fail, a large one, one for a table that is not there."""

from pathlib import Path

FOLDER = "incoming"
ORDERS, VISITS = "order_id,customer_id,quantity,note\n", "visitor,at,page\n"
GOOD_FILES, GOOD_ROWS = 4, 600
MANY, RAGGED, AGAIN = (40, 400, 1400), (700, 1999), 10  # of orders/monday.csv: no number; a cell too few; replaced
MONDAY_ROWS = 2000
LARGE_ROWS, LARGE_NOTE = 2200, 8000  # three segments of 8 MiB, eight write units a row
VISIT_ROWS, STOCK_ROWS, RETURN_ROWS = 200, 50, 30
POISON = '{"this": "is no message of ours"}'


def write_files(folder: Path) -> None:
    """Write all files, where their keys are their paths under the folder `incoming`."""
    for key, text in _files():
        path = folder / FOLDER / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def order_numbers() -> list[int]:
    """Return the numbers of all orders there are."""
    days = [1000 * day + n for day in range(1, GOOD_FILES + 1) for n in range(GOOD_ROWS)]
    return days + [10_000 + n for n in range(MONDAY_ROWS)]


def _files() -> list[tuple[str, str]]:
    days = [range(1000 * day, 1000 * day + GOOD_ROWS) for day in range(1, GOOD_FILES + 1)]
    return [
        *((f"orders/day-{n}.csv", ORDERS + "".join(map(_order, day))) for n, day in enumerate(days, start=1)),
        ("orders/monday.csv", ORDERS + "".join(_monday())),
        ("clicks/large.csv", VISITS + "".join(f"v-{n % 100},{n},{'x' * LARGE_NOTE}\n" for n in range(LARGE_ROWS))),
        ("visits/monday.csv", VISITS + "".join(f"v-{n},{_stamp(n)},/\n" for n in range(VISIT_ROWS))),
        ("visits/monday-right.csv", VISITS + "".join(f"v-{n},{n},/\n" for n in range(VISIT_ROWS))),
        ("stock/monday.csv", "sku;pieces\n" + "".join(f"S-{n};{n}\n" for n in range(STOCK_ROWS))),
        ("stock/tuesday.csv", "sku;pieces\n" + "".join(f"T-{n};{n}\n" for n in range(STOCK_ROWS))),
        ("returns/monday.csv", ORDERS + "".join(map(_order, range(RETURN_ROWS)))),
    ]


def _order(number: int, quantity: str = "") -> str:
    return f"O-{number},C-{number % 100},{quantity or number % 9 + 1},back door\n"


def _monday() -> list[str]:
    """Some rows without a number, some with a cell too few; and at the end some that replace earlier ones."""
    rows = [_order(10_000 + n, "many" if n in MANY else "") for n in range(MONDAY_ROWS)]
    for n in RAGGED:
        rows[n] = rows[n].rpartition(",")[0] + "\n"
    return rows + [_order(10_000 + n, "9") for n in range(AGAIN)]


def _stamp(number: int) -> str:
    """Return seconds, as the feed wants them, or in most rows a date."""
    return str(number) if number % 10 == 0 else f"2026-11-23 10:{number % 60:02}"


def fixed(rejected: str) -> str:
    """Return the rejected rows of orders/monday.csv as somebody mends them in an editor.

    >>> mended("order_id,customer_id,quantity,note\\nO-1,C-1,many,back door\\nO-2,C-2,3\\n").splitlines()[1:]
    ['O-1,C-1,12,back door', 'O-2,C-2,3,no note']
    """
    head, *rows = rejected.replace(",many,", ",12,").splitlines()
    return "".join(f"{row}{',no note' * (head.count(',') - row.count(','))}\n" for row in [head, *rows])
