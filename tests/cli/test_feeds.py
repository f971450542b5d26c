"""`ingest feeds check` and `ingest init`: whether feeds.toml is right, and a project of one's own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.settings import read_settings
from ingest.cli import aws as cli_aws
from ingest.feeds.parse import parse_feeds
from tests.support.clients import mock_aws, session, table
from tests.support.command import Ran

FEEDS = """
[feeds.orders]
prefix = "orders/"
table = "Orders"
partition_key = "customer"
sort_key = "id"
existing = true
[feeds.orders.columns]
id = "N"
[feeds.orders.indexes.by_day]
partition_key = "day"
[feeds.visits]
prefix = "visits/"
table = "Visits"
partition_key = "VISIT#{id}"
"""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli_aws, "session", session)
    Path("feeds.toml").write_text(FEEDS, encoding="utf-8")
    with mock_aws():
        yield


def make_table(keys: list[tuple[str, str]], index: list[tuple[str, str]]) -> None:
    def schema(pairs: list[tuple[str, str]]) -> Any:
        return [{"AttributeName": n, "KeyType": k} for (n, _), k in zip(pairs, ("HASH", "RANGE"), strict=False)]

    session().client("dynamodb").create_table(
        TableName="Orders",
        KeySchema=schema(keys),
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in dict([*keys, *index]).items()],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[
            {"IndexName": "by_day", "KeySchema": schema(index), "Projection": {"ProjectionType": "ALL"}}
        ],
    )


def test_each_feed_has_a_line_and_no_table_is_looked_at(capsys: pytest.CaptureFixture[str], aws: None) -> None:
    ran = Ran(capsys, "feeds", "check")
    assert (ran.code, ran.out.splitlines()) == (
        0,
        [
            "orders: orders/* -> table Orders (existing), key customer (S) + id (N), 1 column(s) listed",
            "visits: visits/* -> table Visits (made by the stack), key pk (S), 0 column(s) listed",
        ],
    )


def test_a_key_template_whose_values_can_collide_is_warned_of(capsys: pytest.CaptureFixture[str], aws: None) -> None:
    Path("feeds.toml").write_text(FEEDS.replace("VISIT#{id}", "VISIT#{id}#{day}"), encoding="utf-8")
    ran = Ran(capsys, "feeds", "check")
    assert (ran.code, ran.err) == (0, "")
    (warning,) = [line for line in ran.out.splitlines() if line.startswith("  ! ")]
    assert warning.startswith("  ! `feeds.visits.partition_key` = 'VISIT#{id}#{day}': rows of different values can")


def test_a_table_as_described_is_said_to_be_so(capsys: pytest.CaptureFixture[str], aws: None) -> None:
    make_table([("customer", "S"), ("id", "N")], [("day", "S")])
    ran = Ran(capsys, "feeds", "check", "--aws")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0].startswith("orders: orders/* -> table Orders (existing, as described)")


def test_what_differs_is_named_and_exits_with_1(capsys: pytest.CaptureFixture[str], aws: None) -> None:
    make_table([("customer", "S"), ("order_id", "S")], [("day", "N")])
    ran = Ran(capsys, "feeds", "check", "--aws")
    assert ran.code == 1
    assert ran.out.splitlines()[1:3] == [
        "  ! the key of the table is customer (S) + order_id (S), that of the feed customer (S) + id (N): change the "
        "feed's keys",
        "  ! the key of index by_day is day (N), that of the feed day (S): change the feed's indexes",
    ]
    (orders, visits) = Ran(capsys, "feeds", "check", "--aws", "--json").json["feeds"]
    assert (len(orders["differences"]), orders["compared"], visits["compared"]) == (2, True, False)


def test_a_table_or_an_index_that_is_missing_is_a_difference(capsys: pytest.CaptureFixture[str], aws: None) -> None:
    assert "Orders" in Ran(capsys, "feeds", "check", "--aws").out.splitlines()[1]
    table("Orders", "customer", "id")
    ran = Ran(capsys, "feeds", "check", "--aws")
    assert ran.code == 1
    assert "  ! the table has no index by_day: create it, or remove it from the feed" in ran.out.splitlines()


def test_a_project_has_feeds_settings_and_a_makefile_of_three_lines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = Ran(capsys, "init", "shop")
    assert (ran.code, ran.err) == (0, "")
    assert sorted(path.name for path in Path("shop").iterdir()) == ["Makefile", "feeds.toml", "settings.json"]
    text = Path("shop/feeds.toml").read_text(encoding="utf-8")
    example = "\n".join(line.removeprefix("# ") for line in text.splitlines()[3:])
    assert list(parse_feeds(example.replace("\n#\n", "\n\n")).feeds) == ["orders"]
    settings = json.loads(Path("shop/settings.json").read_text(encoding="utf-8"))
    assert read_settings({"default": settings}, "default").name == "ingest"
    checkout, targets, recipe = Path("shop/Makefile").read_text(encoding="utf-8").splitlines()
    root = Path(checkout.removeprefix("INGEST ?= "))
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    for target in targets.rstrip(":").split():
        assert re.search(rf"^{target}: .*\n\t\$\(CDK\) .*\$\(OWN\)$", makefile, re.MULTILINE)
    assert re.findall(r"[A-Z]+=", recipe) == ["FEEDS=", "SETTINGS="]


def test_a_project_overwrites_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("Makefile").write_text("mine", encoding="utf-8")
    ran = Ran(capsys, "init", ".")
    assert (ran.code, ran.sentence) == (2, "Makefile exists already, and nothing was written; name another directory.")
    assert [path.name for path in Path().iterdir()] == ["Makefile"]
