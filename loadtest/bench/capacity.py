"""Whether `ingest load` uses a table's capacity without asking for much more; the simulator is the table."""

import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.bench.goals import Goal
from loadtest.bench.simulator_process import load_all, running_simulator
from loadtest.simulator import checksum

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


TABLE, INTERLEAVED, IN_ORDER = "LoadtestCapacity", "LoadtestInterleaved", "LoadtestInOrder"
LATENCY = ("--latency-ms", "5", "--jitter-ms", "5")
PROCESSES = 4
WCU = 5000
SETTLED_S = 5  # before that, limits are found
PARTITIONS = 4  # of 1,000 units a second each, as a new table has
USED, THROTTLED, SORTED = 0.95, 0.05, 0.8


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the files are."""

    rows: int = 60_000  # of each process
    row_bytes: int = 400
    customers: int = 500
    rows_each: int = 200


@dataclass(frozen=True, slots=True)
class Shared:
    """One provisioned table, and several loads that each could do several times what it takes."""

    demand_per_s: float  # of one such load, when it has a table without limits
    used_share: float
    throttled_share: float  # of the requests, those of which any item was left
    keys: int
    wrong_items: int  # keys lost or made up; all of them if the table does not hold the last row of each key
    out_of_order: int
    seconds: list[float]
    statistics: dict[str, Any]


@dataclass(frozen=True, slots=True)
class HotPartitionLoad:
    """One load into a table of several partitions."""

    order: str
    interleave: bool
    rows_per_s: float
    missing: int
    statistics: dict[str, Any]


def share_a_table(shape: Shape, folder: Path) -> Shared:
    """Load several files at once into one table of `WCU` units a second."""
    files: list[Path] = []
    last: dict[str, int] = {}
    for number in range(PROCESSES):
        files.append(folder / f"{number}.csv")
        last |= write_repeating(files[-1], rows=shape.rows, row_bytes=shape.row_bytes, prefix=f"P{number}")
    with running_simulator("--table", f"{TABLE}:id", *LATENCY) as free:
        demand_per_s = shape.rows / load_all(files[:1], feed="capacity", simulator=free)[0]["seconds"]
    keeps = ("--keep", "digests", "--sequence", "seq")
    with running_simulator("--table", f"{TABLE}:id", "--provisioned", str(WCU), *LATENCY, *keeps) as simulator:
        row_counts = load_all(files, feed="capacity", simulator=simulator)
    return _shared(simulator.statistics, demand_per_s, [counts["seconds"] for counts in row_counts], last, shape)


def _shared(
    statistics: dict[str, Any], demand_per_s: float, seconds: list[float], last: dict[str, int], shape: Shape
) -> Shared:
    settled = slice(SETTLED_S, max(SETTLED_S + 1, len(statistics["per_second"]) - 2))
    taken = statistics["per_second"][settled]
    held = statistics["tables"][TABLE]
    is_right = held["checksum"] == checksum(TABLE, _items(last, shape))
    return Shared(
        demand_per_s=demand_per_s,
        used_share=sum(taken) / WCU / max(1, len(taken)),
        throttled_share=sum(statistics["limited_per_second"][settled])
        / max(1, sum(statistics["asked_per_second"][settled])),
        keys=len(last),
        wrong_items=abs(held["items"] - len(last)) if is_right else len(last),
        out_of_order=statistics["out_of_order"],
        seconds=seconds,
        statistics=statistics,
    )


def _items(last: dict[str, int], shape: Shape) -> Iterator[dict[str, dict[str, str]]]:
    for key, seq in last.items():
        note = "n" * (shape.row_bytes - len(key) - len(str(seq)) - 3)
        yield {"id": {"S": key}, "seq": {"N": str(seq)}, "note": {"S": note}}


def spread_over_partitions(shape: Shape, folder: Path, seed: int) -> Iterator[HotPartitionLoad]:
    """Load the same rows shuffled, sorted by partition key, and sorted without interleaving."""
    tables = [argument for table in (INTERLEAVED, IN_ORDER) for argument in ("--table", f"{table}:customer,number")]
    limits = ("--on-demand", str(1000 * PARTITIONS), "--partitions", str(PARTITIONS))
    rows, path = shape.customers * shape.rows_each, folder / "customers.csv"
    for order, interleave in (("shuffled", True), ("sorted", True), ("sorted", False)):
        write_customers(
            path, customers=shape.customers, rows_each=shape.rows_each, seed=seed, shuffled=order == "shuffled"
        )
        with running_simulator(*tables, *limits, *LATENCY, "--keep", "digests") as simulator:
            [row_counts] = load_all([path], feed="interleaved" if interleave else "in_order", simulator=simulator)
        held = simulator.statistics["tables"][INTERLEAVED if interleave else IN_ORDER]["items"]
        yield HotPartitionLoad(order, interleave, rows / row_counts["seconds"], rows - held, simulator.statistics)


def measure(shape: Shape, seed: int) -> tuple[Shared, list[HotPartitionLoad]]:
    """Measure all."""
    with tempfile.TemporaryDirectory() as folder:
        return share_a_table(shape, Path(folder)), list(spread_over_partitions(shape, Path(folder), seed))


def judge(shared: Shared, spreads: list[HotPartitionLoad]) -> Iterator[Goal]:
    """Yield each goal."""
    shuffled, ordered, as_it_is = (spread.rows_per_s for spread in spreads)
    yield Goal(
        f"times the capacity of {WCU} units/s that is demanded", PROCESSES * shared.demand_per_s / WCU, at_least=4
    )
    yield Goal("share of the capacity used, once settled", shared.used_share, at_least=USED)
    yield Goal(
        "share of the requests throttled in whole or part, once settled", shared.throttled_share, at_most=THROTTLED
    )
    yield Goal("items lost, made up or not the last of their key", shared.wrong_items, at_most=0)
    yield Goal("items written after a later one of their key", shared.out_of_order, at_most=0)
    yield Goal("sorted rows, interleaved: share of the speed of shuffled ones", ordered / shuffled, at_least=SORTED)
    yield Goal("sorted rows as they are: the same share", as_it_is / shuffled, at_least=0)
    yield Goal("items missing in any of these", sum(abs(spread.missing) for spread in spreads), at_most=0)
