"""Which key templates are warned of: those from which the columns cannot be read back."""

from pathlib import Path
from typing import Any

import pytest

from ingest.dynamodb.item_writer import NullWriter
from ingest.feeds.column import Column
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.feeds.parse import parse_feeds
from ingest.feeds.warnings import key_warnings
from ingest.worker.load import Load
from tests.support.fakes import RecordingRejects, reading

HERE = Path(__file__).parent
NUMBER = Column("N")
TIME = Column(timestamp=("iso",))


def warnings(template: str, sort_key: str | None = None, csv: Csv | None = None, **columns: Any) -> list[str]:
    return list(key_warnings(Feed("t/", "Tbl", template, sort_key, columns=columns, csv=csv or Csv()), "feeds.t"))


def test_two_rows_that_share_a_key_are_warned_of() -> None:
    feed = parse_feeds((HERE / "template_keys_collide.toml").read_text()).feeds["t"]
    assert list(key_warnings(feed, "feeds.t")) == [
        "`feeds.t.partition_key` = 'K#{a}#{b}': rows of different values can get one key, as values of 'a' and 'b' may "
        "contain what stands between the columns. Put something there that no value contains, or give a column a type "
        "that excludes it, as N."
    ]
    data = (HERE / "template_keys_collide.csv").read_bytes()
    row_counts = Load(feed=feed, writer=NullWriter(), rejects=RecordingRejects()).run(reading(data, 100))
    assert (row_counts.rows_read, row_counts.rows_written, row_counts.rows_superseded) == (2, 1, 1)


@pytest.mark.parametrize(
    ("template", "columns"),
    [
        ("{a}{b}", {}),
        ("{a}{b}", {"a": NUMBER, "b": NUMBER}),  # 1, 23 and 12, 3
        ("{a}-{b}", {"a": NUMBER, "b": NUMBER}),  # 1, -2 and 1-, 2: only the reader of numbers knows
        ("{a}#{n}#{b}", {"n": NUMBER}),  # x#1, 2, y and x, 1, 2#y
        ("{n}#{m}{a}", {"n": NUMBER, "m": NUMBER}),
        ("{a}:{at}", {"at": TIME}),
        ("{a}x{flag}", {"flag": Column("BOOL", true=("X",), false=("-",))}),
        ("{a}+{hash}", {"hash": Column("B")}),
    ],
)
def test_a_template_from_which_its_columns_cannot_be_read_back_is_warned_of(
    template: str, columns: dict[str, Column]
) -> None:
    assert len(warnings(template, **columns)) == 1


@pytest.mark.parametrize(
    ("template", "columns"),
    [
        ("{a}", {}),
        ("CUST#{a}#", {}),
        ("{a}#{n}", {"n": NUMBER}),
        ("{n}#{a}", {"n": NUMBER}),
        ("{n}#{a}#{m}", {"n": NUMBER, "m": NUMBER}),
        ("{n}0#{a}", {"n": NUMBER}),
        ("{a}#{at}", {"at": TIME}),
        ("{a}|{flag}", {"flag": Column("BOOL")}),
        ("{a}-{hash}", {"hash": Column("B", encoding="hex")}),
    ],
)
def test_a_template_that_can_be_read_back_is_not(template: str, columns: dict[str, Column]) -> None:
    assert warnings(template, **columns) == []


def test_the_marks_of_numbers_belong_to_them() -> None:
    numbers = {"n": NUMBER}
    assert warnings("{a} {n}", **numbers) == []
    assert len(warnings("{a} {n}", csv=Csv(thousands=" "), **numbers)) == 1
    assert len(warnings("{a}%{n}", csv=Csv(accounting=True), **numbers)) == 1


def test_each_key_is_looked_at() -> None:
    reported = warnings("{a}#{b}", "{c}/{d}")
    assert [warning.split("`")[1] for warning in reported] == ["feeds.t.partition_key", "feeds.t.sort_key"]
    assert warnings("a", "b") == []
