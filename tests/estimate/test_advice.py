"""What would cost less: the bills are those of the price table, made here by hand, and the command is one of AWS's."""

import json
import shlex
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from msgspec import structs

from ingest.aws.local_files import Source
from ingest.contract import PRICE_SOURCES, REMEMBERED_PRICES, Price
from ingest.dynamodb.encode import item_json
from ingest.estimate.advice import ImportFromS3, TableSample, additions, import_from_s3, pays_from
from ingest.estimate.cost import TableFacts
from ingest.estimate.duration import Fleet, capacities
from ingest.estimate.estimate import LoadEstimate
from ingest.estimate.sample import ItemSample, SampleReader
from ingest.estimate.warnings import warm_throughput, warnings
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Column, Feed, Index, KeyAttribute, Operation, Ttl
from ingest.items.items import Items
from ingest.items.numbers import number_size
from ingest.items.validate import item_bytes, item_sizes
from tests.support.clients import session
from tests.support.tables import any_items, attribute, items_of

FEED = Feed("orders/", "Orders", "customer", "id", columns={"quantity": "N"})
ROWS = 2000


def estimate(feed: Feed, text: str = "") -> LoadEstimate:
    """Return the estimate of a file that is read as a whole."""
    data = (text or "".join(["customer,id,quantity\n", *(f"C1,O{n},{n}\n" for n in range(ROWS))])).encode()
    reader = SampleReader(feed, now_s=0.0)
    reading = reader.read(Source("a.csv", lambda start, end: iter([data[start:end]]), len(data)), None)
    return LoadEstimate("orders", feed, reader, (reading,), (), capacities(None, is_new=False), Fleet())


def advised(feed: Feed, source: str = "a.csv") -> ImportFromS3:
    found = import_from_s3(estimate(feed), source)
    assert found
    return found


def parameters(command: str) -> dict[str, Any]:
    """Return what a command of AWS's command line asks of the API."""
    _, _, name, *arguments = shlex.split(command)
    assert name == "import-table"
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    names = {"--s3-bucket-source": "S3BucketSource", "--input-format": "InputFormat"}
    names |= {"--input-format-options": "InputFormatOptions", "--input-compression-type": "InputCompressionType"}
    names |= {"--table-creation-parameters": "TableCreationParameters"}
    return {names[key]: json.loads(text) if text[0] == "{" else text for key, text in options.items()}


def test_each_price_names_its_source_and_date() -> None:
    prices = {name for name, value in vars(Price).items() if isinstance(value, float)}
    assert set(PRICE_SOURCES) == prices
    for name, source in PRICE_SOURCES.items():
        assert ("from memory" in source) == (name in REMEMBERED_PRICES)
        assert "aws.amazon.com/" in source
        assert "2026-11-" in source


def test_an_import_is_billed_by_the_size_of_the_text_and_a_load_by_its_rows() -> None:
    found = advised(FEED)
    text = sum(len(f"C1,O{n},{n}\n") for n in range(ROWS))
    assert found.import_dollars == pytest.approx(text / 1e9 * 0.15)
    assert found.load_dollars > ROWS * 0.625 / 1e6  # and a little for functions and requests
    assert found.load_dollars < ROWS * 0.625 / 1e6 + 0.0001


def test_what_an_import_leaves_out_is_said() -> None:
    feed = structs.replace(
        FEED,
        columns={"quantity": "N", "at": Column(name="bought")},
        attributes={"kind": "order"},
        ttl=Ttl(after="30d"),
    )
    found = import_from_s3(replace(estimate(FEED), feed=feed), "a.csv")
    assert found
    said = " ".join(found.limits)
    for part in ("`existing = true`", "strings: quantity (N)", "with one key", ": kind, ttl.", "in the file: at."):
        assert part in said


@pytest.mark.parametrize(
    "fields",
    [
        {"existing": True},
        {"write": "insert"},
        {"newest": "quantity"},
        {"skip_unchanged": True},
        {"operation": Operation("op", put=("I",))},
        {"partition_key": "C#{customer}"},
        {"columns": {"customer": Column(name="pk")}},
        {"csv": Csv(escape="\\")},
        {"csv": Csv(delimiter="~")},
        {"csv": Csv(encoding="cp1252")},
        {"csv": Csv(header="none")},
        {"indexes": {"by": Index("kind")}, "attributes": {"kind": "order"}},
    ],
    ids=str,
)
def test_an_import_is_not_advised_where_it_cannot_do_what_the_feed_says(fields: dict[str, Any]) -> None:
    found = estimate(FEED)
    assert import_from_s3(found, "a.csv")
    assert import_from_s3(replace(found, feed=structs.replace(FEED, **fields)), "a.csv") is None


def test_an_import_is_not_advised_for_a_table_that_is_there_nor_where_it_costs_more() -> None:
    found = estimate(FEED)
    assert import_from_s3(replace(found, table=TableFacts()), "a.csv") is None
    few_large = f"customer,id,note\nC1,O1,{'x' * 900_000}\n"  # a reject, for which nothing is written
    assert import_from_s3(estimate(FEED, few_large.replace("note", "quantity")), "a.csv") is None


def test_the_command_is_one_that_awss_own_library_takes() -> None:
    feed = structs.replace(FEED, indexes={"by_quantity": Index("quantity", "id")}, csv=Csv(delimiter=";", names=()))
    found = import_from_s3(replace(estimate(FEED), feed=feed), "s3://landing/orders/2026/*.csv")
    assert found
    asked = parameters(found.command)
    assert asked["S3BucketSource"] == {"S3Bucket": "landing", "S3KeyPrefix": "orders/2026/"}
    assert asked["InputFormatOptions"] == {"Csv": {"Delimiter": ";"}}
    made = asked["TableCreationParameters"]
    assert made["KeySchema"] == [
        {"AttributeName": "customer", "KeyType": "HASH"},
        {"AttributeName": "id", "KeyType": "RANGE"},
    ]
    assert {"AttributeName": "quantity", "AttributeType": "N"} in made["AttributeDefinitions"]
    shape = session().client("dynamodb").meta.service_model.operation_model("ImportTable").input_shape
    assert not ParamValidator().validate(asked, shape).has_errors()


def test_files_without_a_header_are_imported_with_the_feeds_names() -> None:
    feed = structs.replace(FEED, csv=Csv(header=("customer", "id", "quantity")))
    found = import_from_s3(estimate(feed, "".join(f"C1,O{n},{n}\n" for n in range(100))), "s3://landing/a.csv")
    assert found
    asked = parameters(found.command)
    assert asked["InputFormatOptions"] == {"Csv": {"HeaderList": ["customer", "id", "quantity"]}}
    assert asked["S3BucketSource"]["S3KeyPrefix"] == "a.csv"


# --- what a table holds


@given(any_items())
def test_an_item_as_json_counts_as_many_bytes_as_its_columns_do(items: Items) -> None:
    texts = [json.loads(text) for text in item_json(items).to_pylist()]
    assert [item_bytes(item) for item in texts] == item_sizes(items.attributes).to_pylist()


@pytest.mark.parametrize(
    ("feed", "before", "sent", "all_units", "differing"),
    [
        (FEED, None, {"note": "x"}, 1, 1),
        (FEED, {"note": "x" * 3000}, {"note": "x"}, 3, 3),  # the larger of before and after
        (structs.replace(FEED, write="update"), {"note": "x" * 1000, "more": "x" * 1000}, {"note": "y"}, 2, 2),
        (structs.replace(FEED, write="delete"), {"note": "x" * 3000}, {"note": None}, 3, 3),
        (structs.replace(FEED, write="delete"), None, {"note": None}, 1, 0),  # it is absent already
        (structs.replace(FEED, write="insert"), {"note": "x" * 3000}, {"note": "x"}, 3, 3),  # refused, and charged
    ],
    ids=["put", "put over more", "update", "delete", "delete nothing", "insert over"],
)
def test_each_way_of_writing_costs_the_larger_of_before_and_after(
    feed: Feed, before: dict[str, str] | None, sent: dict[str, str | None], all_units: int, differing: int
) -> None:
    key = {"customer": "C", "id": "O"}
    columns = [attribute(name, "S", [value]) for name, value in (key | sent).items()]
    held = {name: {"S": value} for name, value in (key | before).items()} if before else None
    found = TableSample(feed)
    found.add(items_of(*columns, keys=feed.key_attributes()), [held], {0} if not differing else ())
    assert (found.all.total(), found.differing.total(), found.read_units) == (all_units, differing, 1)
    assert found.bill(skips=False).dollars == pytest.approx(all_units * 0.625 / 1e6)
    assert found.bill(skips=True).dollars == pytest.approx(0.125 / 1e6 + differing * 0.625 / 1e6)


def test_some_items_of_all_are_kept_wherever_they_stand() -> None:
    kept = ItemSample(100, Random(1).random)
    for block in range(50):
        names = [f"{block * 200 + n:05}" for n in range(200)]
        kept.add(items_of(attribute("id", "S", names), keys=(KeyAttribute("id", "S", "id"),)))
    found = [int(key) for items in kept.blocks() for key in items.attribute("id").values.to_pylist()]
    assert len(found) == len(set(found)) == 100
    assert 4000 < sum(found) / 100 < 6000
    assert len({number % 20 for number in found}) > 15  # whatever comes again and again in a file


# --- what more would cost


def test_an_index_a_replica_and_a_reader_of_the_stream_cost_what_the_price_table_says() -> None:
    found = estimate(structs.replace(FEED, indexes={"by_quantity": Index("quantity")}))
    index, replica, stream = additions(found)
    item = sum(len(f"customerC1idO{n}quantity") + number_size(Decimal(n)) for n in range(ROWS))
    assert index.dollars == pytest.approx(ROWS * 0.625 / 1e6)
    assert replica.dollars == pytest.approx(2 * ROWS * 0.625 / 1e6 + item / 1e9 * 0.02)  # the replica has the index too
    assert stream.dollars == pytest.approx(1 * 0.02 / 1e5)


def test_what_a_table_has_is_in_the_bill() -> None:
    plain = estimate(FEED)
    described = {
        "Replicas": [{"RegionName": "eu-west-1"}, {"RegionName": "us-west-2"}],
        "GlobalSecondaryIndexes": [{"IndexName": "by"}],
        "StreamSpecification": {"StreamEnabled": True},
        "WarmThroughput": {"WriteUnitsPerSecond": 9000, "ReadUnitsPerSecond": 12000},
    }
    facts = TableFacts.of(described, FEED)
    assert facts == TableFacts(("eu-west-1", "us-west-2"), ("by",), True, 9000)
    both = replace(plain, table=facts)
    assert both.dollars - plain.dollars == pytest.approx(2 * additions(plain)[1].dollars)
    assert TableFacts.of({}, FEED) == TableFacts()


@pytest.mark.parametrize(
    ("feed", "share"),
    [
        (FEED, 0.2),  # a read unit for each write unit
        (structs.replace(FEED, skip_unchanged=True), None),
        (structs.replace(FEED, newest="file"), None),
        (structs.replace(FEED, write="delete"), None),
    ],
    ids=["put", "has it", "newest file", "delete"],
)
def test_reading_first_pays_from_a_fifth_of_unchanged_rows_on(feed: Feed, share: float | None) -> None:
    assert pays_from(replace(estimate(FEED), feed=feed)) == (share if share is None else pytest.approx(share))


def test_warming_is_charged_once_for_what_is_more_than_a_new_table_takes() -> None:
    found = estimate(FEED)
    warm = warm_throughput(found)
    assert warm
    assert (warm.from_units, warm.to_units, warm.dollars) == (4000, 40_000, pytest.approx(36_000 * 0.00065))
    assert warm.command == (
        "aws dynamodb update-table --table-name Orders "
        "--warm-throughput ReadUnitsPerSecond=12000,WriteUnitsPerSecond=40000"
    )
    indexed = replace(found, feed=structs.replace(FEED, indexes={"by": Index("quantity")}))
    arguments = shlex.split((warm_throughput(indexed) or warm).command)
    [update] = json.loads(arguments[-1])
    assert (arguments[-2], update["Update"]["IndexName"]) == ("--global-secondary-index-updates", "by")
    half = warm_throughput(replace(found, table=TableFacts(warm_units=20_000)))
    assert half
    assert half.dollars == pytest.approx(20_000 * 0.00065)
    assert warm_throughput(replace(found, table=TableFacts(warm_units=50_000))) is None


def test_a_load_that_a_new_table_holds_up_says_what_warming_costs_and_saves() -> None:
    found = estimate(FEED)
    large = tuple(replace(reading, text_bytes=reading.text_bytes * 5000) for reading in found.readings)
    (warned,) = [one for one in warnings(replace(found, readings=large)) if one.code == "new_table"]
    assert "Warming it to 40,000 costs $23.40 once (from memory, 2026-11-29" in warned.message
    assert "aws dynamodb update-table --table-name Orders --warm-throughput" in warned.message
