"""`python -m loadtest bench capacity`: do loads share a table's capacity and use it with few throttled requests?

The simulator is the table. The last row of each key in the generated files is known, and must stay in the table.
"""

import argparse
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loadtest.bench.measuring import Document, Goal, finish
from loadtest.bench.surroundings import load_all, simulator
from loadtest.simulator import Key, Simulation, Table, checksum

TABLE, INTERLEAVED = "LoadtestCapacity", "LoadtestInterleaved"
TABLES = {TABLE: Table(Key("id")), INTERLEAVED: Table(Key("customer"), Key("number"))}
LATENCY_S = 0.0075
PROCESSES = 4
WCU = 5000
SETTLED_S = 5  # until then the loads find their limits
PARTITIONS = 4  # of 1,000 units a second each, as a new table has
USED, THROTTLED, SORTED = 0.95, 0.05, 0.8
NOTE = "n" * 380  # with it, a row has about 400 bytes
ROWS_EACH = 200
_AGAIN_NEAR, _AGAIN_FAR = 50, 5  # every 50th row repeats a key of a few rows before, every 5th one of far before

OPTIONS = {
    "rows": (60_000, "of each load that shares a table"),
    "customers": (500, f"of {ROWS_EACH} rows each"),
}


def run(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shared = share_a_table(Path(folder), arguments.rows)
        spreads = list(spread_over_partitions(Path(folder), arguments.customers, arguments.seed))
    finish(arguments, judge(shared, spreads), {"shared": shared, "spread": spreads})


def share_a_table(folder: Path, rows: int) -> Document:
    """Load files at the same time into one table of `WCU` units a second; each load alone could write a multiple.

    `demand_per_s` is the rate of one such load into a table without limits; `throttled_share` is the share of requests
    with unprocessed items; `wrong_items` is the number of missing or extra keys, or all keys if any content is wrong.
    """
    files: list[Path] = []
    last: dict[str, int] = {}
    for number in range(PROCESSES):
        files.append(folder / f"{number}.csv")
        last |= write_repeating(files[-1], rows, f"P{number}")
    with simulator(tables=TABLES, latency_s=LATENCY_S) as free:
        demand_per_s = rows / load_all(files[:1], feed="capacity", simulator=free)[0]["seconds"]
    limit = Simulation(mode="provisioned", provisioned_units_per_s=WCU)
    keeps: Document = {"keeps_items": True, "sequence": "seq"}
    with simulator(tables=TABLES, simulation=limit, latency_s=LATENCY_S, **keeps) as limited:
        load_all(files, feed="capacity", simulator=limited)
    return _shared(limited.statistics, demand_per_s, last)


def _shared(statistics: dict[str, Any], demand_per_s: float, last: dict[str, int]) -> Document:
    settled = slice(SETTLED_S, max(SETTLED_S + 1, len(statistics["per_second"]) - 2))
    taken, asked, limited = (statistics[f"{what}per_second"][settled] for what in ("", "asked_", "limited_"))
    held = statistics["tables"][TABLE]
    items = ({"id": {"S": key}, "seq": {"N": str(seq)}, "note": {"S": NOTE}} for key, seq in last.items())
    is_right = held["checksum"] == checksum(items)
    return {
        "demand_per_s": demand_per_s,
        "used_share": sum(taken) / WCU / max(1, len(taken)),
        "throttled_share": sum(limited) / max(1, sum(asked)),
        "keys": len(last),
        "wrong_items": abs(held["items"] - len(last)) if is_right else len(last),
        "out_of_order": statistics["out_of_order"],
        "statistics": statistics,
    }


def write_repeating(path: Path, rows: int, prefix: str) -> dict[str, int]:
    """Write rows of `id,seq,note`, `seq` counting up; return the last `seq` of each id.

    Some ids repeat after a few rows, in the same block, and some after half of the file, in another block.
    """
    last: dict[str, int] = {}
    with path.open("w", encoding="utf-8") as file:
        file.write("id,seq,note\n")
        for number in range(rows):
            key = f"{prefix}-{_number(number, rows):08d}"
            last[key] = number
            file.write(f"{key},{number},{NOTE}\n")
    return last


def _number(row: int, rows: int) -> int:
    if row % _AGAIN_NEAR == 0 and row:
        return row - 7
    if row % _AGAIN_FAR == 0 and row > rows // 2:
        return row - rows // 2
    return row


def spread_over_partitions(folder: Path, customers: int, seed: int) -> Iterator[Document]:
    """Yield the figures of loading the same rows shuffled, and sorted by partition key, which must spread as well."""
    limits = Simulation(warm_units_per_s=1000 * PARTITIONS, partitions=PARTITIONS)
    path = folder / "customers.csv"
    for order in ("shuffled", "sorted"):
        rows = write_customers(path, customers, random.Random(seed) if order == "shuffled" else None)
        with simulator(tables=TABLES, simulation=limits, latency_s=LATENCY_S, keeps_items=True) as table:
            [row_counts] = load_all([path], feed="interleaved", simulator=table)
        missing = rows - table.statistics["tables"][INTERLEAVED]["items"]
        rows_per_s = rows / row_counts["seconds"]
        yield {"order": order, "rows_per_s": rows_per_s, "missing": missing, "statistics": table.statistics}


def write_customers(path: Path, customers: int, chance: random.Random | None) -> int:
    """Write rows of `customer,number,note`, sorted by customer as exports are, or shuffled; return their number."""
    note = "n" * 80
    rows = [f"C{customer:07d},{number:05d},{note}\n" for customer in range(customers) for number in range(ROWS_EACH)]
    if chance:
        chance.shuffle(rows)
    path.write_text("customer,number,note\n" + "".join(rows), encoding="utf-8")
    return len(rows)


def judge(shared: Document, spreads: list[Document]) -> Iterator[Goal]:
    shuffled, ordered = (spread["rows_per_s"] for spread in spreads)
    demand, requests = PROCESSES * shared["demand_per_s"] / WCU, "share of the requests throttled in whole or part"
    yield Goal(f"times the capacity of {WCU} units/s that is demanded", demand, at_least=4)
    yield Goal("share of the capacity used, once settled", shared["used_share"], at_least=USED)
    yield Goal(f"{requests}, once settled", shared["throttled_share"], at_most=THROTTLED)
    yield Goal("items lost, made up or not the last of their key", shared["wrong_items"], at_most=0)
    yield Goal("items written after a later one of their key", shared["out_of_order"], at_most=0)
    yield Goal("sorted rows, interleaved: share of the speed of shuffled ones", ordered / shuffled, at_least=SORTED)
    yield Goal("items missing in any of these", sum(abs(spread["missing"]) for spread in spreads), at_most=0)
