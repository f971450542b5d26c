"""The story of an operator's day, chapter by chapter: what is dropped, asked, seen and decided."""

from collections.abc import Callable

from loadtest.demo_script.incoming import FOLDER, POISON, fixed
from loadtest.demo_script.script import Script
from loadtest.simulator import Key, Table

LARGE = "clicks/large.csv"
MONDAY = "orders/monday.csv"
TABLE_UNITS_PER_S = 1200
RETURNS = Table(Key("customer_id"), Key("order_id"))


def before_the_drop(script: Script) -> None:
    """Ask what a load takes."""
    script.title("Before the drop: what will it take?")
    script.say(
        "A large export is to be loaded, into a table that was given 1,200 write units a second. "
        "`--full` reads all of it, so that the figures are exact: all rows will load, and the table sets the time. "
        "That can wait for no window at night; it is dropped."
    )
    limit = ("--capacity", str(TABLE_UNITS_PER_S))
    script.run("plan large", "plan", f"{FOLDER}/{LARGE}", "--feed", "clicks", "--full", *limit)
    script.say(
        "The orders of Monday are known to be typed by hand. The plan says how many rows will be rejected and why, and "
        "that some come twice: few enough, so they are dropped, and mended afterwards."
    )
    script.run("plan orders", "plan", f"{FOLDER}/{MONDAY}", "--feed", "orders", "--full", *limit)


def the_load(script: Script) -> None:
    """Drop a mixed load and look at it."""
    script.title("The load, and how it goes")
    script.say(
        "All at once come: four good files of orders; Monday's with its bad rows; visits whose time is a date instead "
        "of a number; stock levels with semicolons, where commas are agreed; returns, for which nobody has made the "
        "table; a message that somebody else sent to our queue; and the large export, into a table that throttles."
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
        "`ingest top` is kept open in a terminal; `--once` takes one picture of it. Rows flow, it says when the large "
        "file will be done, and as its table is at its limit some requests are throttled. Two files have failed, "
        "and there are dead letters: they are looked at when the load is through."
    )
    script.run("top during", "top", "--once")
    script.say("How far is each part of the large file? Each segment has its own checkpoint, and its own lease.")
    script.run("status large during", "status", LARGE)
    script.say("All files. What is open comes first; the file of returns is not given up, but waits for its table.")
    script.run("status during", "status")
    script.wait_for_end(LARGE)
    script.wait_for_dead_letters(2)
    script.say("A few seconds later it is done: all rows are written, and the books say so.")
    script.run("status large", "status", LARGE)


def bad_rows(script: Script) -> None:
    """Mend rejected rows."""
    script.title("Rejected rows: mend them, drop them")
    script.say("Monday's orders are COMPLETE, but for some rows. Which, and why? The plan had said as many.")
    script.run("rejects", "rejects", MONDAY)
    script.say(
        "`--csv` gives them back as they stand in the file, under its own header. They go to a file, an editor, and "
        "back under the same prefix: `many` were 12, and the last cell was forgotten."
    )
    ran = script.run("rejects csv", "rejects", MONDAY, "--csv")
    script.stack_client.drop("orders/monday-mended.csv", fixed(ran.out).encode())
    script.wait_for_end("orders/monday-mended.csv")
    script.say("Exactly the missing rows are loaded now, and none is missing any more.")
    script.run("status mended", "status", "orders/monday-mended.csv")


def wrong_file(script: Script) -> None:
    """A file that is wrong, and the right one after it."""
    script.title("A failed file that is wrong: its sender's")
    script.say("What has failed today?")
    script.run("status failed", "status", "--status", "FAILED")
    script.say(
        "The visits have too many bad rows, and the sentence says how many are too many. That sentence, with the "
        "first of the rows, goes to the sender. Nothing is to be done here."
    )
    script.run("status visits", "status", "visits/monday.csv")
    script.run("rejects visits", "rejects", "visits/monday.csv", "--limit", "3")
    script.drop("visits/monday.csv", "visits/monday-right.csv")
    script.wait_for_end("visits/monday.csv", versions=2)
    script.say(
        "Within the hour the sender drops a right one, under the same name. Both are in the ledger; the newer one "
        "is COMPLETE, and the older stays what it was."
    )
    script.run("status visits right", "status", "visits/monday.csv")


def wrong_feed(script: Script, deploy_fixed_feeds: Callable[[], None]) -> None:
    """A file that is right, and whose feed is mended: pause, deploy, resume, retry."""
    script.title("A failed file that is right: mend the feed, pause meanwhile, retry")
    script.say("The stock levels have failed by their header. Is the file wrong, or what we think of it?")
    script.run("status stock", "status", "stock/monday.csv")
    script.say(
        "The sender says: semicolons from now on. Tuesday's file is on its way and would fail like Monday's, so the "
        "function is to take no more messages until the feed is mended."
    )
    script.run("pause", "pause")
    script.drop("stock/tuesday.csv")
    script.wait_for_messages(1)
    script.say(
        "Tuesday's file is dropped meanwhile. Nothing takes its message: it waits, and the ledger knows nothing."
    )
    script.run("pause again", "pause")
    script.run("status tuesday paused", "status", "stock/tuesday.csv")
    script.run("top paused", "top", "--once")
    deploy_fixed_feeds()
    script.say(
        "`delimiter` is mended in `feeds.toml`. `ingest check` reads Monday's file by it, without any stack: no row "
        "is rejected. So it is deployed, and the function takes messages again."
    )
    script.run("check stock", "check", f"{FOLDER}/stock/monday.csv", "--feed", "stock")
    script.run("resume", "resume")
    script.wait_for_end("stock/tuesday.csv")
    script.say("Tuesday's file went through. Monday's has FAILED and is not tried again by itself: it is told to.")
    script.run("retry", "retry", "stock/monday.csv")
    script.wait_for_end("stock/monday.csv", versions=2)
    script.run("status retried", "status", "stock/monday.csv")


def dead_letters(script: Script, tables: dict[str, Table]) -> None:
    """Look at dead letters, mend their cause, send them back; delete what is not ours."""
    script.title("Dead letters: why, mend, send back")
    script.say("An alarm's mail says that there are dead letters. Why? `--dry-run` sends nothing.")
    script.run("redrive dry", "redrive", "--dry-run")
    script.say(
        "One is no message of ours: its body was read, its sender found. The other is the file of returns, whose table "
        "nobody made. It is made now, and what died of that goes back to the queue."
    )
    tables["Returns"] = RETURNS
    script.run("redrive", "redrive", "--reason", "table_missing", "--yes")
    script.wait_for_end("returns/monday.csv")
    script.run("status redriven", "status", "returns/monday.csv")
    script.say("The stranger's message would only come back. It is the only thing here that is deleted, and by name.")
    script.run("redrive discard", "redrive", "--reason", "unknown_message", "--discard", "--yes")
    script.run("redrive none", "redrive", "--dry-run")


def the_row_counts(script: Script) -> None:
    """Close the day."""
    script.title("The end of the day: the books")
    script.say("What has ended today, by feed; then each file. What failed at first is there too, with its reason.")
    script.run("history", "history", "--days", "1")
    script.run("history files", "history", "--files", "--days", "1")
    script.say(
        "For a script or a monitor: one document. No message waits, none is dead, no file is open; that is how it "
        "should be left."
    )
    script.run("top end", "top", "--once", "--json")
