"""The whole story in a local stack of its own: deployed, its tables simulated, its end judged by nobody here."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from infra import bundle
from infra.local.stack import LocalStack, local_stack
from loadtest.dashboard_run.simulated import simulated
from loadtest.demo_script import steps as chapters
from loadtest.demo_script.incoming import write_files
from loadtest.demo_script.script import Command, Ran, Story
from loadtest.demo_script.steps import TABLE_UNITS_PER_S
from loadtest.simulator import Key, Sink, Table

FEEDS = Path(__file__).parent / "feeds.toml"
COLUMNS = 80  # of the terminal that is shown
TABLES = {
    "Orders": Table(Key("customer_id"), Key("order_id")),
    "Clicks": Table(Key("visitor"), Key("at", "N")),
    "Visits": Table(Key("visitor"), Key("at", "N")),
    "Stock": Table(Key("sku")),
}
_ROOT = Path(__file__).parents[2]


def tell(folder: Path, command: Callable[[LocalStack], Command], *, form: tuple[str, ...] = ()) -> tuple[Story, Sink]:
    """Return the story as it happened, and the tables at its end. The folder gets the files and `feeds.toml`."""
    feeds, tables = folder / "feeds.toml", dict(TABLES)
    feeds.write_text(FEEDS.read_text())
    write_files(folder)
    with (
        local_stack(FEEDS) as stack,
        simulated(stack, tables, units_per_s=TABLE_UNITS_PER_S, keep_items=True) as there,
    ):
        story = Story(stack, command(stack), folder, form=form)
        with contextlib.closing(story.hand):
            _tell_all(story, tables, feeds)
    return story, there.sink


def _tell_all(story: Story, tables: dict[str, Table], feeds: Path) -> None:
    def deploy_mended_feeds() -> None:
        feeds.write_text(feeds.read_text().replace('delimiter = ","', 'delimiter = ";"'))
        story.hand.deploy_code(bundle.build(bundle.HOST, feeds).read_bytes())

    chapters.before_the_drop(story)
    chapters.the_load(story)
    chapters.bad_rows(story)
    chapters.wrong_file(story)
    chapters.wrong_feed(story, deploy_mended_feeds)
    chapters.dead_letters(story, tables)
    chapters.the_books(story)


def in_a_process(stack: LocalStack, folder: Path) -> Command:
    """Return what runs `ingest` as an operator does: a process of its own, in a folder, on a terminal so wide."""
    said = {"COLUMNS": str(COLUMNS), "PYTHONPATH": str(_ROOT), **stack.environment()}

    def run(*arguments: str) -> Ran:
        command = [sys.executable, "-m", "ingest", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=os.environ | said, capture_output=True, text=True, timeout=120, check=False
        )
        return Ran(arguments, done.returncode, done.stdout, done.stderr)

    return run
