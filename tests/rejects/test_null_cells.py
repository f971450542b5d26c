"""A row rejected because a cell means 'no value' shows the cell as the file has it."""

from pathlib import Path

import pytest

from ingest.dynamodb.item_writer import NullWriter
from ingest.feeds.column import Column
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.feeds.parse import parse_feeds
from ingest.worker.load import Load
from tests.support.fakes import RecordingRejects, reading

HERE = Path(__file__).parent


def rejected(feed: Feed, data: bytes) -> list[tuple[int, str, str | None, str | None]]:
    rejects = RecordingRejects()
    Load(feed=feed, writer=NullWriter(), rejects=rejects).run(reading(data, 1 << 16))
    return [(reject.line, reject.reason, reject.column, reject.value) for reject in rejects.taken]


def test_a_key_that_is_a_null_value_shows_which() -> None:
    feed = parse_feeds((HERE / "null_value_key.toml").read_text()).feeds["t"]
    assert rejected(feed, (HERE / "null_value_key.csv").read_bytes()) == [
        (2, "empty_key", "id", "NULL"),
        (3, "empty_key", "id", "n/a"),
    ]


@pytest.mark.parametrize(
    ("csv", "data", "value"),
    [
        (Csv(null_values=("\\N",), escape="\\"), b"id,v\n\\N,a\n", "\\N"),
        (Csv(null_values=("-",), trim=True), b"id,v\n - ,a\n", "-"),
        (Csv(null_values=("þ",), quote="þ", encoding="cp1252"), "id,v\nþþþþ,a\n".encode("cp1252"), "þ"),
        (Csv(null_values=("x\ny",)), b'id,v\n"x\ny",a', "x\ny"),
        (Csv(), b"id,v\n,a\n", ""),
    ],
)
def test_so_it_is_in_any_dialect(csv: Csv, data: bytes, value: str) -> None:
    assert rejected(Feed("f/", "Table", "id", csv=csv), data) == [(2, "empty_key", "id", value)]


def test_a_missing_value_and_a_columns_own_null_values_are_shown_too() -> None:
    columns = {"a": Column(null="reject"), "b": Column(null="reject", null_values=("-",))}
    feed = Feed("f/", "Table", "id", csv=Csv(null_values=("NULL",), ragged="pad"), columns=columns)
    assert rejected(feed, b"id,a,b\n1,NULL,x\n2,x,-\n3,x,NULL\n4,x\n5,NULL,-\n") == [
        (2, "missing_value", "a", "NULL"),
        (3, "missing_value", "b", "-"),
        (5, "missing_value", "b", None),
        (6, "missing_value", "a", "NULL"),
    ]


def test_a_template_without_a_value_shows_the_first_cell_that_it_lacks() -> None:
    feed = Feed("f/", "Table", "K#{id}", "{a}#{b}", csv=Csv(null_values=("NULL", "?")))
    assert rejected(feed, b"id,a,b\nNULL,1,2\n1,x,?\n2,?,NULL\n") == [
        (2, "empty_key", "id", "NULL"),
        (3, "empty_key", "b", "?"),
        (4, "empty_key", "a", "?"),
    ]
