"""`ingest plan --against-table`: what a table holds for the rows of a file, and both bills, against the simulator."""

import gc
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ingest.cli.estimate import SAMPLED_ROWS
from ingest.contract import Price
from loadtest.simulator import Key, Settings, Simulator, Table
from loadtest.simulator.requests import Asked
from tests.support.command import Ran

pytestmark = [
    pytest.mark.allow_hosts(["127.0.0.1"]),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
FEEDS = """
[feeds.orders]
prefix = "orders/"
table = "Orders"
partition_key = "id"
[feeds.orders.columns]
price = "N"
[feeds.skipping]
prefix = "skipping/"
table = "Orders"
partition_key = "id"
skip_unchanged = true
[feeds.skipping.columns]
price = "N"
[feeds.dated]
prefix = "dated/"
table = "Orders"
partition_key = "id"
newest = "file"
[feeds.indexed]
prefix = "indexed/"
table = "Indexed"
partition_key = "id"
[feeds.indexed.columns]
price = "N"
[feeds.indexed.indexes.by_note]
partition_key = "note"
"""
LONG = "x" * 3000  # three write units


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    Path("feeds.toml").write_text(FEEDS, encoding="utf-8")


@contextmanager
def holding(monkeypatch: pytest.MonkeyPatch, items: dict[str, tuple[str, str]]) -> Iterator[None]:
    """Run a simulator whose table has these items: price and note by id."""
    tables = dict.fromkeys(("Orders", "Indexed"), Table(Key("id")))
    with Simulator(Settings(tables=tables, keeps_items=True)) as running:
        for key, (price, note) in items.items():
            item = {"id": {"S": key}, "price": {"N": price}, "note": {"S": note}}
            for table in tables:
                running.written_items.set(Asked(table, table, {}, (key,)), item)
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", running.url)
        yield
    gc.collect()


def write(rows: dict[str, tuple[str, str]]) -> None:
    text = "".join(f"{key},{price},{note}\n" for key, (price, note) in rows.items())
    Path("a.csv").write_text(f"id,price,note\n{text}", encoding="utf-8")


def plan(capsys: pytest.CaptureFixture[str], feed: str = "orders") -> Any:
    ran = Ran(capsys, "plan", "a.csv", "--feed", feed, "--against-table", "--json")
    assert (ran.code, ran.err) == (0, "")
    return ran.json


def test_each_row_is_unchanged_changed_or_new_and_costs_the_larger_of_before_and_after(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = {f"k{n}": ("1.50", "short") for n in range(10)} | {"long": ("1", LONG), "same": ("2", LONG)}
    write(held | {"k0": ("1.5", "short"), "k1": ("9", "short"), "long": ("1", "short"), "new": ("1", LONG)})
    with holding(monkeypatch, held):
        document = plan(capsys)
        text = Ran(capsys, "plan", "a.csv", "--feed", "orders", "--against-table").out
    found = document["against_table"]
    # k0 has the same number, spelled in another way; k1 and long changed; one is new
    assert [round(found[name]["share"] * 13) for name in ("unchanged", "changed", "new")] == [10, 2, 1]
    every, differing = 10 * 1 + 3 + 3 + 3, 1 + 3 + 3
    assert found["write_all"] == {
        "read_units": 0,
        "write_units": every,
        "dollars": pytest.approx(every * 0.625e-6, abs=1e-9),
    }
    assert (found["skip_unchanged"]["read_units"], found["skip_unchanged"]["write_units"]) == (13, differing)
    assert found["skip_unchanged"]["dollars"] == pytest.approx(13 * 0.125e-6 + differing * 0.625e-6, abs=1e-9)
    assert (found["rows_compared"], found["may_skip"]) == (13, True)
    units = document["write_units"]
    assert (units["value"], units["per_row"]) == (
        every,
        round(every / 13, 3),
    )  # so does the estimate of the load itself
    assert document["cost"]["charges"][0]["quantity"] == pytest.approx(every)
    assert document["import_from_s3"] is None  # the table is there
    assert "13 rows compared with the table: 76.9 % (49.7 to 91.8) unchanged" in text
    assert "skip_unchanged:    13 read and 7 write units: < $0.00001. Set it in the feed." in text


def test_a_feed_that_skips_is_billed_for_its_reads_and_for_what_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = {f"k{n}": ("1", "a") for n in range(40)}
    write(held | {"k7": ("2", "a"), "k8": ("2", "a")})
    with holding(monkeypatch, held):
        document = plan(capsys, "skipping")
    charged = {line["what"]: line["quantity"] for line in document["cost"]["charges"]}
    assert (charged["write units of the table"], charged["read units of the table"]) == (pytest.approx(2), 40)


def test_what_a_table_holds_of_an_index_is_written_only_where_an_item_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = {f"k{n}": ("1", "a") for n in range(10)}
    write(held | {"k1": ("2", "a"), "k2": ("1", "b")})  # k2 moves in the index: a deletion and a put
    with holding(monkeypatch, held):
        document = plan(capsys, "indexed")
    assert [target["write_units"] for target in document["write_units"]["targets"]] == [10, 1 + 2]
    assert document["against_table"]["skip_unchanged"]["write_units"] == 2 + 3


def test_of_many_rows_a_thousand_are_compared_wherever_they_stand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(1)
    held = {f"k{n}": ("1", "a") for n in range(8000)}
    write({key: ("2", "a") if chance.random() < 0.05 else item for key, item in held.items()})
    with holding(monkeypatch, held):
        found = plan(capsys)["against_table"]
    assert found["rows_compared"] == SAMPLED_ROWS
    assert found["changed"]["low"] <= 0.05 <= found["changed"]["high"]
    assert found["skip_unchanged"]["read_units"] == 8000
    saved = found["write_all"]["dollars"] - found["skip_unchanged"]["dollars"]
    assert saved == pytest.approx(8000 * ((1 - found["changed"]["share"]) * Price.WRITE_UNIT - Price.READ_UNIT), 0.01)


def test_where_skipping_is_refused_or_does_not_pay_the_page_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write({f"k{n}": ("1", "a") for n in range(10)})
    with holding(monkeypatch, {}):
        for feed, said in (("orders", "It does not pay."), ("dated", "The feed cannot"), ("skipping", "does so.")):
            assert said in Ran(capsys, "plan", "a.csv", "--feed", feed, "--against-table").out


def test_a_table_that_is_missing_or_has_another_key_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write({"k": ("1", "a")})
    with holding(monkeypatch, {}):
        ran = Ran(capsys, "plan", "a.csv", "--feed", "orders", "--against-table", "--table", "Other")
    assert (ran.code, ran.sentence) == (4, "Table Other does not exist; create it, or change the feed's table.")
