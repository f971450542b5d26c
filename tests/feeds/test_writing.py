"""How rows are written: what feeds.toml may say of it, and each refused combination, in a sentence."""

from itertools import product
from typing import Any

import pytest

from ingest.errors import SettingsFault
from ingest.feeds.feed import Feed, Feeds, Operation
from ingest.feeds.parse import meaning_of, parse_feeds, read_section, section_of
from tests.feeds.sections import section

OPERATION = "operation = { column = 'op', put = ['I'], update = ['U'], delete = ['D'] }"
VERSION = "columns = { v = 'N' }\nnewest = 'v'"
TIME = "columns = { at = { timestamp = ['iso'] } }\nnewest = 'at'"


def parsed(*lines: str) -> Feed:
    return parse_feeds(section(*lines)).named("a")


ACCEPTED = [
    "write = 'put'",
    "write = 'insert'",
    "write = 'insert'\nlineage = { row = 'from' }",
    "write = 'update'\ncolumns = { n = { null = 'remove' } }",
    "write = 'delete'",
    "write = 'delete'\nwriter = 'boto3'",
    VERSION,
    TIME,
    "columns = { at = { type = 'N', timestamp = ['iso'], unit = 'us' } }\nnewest = 'at'",
    "columns = { v = { type = 'N', name = 'rev' } }\nnewest = 'v'",
    "newest = 'file'",
    "newest = 'file'\nwrite = 'update'",
    "skip_unchanged = true",
    f"skip_unchanged = true\n{VERSION}",
    "skip_unchanged = true\nwrite = 'update'",
    "skip_unchanged = true\ncolumns = { at = { timestamp = ['iso'] } }\nttl = { column = 'at', after = '1d' }",
    OPERATION,
    f"{OPERATION}\n{VERSION}",
    f"{OPERATION}\nskip_unchanged = true",
    "operation = { column = 'op', put = ['', 'I'], delete = ['D'] }\nwriter = 'boto3'",
    f"{OPERATION}\nattributes = {{ last = 'by {{op}}' }}",
    f"{OPERATION}\nnewest = 'file'\ntombstone = '30d'",
    f"write = 'delete'\n{VERSION}\ntombstone = '1h'\nttl = {{ after = '2d', attribute = 'gone_at' }}",
]


@pytest.mark.parametrize("lines", ACCEPTED)
def test_how_rows_are_written_may_be_said_so(lines: str) -> None:
    feed = parsed(lines)
    assert read_section(section_of(feed)) == feed


REFUSED = [
    ("write = 'undo'", "`feeds.a.write` = 'undo' is wrong: it is what `ingest undo` does; accepted are put"),
    ("write = 'upsert'", "`feeds.a.write` = 'upsert' is wrong"),
    *(
        (f"write = '{write}'\n{OPERATION}", f"`feeds.a.write` = '{write}' is wrong with `operation`")
        for write in ("insert", "update", "delete")
    ),
    ("operation = { column = 'op' }", "`feeds.a.operation` has no words: give some for put, update or delete"),
    ("operation = { column = 'op', put = ['I', 'I'] }", "`feeds.a.operation` has the word 'I' twice"),
    ("operation = { column = 'op', put = ['I'], delete = ['I'] }", "has the word 'I' twice: each word stands for one"),
    (
        "operation = { column = 'id', put = ['I'] }",
        "`feeds.a.operation.column` = 'id' is wrong: that column becomes no",
    ),
    (f"{OPERATION}\ncolumns = {{ op = 'S' }}", "`feeds.a.operation.column` = 'op' is wrong: that column becomes no"),
    (f"{OPERATION}\nsort_key = 'K#{{op}}'", "`feeds.a.operation.column` = 'op' is wrong: that column becomes no"),
    ("operation = { column = 'op', remove = ['I'] }", "unknown field `feeds.a.operation.remove`"),
    ("operation = { put = ['I'] }", "`feeds.a.operation.column` is missing: A column of the file"),
    ("newest = 'v'", "`feeds.a.newest` = 'v' is wrong: versions are compared, so give that column the type 'N' or a"),
    ("columns = { version = 'N' }\nnewest = 'versoin'", "is wrong (did you mean 'version'?): versions are compared"),
    ("newest = 'flie'", "is wrong (did you mean 'file'?): versions are compared"),
    ("columns = { v = 'BOOL' }\nnewest = 'v'", "versions are compared, so give that column the type 'N'"),
    ("columns = { v = { type = 'N', drop = true } }\nnewest = 'v'", "that column is dropped, and items must keep"),
    ("columns = { id = 'N' }\nnewest = 'id'", "that column is a key, the same in each version of an item."),
    (f"write = 'insert'\n{VERSION}", "`feeds.a.newest` = 'v' is wrong with `write = 'insert'`, which never replaces"),
    ("write = 'insert'\nnewest = 'file'", "`feeds.a.newest` = 'file' is wrong with `write = 'insert'`"),
    ("skip_unchanged = true\nnewest = 'file'", "`feeds.a.skip_unchanged` = true is wrong with `newest = 'file'`"),
    ("skip_unchanged = true\nwrite = 'insert'", "`feeds.a.skip_unchanged` = true is wrong with `write` = 'insert'"),
    ("skip_unchanged = true\nwrite = 'delete'", "only rows that are put or update are compared."),
    ("skip_unchanged = true\nttl = { after = '1d' }", "with a `ttl` that counts from the load: a skipped row would"),
    ("skip_unchanged = true\nwriter = 'boto3'", "`feeds.a.writer` = 'boto3' is wrong with `skip_unchanged`: batches"),
    (f"{VERSION}\nwriter = 'boto3'", "`feeds.a.writer` = 'boto3' is wrong with `newest`: batches have neither"),
    ("write = 'insert'\nwriter = 'boto3'", "`feeds.a.writer` = 'boto3' is wrong with `write` = 'insert'"),
    ("write = 'update'\nwriter = 'boto3'", "`feeds.a.writer` = 'boto3' is wrong with `write` = 'update'"),
    (f"{OPERATION}\nwriter = 'boto3'", "`feeds.a.writer` = 'boto3' is wrong with `operation.update`"),
    (
        "write = 'delete'\ntombstone = '1d'",
        "`feeds.a.tombstone` = '1d' is wrong without `newest`: it keeps the version",
    ),
    (f"{VERSION}\ntombstone = '1d'", "`feeds.a.tombstone` = '1d' is wrong where no row deletes an item."),
    (f"{VERSION}\nwrite = 'delete'\ntombstone = '0d'", "`feeds.a.tombstone` = '0d' is wrong: it must be longer"),
    ("tombstone = '1w'", "`feeds.a.tombstone` = '1w' is wrong: accepted is a number with s, m, h or d, as 30d"),
    (
        "columns = { n = { null = 'remove' } }",
        "`feeds.a.columns.n.null` = 'remove' is wrong: no row of the feed updates",
    ),
    (
        "columns = { n = { null = 'remove' } }\noperation = { column = 'op', put = ['I'] }",
        "`feeds.a.columns.n.null` = 'remove' is wrong: no row of the feed updates an item",
    ),
    # names that the rows' own attributes have
    ("write = 'insert'\ncolumns = { _row = 'S' }", "two columns or keys would both be the attribute '_row'."),
    ("lineage = { row = 'id' }", "two columns or keys would both be the attribute 'id'."),
    ("newest = 'file'\ncolumns = { _order = 'S' }", "two columns or keys would both be the attribute '_order'."),
    (
        "newest = 'file'\nwrite = 'delete'\ntombstone = '1d'\ncolumns = { _deleted = 'S' }",
        "two columns or keys would both be the attribute '_deleted'.",
    ),
    (
        "newest = 'file'\nwrite = 'delete'\ntombstone = '1d'\ncolumns = { ttl = 'N' }",
        "two columns or keys would both be the attribute 'ttl'.",
    ),
]


@pytest.mark.parametrize(("lines", "sentence"), REFUSED, ids=range(len(REFUSED)))
def test_what_would_write_wrongly_is_refused_in_one_sentence(lines: str, sentence: str) -> None:
    with pytest.raises(SettingsFault) as caught:
        parsed(lines)
    found = str(caught.value)
    assert found.startswith("feeds.toml: ") and sentence in found and found.endswith("."), found


def two(first: str, second: str) -> Feeds:
    return parse_feeds(section(first) + section(second, name="b"))


def test_feeds_of_one_table_may_put_and_delete_with_the_same_versions() -> None:
    feeds = two(VERSION, f"write = 'delete'\n{VERSION}\ntombstone = '30d'")
    assert feeds.expiry_attribute("Orders") == "ttl"
    assert two("", "").expiry_attribute("Orders") is None
    assert two("ttl = { after = '1d', attribute = 'x' }", "").expiry_attribute("Orders") == "x"


@pytest.mark.parametrize(
    ("second", "what"),
    [
        ("columns = { at = { timestamp = ['iso'], unit = 'ms' } }\nnewest = 'at'", "another form of the version 'at'"),
        ("columns = { at = 'N' }\nnewest = 'at'", "another form of the version 'at': 'S in units of s' and 'N'."),
    ],
)
def test_versions_of_one_table_that_cannot_be_compared_are_refused(second: str, what: str) -> None:
    with pytest.raises(SettingsFault, match="feeds a and b share the table 'Orders' and have") as caught:
        two(TIME, second)
    assert what in str(caught.value)


def test_feeds_of_one_table_expire_by_one_attribute() -> None:
    with pytest.raises(SettingsFault, match="another attribute for expiry: 'ttl' and 'x'"):
        two(f"write = 'delete'\n{VERSION}\ntombstone = '30d'", "ttl = { after = '1d', attribute = 'x' }")


def test_a_change_of_how_rows_are_written_changes_what_they_mean() -> None:
    """So a file that is being loaded ends as it was begun."""
    meanings = [meaning_of(parsed(lines)) for lines in ["", *ACCEPTED]]
    assert len(set(meanings)) == len(meanings) - 2  # write = "put" is the default; the writer is none of it


def test_only_changes_without_version_are_bound_to_their_order() -> None:
    assert [line for line in ACCEPTED if parsed(line).is_ordered] == [
        line for line in ACCEPTED if "operation" in line and "newest" not in line
    ]


def test_rows_that_update_are_those_of_update_feeds_and_of_words_for_it() -> None:
    words: list[dict[str, Any]] = [{"put": ("I",)}, {"update": ("U",)}, {"delete": ("D",)}]
    for write, word in product(("put", "insert", "update", "delete"), [None, *words]):
        operation = Operation("op", **word) if word else None
        feed = Feed("f/", "T", "id", write=write, operation=operation)  # type: ignore[arg-type]
        assert feed.updates == (write == "update" or (write == "put" and word == {"update": ("U",)}))


@pytest.mark.parametrize(("text", "seconds"), [(None, None), ("90s", 90), ("2h", 7200), ("30d", 30 * 86400)])
def test_a_tombstone_is_kept_for_its_time(text: str | None, seconds: int | None) -> None:
    assert Feed("f/", "T", "id", tombstone=text).tombstone_s == seconds
