"""`ingest plan`: its figures are those of a load; what it did not read it estimates, and says so."""

import gzip
import random
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ingest.aws.local_files import Source
from ingest.cli import aws
from ingest.cli.load import run_load
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, not_noted
from ingest.dynamodb.write_stats import write_units
from ingest.errors import FileFault
from ingest.estimate.duration import EXPANDED_BYTES_S
from ingest.estimate.sample import SampleReader
from ingest.feeds.feed import Index
from ingest.items.items import Items
from tests.properties.files import File, files
from tests.support.clients import client, mock_aws, session
from tests.support.command import Ran
from tests.support.examples import HALF
from tests.support.fakes import FakeTable, RecordingRejects
from tests.support.items import python_items

KB = 1024
FEEDS = """
[feeds.orders]
prefix = "orders/"
table = "Orders"
partition_key = "customer"
sort_key = "id"
[feeds.orders.columns]
quantity = "N"
[feeds.orders.csv]
max_record_bytes = 1024

[feeds.indexed]
prefix = "indexed/"
table = "Indexed"
partition_key = "id"
[feeds.indexed.indexes.by_state]
partition_key = "state"

[feeds.strict]
prefix = "strict/"
table = "Strict"
partition_key = "id"
[feeds.strict.columns]
quantity = "N"
[feeds.strict.max_rejects]
share = 0.1
min_rows = 10
"""


class CountingTable(FakeTable):
    """A table that adds up the write units of what is put, and those of an index by the items' own attributes."""

    def __init__(self, index: Index) -> None:
        super().__init__()
        self.units = {None: 0, "by": 0}
        self._keys = [key for key in (index.partition_key, index.sort_key) if key]

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        inside = [row for row, item in enumerate(python_items(items)) if all(key in item for key in self._keys)]
        self.units[None] += write_units(items)
        self.units["by"] += write_units(items.take(inside))
        return super().write(items, heartbeat)


@HALF
@given(files(), st.data())
def test_the_estimate_of_a_whole_file_is_what_loading_it_does(file: File, data: st.DataObject) -> None:
    names = sorted({name for item in file.items.values() for name in item}) or ["none"]
    index = Index(data.draw(st.sampled_from(names)), data.draw(st.sampled_from([None, *names])))
    feed = structs.replace(file.feed, indexes={"by": index})
    source = Source("a.csv", lambda start, end: iter([file.data[start:end]]), len(file.data))
    table, rejects, reader = CountingTable(index), RecordingRejects(), SampleReader(feed, now_s=0.0)
    try:
        row_counts = run_load(source, feed, table, rejects).row_counts
    except FileFault as fault:
        with pytest.raises(type(fault)):
            reader.read(source, None)
        return
    observed = reader.read(source, None).observed
    assert sum(part.rows for part in observed) == row_counts.rows_read
    assert sum(part.written for part in observed) == row_counts.rows_written
    assert sum(part.rejected for part in observed) == row_counts.rows_rejected
    assert sum(part.superseded for part in observed) == row_counts.rows_superseded
    assert reader.reasons == Counter(reject.reason for reject in rejects.taken)
    assert {target.index: target.units for target in reader.write_cost.targets} == table.units
    assert sum(part.units for part in observed) == sum(table.units.values())


# --- the command ---


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(aws, "session", session)
    Path("feeds.toml").write_text(FEEDS, encoding="utf-8")
    yield tmp_path


@cache
def orders(count: int, *, quote: str = "", customers: int = 1000, seed: int = 1) -> bytes:
    rng = random.Random(seed)
    rows = []
    for n in range(count):
        quantity = "many" if n % 100 == 7 else str(rng.randrange(100))
        note = "lorem " * rng.randrange(40)
        rows.append(f"C{rng.randrange(customers)},O{n},{quantity},{quote}{note}{quote}\n")
    return ("customer,id,quantity,note\n" + "".join(rows)).encode()


@cache
def packed(count: int) -> bytes:
    return gzip.compress(orders(count), 1)


def codes(document: Any) -> list[str]:
    return [warned["code"] for warned in document["warnings"]]


def plan(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    ran = Ran(capsys, "plan", *arguments, "--json")
    assert (ran.code, ran.err) == (0, "")
    return ran.json


def test_a_small_file_is_read_as_a_whole_and_nothing_is_estimated(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    data = orders(500)
    Path("a.csv").write_bytes(data)
    found = plan(capsys, "a.csv", "--feed", "orders")
    assert found["sample"]["is_exact"] is True
    assert found["rows_read"] == {"value": 500, "low": 500, "high": 500}
    assert found["rows_rejected"]["value"] == 5
    assert found["reasons"] == {"bad_number": 5}
    assert found["text_bytes"] == len(data) - data.index(b"\n") - 1
    assert (found["write_units"]["value"], found["write_units"]["per_row"]) == (495, 1.0)
    assert [line["limited_by"] for line in found["durations"]] == ["capacity"] * 3
    assert codes(found) == []


def test_a_large_plain_file_is_read_in_windows_and_the_rest_is_estimated(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    rows = 40_000
    Path("a.csv").write_bytes(orders(rows))
    found = plan(capsys, "a.csv", "--feed", "orders", "--sample", "3")
    assert (found["sample"]["how"], found["sample"]["is_exact"], found["sample"]["windows"]) == ("windows", False, 3)
    assert found["sample"]["bytes_read"] < found["text_bytes"] * 0.7
    assert found["rows_read"]["low"] <= rows <= found["rows_read"]["high"]
    assert abs(found["rows_read"]["value"] - rows) < 0.01 * rows
    assert abs(found["rows_rejected"]["value"] - rows / 100) < 0.2 * rows / 100
    assert 0 == found["rows_superseded"]["low"] == found["rows_superseded"]["value"]
    assert 0 < found["rows_superseded"]["high"] < 20  # none was seen, which does not prove there is none


@pytest.mark.parametrize(
    ("name", "make", "why"),
    [
        ("a.csv", lambda: orders(40_000, quote='"'), "it has quotes"),
        ("a.csv.gz", lambda: packed(40_000), "it is compressed"),
    ],
)
def test_of_a_file_with_quotes_or_a_compressed_one_only_its_beginning_is_read(
    capsys: pytest.CaptureFixture[str], here: Path, name: str, make: Any, why: str
) -> None:
    Path(name).write_bytes(make())
    found = plan(capsys, name, "--feed", "orders", "--sample", "2")
    assert (found["sample"]["how"], found["sample"]["is_exact"]) == ("head", False)
    assert abs(found["rows_read"]["value"] - 40_000) < 0.03 * 40_000
    ran = Ran(capsys, "plan", name, "--feed", "orders", "--sample", "2")
    assert why in ran.out.splitlines()[1]


def test_full_reads_all_of_it(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    Path("a.csv.gz").write_bytes(packed(40_000))
    found = plan(capsys, "a.csv.gz", "--feed", "orders", "--full")
    assert (found["rows_read"]["value"], found["rows_read"]["low"], found["rows_rejected"]["value"]) == (
        40_000,
        40_000,
        400,
    )


def test_the_page_fits_on_a_screen_and_has_every_figure(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    Path("a.csv").write_bytes(orders(500))
    ran = Ran(capsys, "plan", "a.csv", "--feed", "orders")
    lines = ran.out.splitlines()
    assert lines[0].endswith("bytes, feed orders, table Orders")
    assert lines[1] == "The whole source was read: 500 rows."
    assert len(lines) <= 30
    for word in ("rows", "rejected", "item bytes", "write units", "duration", "cost: about", "a month"):
        assert word in ran.out


def test_a_capacity_that_is_given_is_used(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    Path("a.csv").write_bytes(orders(500))
    (line,) = plan(capsys, "a.csv", "--feed", "orders", "--capacity", "10")["durations"]
    assert (line["seconds"], line["limited_by"], line["is_new"]) == (49.5, "capacity", False)
    (line,) = plan(capsys, "a.csv", "--feed", "orders", "--table-is-new")["durations"]
    assert (line["write_units_per_s"], line["is_new"]) == (40_000, True)


def test_indexes_cost_write_units_too(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    Path("a.csv").write_text("id,state\n1,open\n2,open\n3,\n4,done\n")
    found = plan(capsys, "a.csv", "--feed", "indexed")
    assert (found["write_units"]["value"], found["write_units"]["per_row"]) == (7, 1.75)
    assert [target["write_units"] for target in found["write_units"]["targets"]] == [4, 3]
    dollars = {line["what"]: line["quantity"] for line in found["cost"]["charges"]}
    assert (dollars["write units of the table"], dollars["write units of indexes"]) == (4, 3)


def test_a_key_that_gets_most_of_the_writes_is_warned_of(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    Path("a.csv").write_text("id,state\n" + "".join(f"{n},{'open' if n % 10 else 'done'}\n" for n in range(80_000)))
    found = plan(capsys, "a.csv", "--feed", "indexed")
    assert found["durations"][-1]["limited_by"] == "hot_key"
    (warned,) = found["warnings"]
    assert warned["code"] == "hot_partition"
    assert warned["message"].startswith("90.0 % of the writes to the index by_state have the partition key 'open'.")


def test_a_file_sorted_by_its_key_is_warned_of(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    rows = "".join(f"C{n // 16_000:02},O{n},1,{'x' * 100}\n" for n in range(160_000))
    Path("a.csv").write_text("customer,id,quantity,note\n" + rows)
    assert codes(plan(capsys, "a.csv", "--feed", "orders", "--full")) == ["sorted_input"]


def test_a_file_with_more_rejects_than_allowed_would_fail(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    bad = "".join(f"{n},{'x' if n % 5 == 0 else 1}\n" for n in range(100))
    Path("a.csv").write_text("id,quantity\n" + bad)
    found = plan(capsys, "a.csv", "--feed", "strict")
    assert codes(found) == ["would_fail"]
    assert found["rows_read"]["value"] == 100  # it is read to its end, for the figures of the whole file


def test_duplicate_keys_are_warned_of(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    Path("a.csv").write_text("id,state\n" + "".join(f"{n % 90},open\n" for n in range(100)))
    found = plan(capsys, "a.csv", "--feed", "indexed")
    assert found["rows_superseded"]["value"] == 10
    assert "duplicate_keys" in codes(found)


def test_items_and_records_too_large_are_warned_of(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    Path("a.csv").write_text("id,state,note\n1,open," + "x" * 500 * KB + "\n2,open,\n")
    assert "oversized_items" in codes(plan(capsys, "a.csv", "--feed", "indexed"))
    Path("b.csv").write_text("customer,id,quantity\nC1,O1,1\nC1," + "x" * 5000 + ",1\n")
    assert "oversized_records" in codes(plan(capsys, "b.csv", "--feed", "orders"))


def test_a_large_compressed_file_has_one_function_after_another(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    row = "C1,O1,1," + "x" * 900 + "\n"
    Path("a.csv.gz").write_bytes(gzip.compress(("customer,id,quantity,note\n" + row * 80_000).encode(), 1))
    found = plan(capsys, "a.csv.gz", "--feed", "orders", "--sample", "4")
    assert "not_splittable" in codes(found)
    assert found["work"]["functions"] == 1


def test_a_compressed_file_that_is_expanded_again_by_each_function_is_warned_of(
    capsys: pytest.CaptureFixture[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"C1,O{n},1,{'x' * 900}\n" for n in range(20_000))
    Path("a.csv.gz").write_bytes(gzip.compress(("customer,id,quantity,note\n" + rows).encode(), 1))
    asked = ("a.csv.gz", "--feed", "orders", "--sample", "4", "--capacity", "1")
    said, times = list[str](), list[tuple[float, str]]()
    for speed in (424e6, 60e3, 10e3):  # as measured; expanding all takes five minutes; half an hour
        monkeypatch.setitem(EXPANDED_BYTES_S, "gzip", speed)
        found = plan(capsys, *asked)
        said += [code for code in codes(found) if code in ("expanded_again", "never_ends")]
        times.append((found["durations"][0]["seconds"], found["durations"][0]["limited_by"]))
    assert said == ["expanded_again", "never_ends"]
    assert [limit for _, limit in times] == ["capacity", "expanding", "capacity"]
    assert times[1][0] > times[0][0] + 60


def test_many_files_are_estimated_together(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    for n in range(3):
        Path(f"a{n}.csv").write_bytes(orders(100, seed=n))
    Path("empty.csv").write_bytes(b"")
    for name in ("*.csv", "./", f"{here}/a?.csv"):
        Path("feeds.toml").rename("../feeds.toml")
        found = plan(capsys, name, "--feed", "orders", "--feeds", "../feeds.toml")
        Path("../feeds.toml").rename("feeds.toml")
        assert (found["files_found"], found["rows_read"]["value"], found["work"]["segments"]) == (3, 300, 3)


def test_of_a_folder_only_what_the_feed_would_load_is_read(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    Path("out").mkdir()
    for n in range(2):
        Path(f"out/.{n}.csv.crc").write_bytes(b"crc\0")
    assert Ran(capsys, "plan", "out/", "--feed", "orders").sentence.startswith(
        "`exclude` or `include` of the feed leaves"
    )
    Path("out/0.csv").write_bytes(orders(100))
    found = plan(capsys, "out/", "--feed", "orders")
    assert (found["files_found"], found["rows_read"]["value"]) == (1, 100)


def test_of_very_many_files_some_are_read(
    capsys: pytest.CaptureFixture[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.cli.estimate.MAX_FILES", 4)
    for n in range(10):
        Path(f"a{n}.csv").write_bytes(orders(200, seed=n))
    found = plan(capsys, "a*.csv", "--feed", "orders")
    assert (found["files_found"], found["sample"]["files_read"], found["sample"]["is_exact"]) == (10, 4, False)
    assert found["rows_read"]["low"] <= 2000 <= found["rows_read"]["high"]


def test_objects_in_s3_are_estimated_one_by_one_or_by_prefix(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    with mock_aws():
        s3 = client("s3")
        s3.create_bucket(Bucket="landing", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        for n in range(2):
            s3.put_object(Bucket="landing", Key=f"orders/{n}.csv", Body=orders(50, seed=n))
        for name in ("_SUCCESS", ".1.csv", "_temporary/1.csv"):  # of which a load would take none
            s3.put_object(Bucket="landing", Key=f"orders/{name}", Body=b"no CSV")
        one = plan(capsys, "s3://landing/orders/0.csv", "--feed", "orders")
        both = plan(capsys, "s3://landing/orders/", "--feed", "orders")
        some = plan(capsys, "s3://landing/orders/*1.csv", "--feed", "orders")
    assert [found["rows_read"]["value"] for found in (one, both, some)] == [50, 100, 50]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["none.csv"], 3, "none.csv does not exist"),
        (["none*.csv"], 3, "none*.csv matches no file, or only empty ones; check the pattern."),
        (["a.csv", "--full", "--sample", "3"], 2, "--full and --sample cannot be combined"),
        (["bad.csv"], 3, "The header has no column 'customer'"),
    ],
)
def test_what_cannot_be_estimated_is_reported_in_a_sentence(
    capsys: pytest.CaptureFixture[str], here: Path, arguments: list[str], code: int, sentence: str
) -> None:
    Path("a.csv").write_bytes(orders(3))
    Path("bad.csv").write_text("x,y\n1,2\n")
    ran = Ran(capsys, "plan", *arguments, "--feed", "orders")
    assert (ran.code, ran.sentence[: len(sentence)]) == (code, sentence)


# --- a write budget


def test_a_plan_says_how_long_the_tables_write_budget_takes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    limits = '[tables.Indexed]\nwrite_units = 20\nhours = { "00-24" = 10 }\n'
    Path("feeds.toml").write_text(FEEDS + limits, encoding="utf-8")
    rows = "".join(f"{n},CA\n" for n in range(1000))
    Path("a.csv").write_text(f"id,state\n{rows}", encoding="utf-8")
    first, second = Ran(capsys, "plan", "a.csv", "--feed", "indexed", "--json").json["durations"][:2]
    assert (first["what"], first["limited_by"]) == ("the write budget, by hours", "budget")
    assert first["seconds"] == pytest.approx(2000 / 10 / 0.985, rel=0.01)  # the index takes its part
    assert second["what"] == "a new table on demand"
    text = Ran(capsys, "plan", "a.csv", "--feed", "indexed").out
    assert "the write budget, by hours" in text
    assert "write budget" in text.split("the write budget, by hours")[1].splitlines()[0]


# --- what would cost less


def test_the_page_names_import_from_s3_where_it_saves_a_cent(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    Path("a.csv").write_bytes(orders(40_000))
    text = Ran(capsys, "plan", "a.csv", "--feed", "orders").out
    (line,) = [line for line in text.splitlines() if "Import from S3" in line]
    assert re.search(
        r"would cost \$0\.00\d+ instead of \$0\.0[23]\d*: 0\.00\d+ GB at \$0\.15 \(from memory, 2026-", line
    )
    assert "aws dynamodb import-table --s3-bucket-source" in text
    found = plan(capsys, "a.csv", "--feed", "orders")["import_from_s3"]
    assert found["import_dollars"] < found["load_dollars"] / 3
    Path("b.csv").write_bytes(orders(100))
    assert "Import from S3" not in Ran(capsys, "plan", "b.csv", "--feed", "orders").out
    assert plan(capsys, "b.csv", "--feed", "orders")["import_from_s3"]["gb"] > 0


def test_the_page_has_prices_by_rows_and_by_size_and_what_more_would_cost(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    Path("a.csv").write_bytes(orders(500))
    text = Ran(capsys, "plan", "a.csv", "--feed", "orders").out
    cost = plan(capsys, "a.csv", "--feed", "orders")["cost"]
    assert cost["dollars_per_million_rows"] == pytest.approx(0.99 * 0.625, rel=0.1)  # one of 100 rows is a reject
    assert re.search(r"\): \$0\.6\d per million rows, \$\d\.\d\d per GB of text$", text, re.MULTILINE)
    assert "an index of all rows $0.00031, a replica $0.00031, reading its stream" in text
    assert cost["skip_unchanged_pays_from"] == pytest.approx(0.2)
    assert "it pays off above 20 % unchanged rows" in text
    assert cost["warm_throughput"]["dollars"] == pytest.approx(23.4)
    assert {price["price"]: price["dollars"] for price in cost["prices"]}["WRITE_UNIT"] == 0.625e-6
