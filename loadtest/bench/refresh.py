"""`python -m loadtest bench refresh`: the cost of two ways to reload a file with few changes, in simulated units.

The same file is loaded again with some rows changed: once with every row written, once with `skip_unchanged`. Cents
are per million rows.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ingest.contract import Price
from loadtest.bench.measuring import Document, Goal, finish, show
from loadtest.bench.surroundings import environment, ingest, load_all, simulator
from loadtest.simulator import Key, Table

CHANGED = 0.05
NOTES = {"small": 60, "large": 2900}  # characters that make items of one and of three write units
MODES = {"all rows written": "put", "skip_unchanged": "skip"}
_FEED = '[feeds.{0}]\nprefix = "{0}/"\ntable = "Refreshed"\npartition_key = "id"\ncolumns = {{ price = "N" }}\n'
FEEDS = _FEED.format("put") + _FEED.format("skip") + "skip_unchanged = true\n"
HELD: Document = {"tables": {"Refreshed": Table(Key("id"))}, "keeps_items": True}

OPTIONS = {"rows": (20_000, "of the file")}


def run(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "feeds.toml").write_text(FEEDS)
        bills = [bill for items in NOTES for bill in refreshed(Path(folder), items, arguments.rows)]
    finish(arguments, judge(bills), {"rows": arguments.rows, "changed_share": CHANGED, "bills": bills})


def refreshed(folder: Path, items: str, rows: int) -> Iterator[Document]:
    """Yield the units of a refresh in each way for items of a size, and what `ingest plan --against-table` expects."""
    before, after, feeds = folder / "before.csv", folder / "after.csv", folder / "feeds.toml"
    write_rows(before, rows, NOTES[items], changed=0)
    write_rows(after, rows, NOTES[items], changed=CHANGED)
    with simulator(**HELD) as only:
        load_all([before], feed="put", simulator=only, feeds=feeds)
        command = [*ingest("plan", str(after), "put", feeds), "--against-table"]
        planned = json.loads(subprocess.check_output(command, env=environment(dynamodb=only.url)))["against_table"]
    for way, feed in MODES.items():
        with simulator(**HELD) as both:
            load_all([before], feed="put", simulator=both, feeds=feeds)
            [counts] = load_all([after], feed=feed, simulator=both, feeds=feeds)
        reads, held = both.statistics["read_units"], both.statistics["tables"]["Refreshed"]["checksum"]
        writes = both.statistics["write_units"] - only.statistics["write_units"]
        cents = (reads * Price.READ_UNIT + writes * Price.WRITE_UNIT) / rows * 1e8
        expected = planned["write_all" if feed == "put" else "skip_unchanged"]["dollars"] / rows * 1e8
        found: Document = {"items": items, "way": way, "held": held, "skipped": counts["rows_skipped"]}
        found |= {"read_units": reads, "write_units": writes}
        yield show(found | {"cents": round(cents, 2), "planned_cents": round(expected, 2)}, *found, "cents")


def write_rows(path: Path, rows: int, note: int, *, changed: float) -> None:
    """Write rows of `id,price,note`; a share `changed` of them, evenly spread, have a different price."""
    step = round(1 / changed) if changed else rows + 1
    lines = (f"R{n:08d},{n % 90}.{5 if n % step else 7},{'n' * note}\n" for n in range(1, rows + 1))
    path.write_text("id,price,note\n" + "".join(lines), encoding="utf-8")


def judge(bills: list[Document]) -> Iterator[Goal]:
    for items, most in {"small": 0.3, "large": 0.15}.items():
        every, skipping = (bill for bill in bills if bill["items"] == items)
        share, differs = skipping["cents"] / every["cents"], every["held"] != skipping["held"]
        yield Goal(f"cents with skip_unchanged, as a share of writing all, {items} items", share, at_most=most)
        yield Goal(f"tables that are not the same after both, {items} items", differs, at_most=0)
    off = max(abs(bill["planned_cents"] / bill["cents"] - 1) for bill in bills)
    yield Goal("how far `plan --against-table` is off at most, as a share", off, at_most=0.15)
