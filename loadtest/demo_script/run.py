"""The whole demo script in a local stack of its own: deployed, its tables simulated. Nothing is judged here."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from infra import bundle
from infra.local.stack import LocalStack, local_stack
from loadtest.demo_script import steps
from loadtest.demo_script.incoming import write_files
from loadtest.demo_script.script import Command, Ran, Script
from loadtest.demo_script.steps import TABLE_UNITS_PER_S
from loadtest.harness.dynamodb_proxy import simulated
from loadtest.simulator import Key, Simulator, Table

FEEDS = Path(__file__).parent / "feeds.toml"
COLUMNS = 80  # of the terminal that is shown
TABLES = {
    "Orders": Table(Key("customer_id"), Key("order_id")),
    "Clicks": Table(Key("visitor"), Key("at", "N")),
    "Visits": Table(Key("visitor"), Key("at", "N")),
    "Stock": Table(Key("sku")),
}
_ROOT = Path(__file__).parents[2]


def report(
    folder: Path, command: Callable[[LocalStack], Command], *, form: tuple[str, ...] = ()
) -> tuple[Script, Simulator]:
    """Return the script as it ran, and the tables at its end. The folder gets the files and `feeds.toml`."""
    feeds, tables = folder / "feeds.toml", dict(TABLES)
    feeds.write_text(FEEDS.read_text())
    write_files(folder)
    with (
        local_stack(FEEDS) as stack,
        simulated(stack, tables, units_per_s=TABLE_UNITS_PER_S, keep_items=True) as there,
    ):
        script = Script(stack, command(stack), folder, form=form)
        with contextlib.closing(script.stack_client):
            _report_all(script, tables, feeds)
    return script, there.simulator


def _report_all(script: Script, tables: dict[str, Table], feeds: Path) -> None:
    def deploy_fixed_feeds() -> None:
        feeds.write_text(feeds.read_text().replace('delimiter = ","', 'delimiter = ";"'))
        script.stack_client.deploy_code(bundle.build(bundle.HOST, feeds).read_bytes())

    steps.before_the_drop(script)
    steps.the_load(script)
    steps.bad_rows(script)
    steps.wrong_file(script)
    steps.wrong_feed(script, deploy_fixed_feeds)
    steps.dead_letters(script, tables)
    steps.the_row_counts(script)


def in_a_process(stack: LocalStack, folder: Path) -> Command:
    """Return what runs `ingest` as an operator does: a process of its own, in a folder, on a terminal of `COLUMNS`."""
    said = {"COLUMNS": str(COLUMNS), "PYTHONPATH": str(_ROOT), **stack.environment()}

    def run(*arguments: str) -> Ran:
        command = [sys.executable, "-m", "ingest", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=os.environ | said, capture_output=True, text=True, timeout=120, check=False
        )
        return Ran(arguments, done.returncode, done.stdout, done.stderr)

    return run
