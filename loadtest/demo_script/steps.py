"""The steps of an operator's day: what is uploaded, run, seen and decided."""

from collections.abc import Callable

from loadtest.demo_script.incoming import FOLDER, POISON, fixed
from loadtest.demo_script.script import Script
from loadtest.simulator import Key, Table

LARGE = "clicks/large.csv"
MONDAY = "orders/monday.csv"
TABLE_UNITS_PER_S = 1200
RETURNS = Table(Key("customer_id"), Key("order_id"))


def before_the_drop(script: Script) -> None:
    """Estimate what a load takes."""
    script.title("Before the upload: what will it take?")
    script.say(
        "A large export is to be loaded into a table with 1,200 write units a second. `--full` reads the whole file, "
        "so the figures are exact: all rows will load, and the table's write capacity sets the duration. It is short "
        "enough to load right away."
    )
    limit = ("--capacity", str(TABLE_UNITS_PER_S))
    script.run("plan large", "plan", f"{FOLDER}/{LARGE}", "--feed", "clicks", "--full", *limit)
    script.say(
        "Monday's orders were typed by hand. The estimate shows how many rows will be rejected and why, and that some "
        "keys appear twice: few enough to upload the file now and fix the rejected rows afterwards."
    )
    script.run("plan orders", "plan", f"{FOLDER}/{MONDAY}", "--feed", "orders", "--full", *limit)


def the_load(script: Script) -> None:
    """Upload a mixed load and watch it."""
    script.title("The load and its progress")
    script.say(
        "Everything arrives at once: four good files of orders; Monday's with its bad rows; visits whose time is a "
        "date instead of a number; stock levels with semicolons instead of commas; returns, whose table does not "
        "exist; a message that another system sent to our queue; and the large export, into a table that throttles."
    )
    for n in (1, 2, 3, 4):
        script.drop(f"orders/day-{n}.csv")
    for key in (MONDAY, "visits/monday.csv", "stock/monday.csv", "returns/monday.csv"):
        script.drop(key)
    script.stack_client.send(POISON)
    script.drop(LARGE)
    script.wait_for_end(MONDAY, "visits/monday.csv", "stock/monday.csv")
    script.wait_for_a_checkpoint(LARGE)
    script.say(
        "`ingest top` stays open in a terminal; `--once` prints it once. It shows the throughput, when the large file "
        "will be done, and that some requests are throttled because its table is at its limit. Two files have failed, "
        "and there are dead letters: they can wait until the load is done."
    )
    script.run("top during", "top", "--once")
    script.say("How far is each segment of the large file? Each has its own checkpoint and its own lease.")
    script.run("status large during", "status", LARGE)
    script.say("All files. Open ones come first; the returns have not failed yet, they wait for their table.")
    script.run("status during", "status")
    script.wait_for_end(LARGE)
    script.wait_for_dead_letters(2)
    script.say("A few seconds later it is done: all rows are written, and the row counts reconcile.")
    script.run("status large", "status", LARGE)


def bad_rows(script: Script) -> None:
    """Fix rejected rows."""
    script.title("Rejected rows: fix and upload them")
    script.say("Monday's orders are COMPLETE, but some rows were rejected, as many as estimated. Which, and why?")
    script.run("rejects", "rejects", MONDAY)
    script.say(
        "`--csv` prints them as they are in the file, under its own header. They are saved, fixed in an editor and "
        "uploaded under the same prefix: `many` should be 12, and the last cell was missing."
    )
    ran = script.run("rejects csv", "rejects", MONDAY, "--csv")
    script.stack_client.drop("orders/monday-fixed.csv", fixed(ran.out).encode())
    script.wait_for_end("orders/monday-fixed.csv")
    script.say("Exactly the missing rows are loaded now.")
    script.run("status fixed", "status", "orders/monday-fixed.csv")


def wrong_file(script: Script) -> None:
    """A file that is wrong, and then its correct version."""
    script.title("A failed file whose content is wrong")
    script.say("What has failed today?")
    script.run("status failed", "status", "--status", "FAILED")
    script.say(
        "The visits have too many bad rows, and the error says how many. That error and the first rejected rows go to "
        "the sender. Nothing needs to be done here."
    )
    script.run("status visits", "status", "visits/monday.csv")
    script.run("rejects visits", "rejects", "visits/monday.csv", "--limit", "3")
    script.drop("visits/monday.csv", "visits/monday-right.csv")
    script.wait_for_end("visits/monday.csv", versions=2)
    script.say(
        "Within the hour the sender uploads a correct one, under the same name. Both versions are in the ledger: the "
        "newer one is COMPLETE, and the older one stays FAILED."
    )
    script.run("status visits right", "status", "visits/monday.csv")


def wrong_feed(script: Script, deploy_fixed_feeds: Callable[[], None]) -> None:
    """A file whose feed is wrong: pause, deploy the fixed feed, resume, retry."""
    script.title("A failed file whose feed is wrong: pause, fix the feed, retry")
    script.say("The stock levels have failed because of their header. Is the file wrong, or the feed?")
    script.run("status stock", "status", "stock/monday.csv")
    script.say(
        "The sender will use semicolons from now on. Tuesday's file is on its way and would fail like Monday's, so "
        "processing is paused until the feed is fixed."
    )
    script.run("pause", "pause")
    script.drop("stock/tuesday.csv")
    script.wait_for_messages(1)
    script.say("Meanwhile Tuesday's file is uploaded. Its message waits in the queue, and the ledger has no entry yet.")
    script.run("pause again", "pause")
    script.run("status tuesday paused", "status", "stock/tuesday.csv")
    script.run("top paused", "top", "--once")
    deploy_fixed_feeds()
    script.say(
        "`delimiter` is fixed in `feeds.toml`. `ingest check` reads Monday's file with it, without a stack: no row is "
        "rejected. So it is deployed, and processing is resumed."
    )
    script.run("check stock", "check", f"{FOLDER}/stock/monday.csv", "--feed", "stock")
    script.run("resume", "resume")
    script.wait_for_end("stock/tuesday.csv")
    script.say(
        "Tuesday's file is loaded. Monday's has FAILED and is not loaded again by itself: it needs `ingest retry`."
    )
    script.run("retry", "retry", "stock/monday.csv")
    script.wait_for_end("stock/monday.csv", versions=2)
    script.run("status retried", "status", "stock/monday.csv")


def dead_letters(script: Script, tables: dict[str, Table]) -> None:
    """Look at dead letters, fix their cause, send them back; delete unknown ones."""
    script.title("Dead letters: find the cause, fix it, redrive")
    script.say("An alarm has mailed that there are dead letters. Why? `--dry-run` sends nothing.")
    script.run("redrive dry", "redrive", "--dry-run")
    script.say(
        "One is not our message: its body was read, and its sender found. The other is the file of returns, whose "
        "table did not exist. It is created now, and the messages with that reason go back to the queue."
    )
    tables["Returns"] = RETURNS
    script.run("redrive", "redrive", "--reason", "table_missing", "--yes")
    script.wait_for_end("returns/monday.csv")
    script.run("status redriven", "status", "returns/monday.csv")
    script.say("The unknown message would be dead-lettered again. It is deleted, which needs an explicit selection.")
    script.run("redrive discard", "redrive", "--reason", "unknown_message", "--discard", "--yes")
    script.run("redrive none", "redrive", "--dry-run")


def the_row_counts(script: Script) -> None:
    """Close the day."""
    script.title("The end of the day: row counts")
    script.say(
        "What has ended today, by feed, and then file by file. Files that failed at first are listed too, with their "
        "error."
    )
    script.run("history", "history", "--days", "1")
    script.run("history files", "history", "--files", "--days", "1")
    script.say(
        "For scripts and monitors: one JSON document. No messages wait, none are dead letters, no files are open, as "
        "it should be at the end of the day."
    )
    script.run("top end", "top", "--once", "--json")
