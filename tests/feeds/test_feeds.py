"""feeds.toml: what is accepted becomes typed values; what is not is refused with path, value and what would be."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.alarm_settings import Alarms
from infra.existing import Existing
from infra.price_settings import Prices
from infra.settings import Settings
from ingest.errors import NoFeed, SettingsFault
from ingest.feeds.column import Column
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import (
    Feed,
    Feeds,
    Index,
    KeyAttribute,
    Lineage,
    RowLimit,
    Ttl,
    is_template,
    template_columns,
    template_parts,
)
from ingest.feeds.parse import json_schema, parse_feeds, read_feeds
from ingest.feeds.schema_errors import accepted

ROOT = Path(__file__).parents[2]
MINIMAL = '[feeds.a]\nprefix = "a/"\ntable = "Table"\npartition_key = "id"\n'
ROLE = "arn:aws:iam::111122223333:role/path/writes-orders"
OTHER = '[feeds.b]\nprefix = "b/"\ntable = "Other"\npartition_key = "id"\n'
FULL = """
[feeds.orders]
prefix = "orders/"
table = "my.Orders_2-x"
partition_key = "CUST#{customer_id}"
sort_key = "{day}#{order_id}"
existing = true
role = "arn:aws:iam::111122223333:role/path/writes-orders"
region = "us-gov-west-1"
[feeds.orders.csv]
delimiter = ";"
quote = "'"
escape = "\\\\"
header = ["customer_id", "day", "order_id", "qty", "gift"]
skip_lines = 2
encoding = "cp1252"
compression = "gzip"
null_values = ["", "NULL", "n/a"]
quoted_nulls = false
ragged = "pad"
missing_columns = "allow"
unknown_columns = "drop"
[feeds.orders.columns]
qty = { type = "N", name = "quantity", null = "null" }
gift = "BOOL"
day = { drop = true }
[feeds.orders.max_rejects]
count = 100
share = 0.01
min_rows = 500
[feeds.orders.max_duplicates]
share = 0.05
[feeds.orders.ttl]
after = "2h"
[feeds.orders.lineage]
line = "source_line"
[feeds.orders.indexes.by_gift]
partition_key = "source_line"
sort_key = "ttl"
"""


# --- what is accepted ---


def test_three_fields_make_a_feed_and_everything_else_has_a_default() -> None:
    assert parse_feeds(MINIMAL) == Feeds({"a": Feed("a/", "Table", "id")})
    feed = parse_feeds(MINIMAL).named("a")
    assert (feed.csv, feed.max_rejects, feed.columns) == (Csv(), RowLimit(), {})
    assert (feed.csv.null_values, feed.csv.ragged, feed.column("any")) == (("",), "reject", Column())


def test_every_field_may_be_set() -> None:
    assert parse_feeds(FULL).feeds == {
        "orders": Feed(
            prefix="orders/",
            table="my.Orders_2-x",
            partition_key="CUST#{customer_id}",
            sort_key="{day}#{order_id}",
            existing=True,
            role=ROLE,
            region="us-gov-west-1",
            csv=Csv(
                delimiter=";",
                quote="'",
                escape="\\",
                header=("customer_id", "day", "order_id", "qty", "gift"),
                skip_lines=2,
                encoding="cp1252",
                compression="gzip",
                null_values=("", "NULL", "n/a"),
                quoted_nulls=False,
                ragged="pad",
                missing_columns="allow",
                unknown_columns="drop",
            ),
            columns={
                "qty": Column("N", name="quantity", null="null"),
                "gift": Column("BOOL"),
                "day": Column(drop=True),
            },
            ttl=Ttl(after="2h"),
            lineage=Lineage(line="source_line"),
            indexes={"by_gift": Index("source_line", "ttl")},
            max_rejects=RowLimit(count=100, share=0.01, min_rows=500),
            max_duplicates=RowLimit(share=0.05),
        )
    }
    index_keys = [(key.name, key.type, at) for key, at in parse_feeds(FULL).named("orders").index_keys()]
    assert index_keys == [("source_line", "N", 0), ("ttl", "N", 1)]


@pytest.mark.parametrize(
    "path", [ROOT / "feeds.toml", *sorted(ROOT.glob("tests/e2e/*.toml"))], ids=lambda path: path.name
)
def test_the_repositorys_own_feeds_are_accepted(path: Path) -> None:
    assert read_feeds(path).feeds


@pytest.mark.parametrize(
    "more",
    [
        '[feeds.a.csv]\nquote = ""',
        '[feeds.a.csv]\ndelimiter = "\\t"',
        '[feeds.a.csv]\nquote = ""\nescape = "\\\\"',
        "[feeds.a.csv]\nnull_values = []",
        '[feeds.a.csv]\nheader = "none"',
        '[feeds.a.csv]\nencoding = "UTF8"',
        '[feeds.a.columns]\nid = "N"',
        '[feeds.a.columns]\nid = { name = "order_id" }',
        '[feeds.a.columns]\n"a b.c" = "N"',
        "[feeds.a.max_rejects]\ncount = 0\nshare = 0",
        "[feeds.a.max_rejects]\nshare = 1",
        "[feeds.a.max_duplicates]\ncount = 0",
        OTHER,
        OTHER.replace("Other", "Table"),
    ],
)
def test_these_are_accepted_too(more: str) -> None:
    assert "a" in parse_feeds(MINIMAL + more).feeds


def test_keys_are_the_columns_or_templates_with_their_attribute_names() -> None:
    columns: Any = {"id": Column("N", name="order_id")}
    assert Feed("a/", "Table", "id", "day", columns=columns).key_attributes() == (
        KeyAttribute("order_id", "N", "id"),
        KeyAttribute("day", "S", "day"),
    )
    assert Feed("a/", "Table", "A#{id}", "B#{day}").key_attributes() == (
        KeyAttribute("pk", "S", "A#{id}"),
        KeyAttribute("sk", "S", "B#{day}"),
    )
    assert Feed("a/", "Table", "id", "B#{day}").key_attributes()[1].name == "sk"


def test_templates_are_letters_and_columns_by_turns() -> None:
    assert template_parts("A#{x}{y}#") == ["A#", "x", "", "y", "#"]
    assert template_columns("{a b}#{c.d}") == ["a b", "c.d"]
    assert is_template("{a}")
    assert not is_template("a}")


def test_a_key_belongs_to_the_feed_whose_prefix_it_begins_with() -> None:
    feeds = parse_feeds(MINIMAL + OTHER)
    assert feeds.for_key("b/2026/x.csv")[0] == "b"
    assert feeds.for_key("a/")[1].table == "Table"
    for key in ("", "a", "A/x", "c/a/x", "/a/x"):
        with pytest.raises(NoFeed, match=f"No feed takes the key {key!r}; feeds.toml has the prefixes 'a/', 'b/'"):
            feeds.for_key(key)


def test_a_feed_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(SettingsFault, match=r"Feed 'c' does not exist; feeds.toml declares: a, b\."):
        parse_feeds(OTHER + MINIMAL).named("c")


# --- what is refused: path, value, and what would be accepted ---

CSV = MINIMAL + "[feeds.a.csv]\n"
COLUMNS = MINIMAL + "[feeds.a.columns]\n"
LIMIT = MINIMAL + "[feeds.a.max_rejects]\n"
TTL = MINIMAL + "[feeds.a.ttl]\n"
TIME = COLUMNS + "t = { "
INDEX_N = '\n[feeds.a.indexes.by_n]\npartition_key = "n"\n'


def with_key(key: str) -> str:
    return MINIMAL.replace('"id"', f'"{key}"')


REFUSED = [
    ("", "no feed is declared", "add a [feeds.NAME] section with prefix, table and partition_key"),
    ("[feeds]", "no feed is declared", "[feeds.NAME]"),
    ("feed = 1", "unknown field `feed` (did you mean 'feeds'?)", "at the top are `feeds` ([feeds.NAME]) and `tables`"),
    ("feeds = 1", "`feeds` = 1", "must be a section"),
    ("feeds.a = 1", "`feeds.a` = 1", "must be a section"),
    ("[feeds.a]", "`feeds.a.prefix` is missing", "Object keys that begin so"),
    (MINIMAL.replace("table", "#"), "`feeds.a.table` is missing", "DynamoDB table"),
    (MINIMAL.replace("partition_key", "#"), "`feeds.a.partition_key` is missing", "A column, or a template"),
    (MINIMAL.replace('"a/"', '""'), "`feeds.a.prefix` = ''", "text that is not empty"),
    (MINIMAL.replace('"a/"', "1"), "`feeds.a.prefix` = 1", "accepted is text that is not empty"),
    (MINIMAL.replace("Table", "a b"), "`feeds.a.table` = 'a b'", "letters, digits, dots, hyphens and underscores"),
    (MINIMAL.replace("Table", "ab"), "`feeds.a.table` = 'ab'", "3 to 255 letters"),
    (MINIMAL.replace("Table", "a" * 256), "`feeds.a.table` = 'aaa", "3 to 255 letters"),
    (with_key(""), "`feeds.a.partition_key` is left open", "give the column, or a template of columns"),
    (MINIMAL + 'sort_key = ""', "`feeds.a.sort_key` = ''", "text that is not empty"),
    (MINIMAL + "sort_key = 1", "`feeds.a.sort_key` = 1", "text that is not empty"),
    (MINIMAL + 'existing = "yes"', "`feeds.a.existing` = 'yes'", "true or false"),
    (
        MINIMAL + "tabel = 1",
        "unknown field `feeds.a.tabel` (did you mean 'table'?)",
        "accepted there: prefix, table, partition_key, sort_key",
    ),
    (MINIMAL + "csv = 1", "`feeds.a.csv` = 1", "must be a section"),
    (MINIMAL + "columns = 1", "`feeds.a.columns` = 1", "must be a section"),
    (MINIMAL + "max_rejects = 5", "`feeds.a.max_rejects` = 5", "must be a section"),
    (
        CSV + 'delim = ";"',
        "unknown field `feeds.a.csv.delim` (did you mean 'delimiter'?)",
        "accepted there: delimiter, quote, escape, quoting",
    ),
    (CSV + 'delimiter = ";;"', "`feeds.a.csv.delimiter` = ';;'", "accepted is one character."),
    (CSV + 'delimiter = ""', "`feeds.a.csv.delimiter` = ''", "accepted is one character."),
    (CSV + 'delimiter = "\\n"', "`feeds.a.csv.delimiter` = '\\n'", "not a line end"),
    (CSV + 'quote = "\\r"', "`feeds.a.csv.quote` = '\\r'", "not a line end"),
    (CSV + 'escape = "\\u0000"', "`feeds.a.csv.escape` = '\\x00'", "one character that is not a line end or NUL"),
    (CSV + 'quote = ","', "`feeds.a.csv`: delimiter, quote and escape must differ", "[',', ',']"),
    (CSV + "quote = '#'\nescape = '#'", "`feeds.a.csv`: delimiter, quote and escape must differ", "'#', '#'"),
    (CSV + 'line_end = "\\r\\n"', "`feeds.a.csv.line_end` = '\\r\\n'", "one character"),
    (CSV + 'line_end = ","', "`feeds.a.csv.line_end` = ','", "not the delimiter, quote or escape"),
    (CSV + 'line_end = "\\ufeff"', "`feeds.a.csv.line_end` = '\\ufeff'", "not the delimiter, quote or escape"),
    (CSV + 'line_end = "~"\ncomment = "x~"', "`feeds.a.csv.comment` = 'x~'", "without line ends"),
    (
        CSV + 'line_end = "~"\nquote = "\\U0010ffff"',
        "`feeds.a.csv`: no mark can be U+10FFFF",
        "where `line_end` is given",
    ),
    (CSV + 'line_end = "\\u2028"\nencoding = "cp1252"', "`feeds.a.csv.line_end` = '\\u2028'", "no file in cp1252 has"),
    (CSV + 'repeated_header = "keep"', "`feeds.a.csv.repeated_header` = 'keep'", "'reject', 'skip'"),
    (
        CSV + 'header = "second"',
        "`feeds.a.csv.header` = 'second'",
        "'first', 'none', a whole number from 1 to 10 or a list of strings",
    ),
    (CSV + "header = [1]", "`feeds.a.csv.header` = [1]", "a list of strings"),
    (CSV + "header = []", "`feeds.a.csv.header` = []", "names, each once, none empty"),
    (CSV + 'header = ["a", ""]', "`feeds.a.csv.header` = ['a', '']", "none empty"),
    (CSV + 'header = ["a", "a"]', "`feeds.a.csv.header` = ['a', 'a']", "each once"),
    (CSV + "skip_lines = -1", "`feeds.a.csv.skip_lines` = -1", "a whole number, at least 0"),
    (CSV + "skip_lines = true", "`feeds.a.csv.skip_lines` = True", "a whole number"),
    (CSV + 'encoding = "klingon"', "`feeds.a.csv.encoding` = 'klingon'", "a text encoding Python knows, as 'cp1252'"),
    (CSV + 'encoding = "hex"', "`feeds.a.csv.encoding` = 'hex'", "a text encoding"),
    (CSV + 'encoding = "idna"', "`feeds.a.csv.encoding` = 'idna'", "a text encoding"),
    (CSV + 'encoding = "undefined"', "`feeds.a.csv.encoding` = 'undefined'", "a text encoding"),
    (CSV + 'encoding = "a\\u0000b"', "`feeds.a.csv.encoding` = 'a\\x00b'", "a text encoding"),
    (CSV + 'compression = "zip"', "`feeds.a.csv.compression` = 'zip'", "'auto', 'bz2', 'gzip', 'none', 'zstd'"),
    (CSV + 'null_values = "NA"', "`feeds.a.csv.null_values` = 'NA'", "a list of strings"),
    (CSV + "null_values = [1]", "`feeds.a.csv.null_values` = [1]", "a list of strings"),
    (CSV + 'quoted_nulls = "no"', "`feeds.a.csv.quoted_nulls` = 'no'", "true or false"),
    (CSV + 'ragged = "fix"', "`feeds.a.csv.ragged` = 'fix'", "'pad', 'reject', 'trim'"),
    (CSV + 'missing_columns = "x"', "`feeds.a.csv.missing_columns` = 'x'", "'allow', 'refuse'"),
    (CSV + 'unknown_columns = "x"', "`feeds.a.csv.unknown_columns` = 'x'", "'drop', 'keep', 'refuse'"),
    (
        COLUMNS + 'n = "X"',
        "`feeds.a.columns.n` = 'X'",
        "a type ('B', 'BOOL', 'L', 'M', 'N', 'NS', 'S', 'SS') or a table like { type = \"N\" }",
    ),
    (COLUMNS + "n = 1", "`feeds.a.columns.n` = 1", "a type ('B', 'BOOL', 'L', 'M', 'N', 'NS', 'S', 'SS')"),
    (COLUMNS + 'n = { type = "X" }', "`feeds.a.columns.n.type` = 'X'", "'B', 'BOOL', 'L', 'M', 'N', 'NS', 'S', 'SS'"),
    (
        COLUMNS + 'n = { typ = "N" }',
        "unknown field `feeds.a.columns.n.typ` (did you mean 'type'?)",
        "accepted there: type, name, null, default, true, false",
    ),
    (COLUMNS + 'n = { null = "x" }', "`feeds.a.columns.n.null` = 'x'", "'empty', 'null', 'omit', 'reject'"),
    (COLUMNS + "n = { drop = 1 }", "`feeds.a.columns.n.drop` = 1", "true or false"),
    (COLUMNS + "n = { name = 1 }", "`feeds.a.columns.n.name` = 1", "accepted is text."),
    (LIMIT + "count = -1", "`feeds.a.max_rejects.count` = -1", "a whole number, at least 0"),
    (LIMIT + "share = 2", "`feeds.a.max_rejects.share` = 2", "a number from 0 to 1"),
    (LIMIT + 'share = "1%"', "`feeds.a.max_rejects.share` = '1%'", "a number from 0 to 1"),
    (MINIMAL + "max_duplicates = 0.1", "`feeds.a.max_duplicates` = 0.1", "must be a section"),
    (MINIMAL + "[feeds.a.max_duplicates]\nshare = -1", "`feeds.a.max_duplicates.share` = -1", "a number from 0 to 1"),
    (LIMIT + "min_rows = 0", "`feeds.a.max_rejects.min_rows` = 0", "a whole number, at least 1"),
    (
        LIMIT + "rows = 0",
        "unknown field `feeds.a.max_rejects.rows` (did you mean 'min_rows'?)",
        "accepted there: count, share, min_rows",
    ),
    (CSV + "max_record_bytes = 100", "`feeds.a.csv.max_record_bytes` = 100", "a whole number from 1,024 to 16,777,216"),
    (
        TIME + 'timestamp = ["%d.%m."] }',
        "`feeds.a.columns.t.timestamp` = '%d.%m.'",
        "iso, epoch_s, epoch_ms and patterns",
    ),
    (TIME + 'timestamp = ["%d.%m.%Y %I:%M"] }', "`feeds.a.columns.t.timestamp` = '%d.%m.%Y %I:%M'", "with year, month"),
    (TIME + 'timestamp = ["%Y-%m-%d %Z"] }', "`feeds.a.columns.t.timestamp` = '%Y-%m-%d %Z'", "patterns"),
    (TIME + 'timestamp = ["ISO"] }', "`feeds.a.columns.t.timestamp` = 'ISO'", "iso"),
    (TIME + 'timestamp = ["iso"], zone = "Berlin" }', "`feeds.a.columns.t.zone` = 'Berlin'", "IANA name"),
    (TIME + 'timestamp = ["iso"], zone = "../x" }', "`feeds.a.columns.t.zone` = '../x'", "IANA name"),
    (TIME + 'timestamp = ["iso"], type = "BOOL" }', "`feeds.a.columns.t.type` = 'BOOL'", "'S' or 'N'"),
    (TIME + 'timestamp = ["iso"], type = "N", unit = "day" }', "`feeds.a.columns.t.unit` = 'day'", "type 'S' only"),
    (TIME + 'timestamp = ["iso"], null = "empty" }', "`feeds.a.columns.t.null` = 'empty'", "not a time"),
    (TTL + 'after = "90"', "`feeds.a.ttl.after` = '90'", "a number with s, m, h or d, as 90d"),
    (TTL + 'attribute = "gone"', "`feeds.a.ttl.after` is missing", "how long after the load"),
    (TTL + 'column = "t"', "`feeds.a.ttl.column` = 't'", "give that column a `timestamp`"),
    (TTL + 'after = "1d"\nattribute = "id"', "`feeds.a`: two columns or keys", "the attribute 'id'"),
    (MINIMAL + '[feeds.a.lineage]\nfile = "id"', "`feeds.a`: two columns or keys", "the attribute 'id'"),
    (MINIMAL + "[feeds.a.indexes]\nx = 1", "`feeds.a.indexes.x` = 1", "must be a section"),
    (MINIMAL + '[feeds.a.indexes.x]\nsort_key = "y"', "`feeds.a.indexes.x.partition_key` is missing", "type S, N or B"),
    (COLUMNS + 'n = "BOOL"' + INDEX_N, "`feeds.a.indexes`: 'n' is of type BOOL", "S, N or B"),
    (COLUMNS + 'n = { null = "empty" }' + INDEX_N, "`feeds.a.indexes`: 'n' has null = 'empty'", "with 'omit'"),
    (MINIMAL + INDEX_N + OTHER.replace("Other", "Table"), "feeds a and b share the table 'Table'", "indexes"),
    (COLUMNS + "id = { drop = true }", "`feeds.a.columns.id` is dropped", "it is the partition_key"),
    (COLUMNS + 'id = "BOOL"', "`feeds.a.columns.id` has type BOOL", "a key can be 'S', 'N' or 'B'"),
    (with_key("X#{id"), "`feeds.a.partition_key` = 'X#{id'", "columns stand in braces, as 'CUST#{id}'"),
    (with_key("X#{}"), "`feeds.a.partition_key` = 'X#{}'", "columns stand in braces"),
    (with_key("X#{a}}"), "`feeds.a.partition_key` = 'X#{a}}'", "columns stand in braces"),
    (MINIMAL + 'sort_key = "{{a}}"', "`feeds.a.sort_key` = '{{a}}'", "columns stand in braces"),
    (MINIMAL + 'sort_key = "id"', "`feeds.a`: two columns or keys", "the attribute 'id'"),
    (with_key("P#{a}") + '[feeds.a.columns]\npk = "S"', "`feeds.a`: two columns or keys", "the attribute 'pk'"),
    (COLUMNS + 'n = { name = "id" }', "`feeds.a`: two columns or keys", "the attribute 'id'"),
    (COLUMNS + 'n = { name = "x" }\nx = "N"', "`feeds.a`: two columns or keys", "the attribute 'x'"),
    (MINIMAL + OTHER.replace("b/", "a/b/"), "`feeds.a.prefix` = 'a/' overlaps `feeds.b.prefix` = 'a/b/'", "one feed"),
    (MINIMAL + OTHER.replace("b/", "a/"), "`feeds.a.prefix` = 'a/' overlaps `feeds.b.prefix` = 'a/'", "one feed"),
    (OTHER + MINIMAL.replace("a/", "b"), "`feeds.a.prefix` = 'b' overlaps `feeds.b.prefix` = 'b/'", "one feed"),
    (
        MINIMAL + OTHER.replace("Other", "Table").replace("id", "x"),
        "feeds a and b share the table 'Table'",
        "other keys",
    ),
    (MINIMAL + OTHER.replace("Other", "Table") + "existing = true", "share the table 'Table'", "another `existing`"),
    (MINIMAL + f"role = '{ROLE}'", f"`feeds.a.role` = '{ROLE}'", "without `existing = true`"),
    (MINIMAL + "region = 'eu-west-1'", "`feeds.a.region` = 'eu-west-1'", "without `existing = true`"),
    (MINIMAL + "existing = true\nrole = 'writer'", "`feeds.a.role` = 'writer'", "the ARN of a role"),
    (
        MINIMAL + "existing = true\nregion = 'Ireland'",
        "`feeds.a.region` = 'Ireland'",
        "a region's name, as eu-central-1",
    ),
    (
        MINIMAL + "existing = true\n" + OTHER.replace("Other", "Table") + f"existing = true\nrole = '{ROLE}'",
        "share the table 'Table'",
        "`role` or `region`",
    ),
    (
        CSV + 'compression = "gzp"',
        "`feeds.a.csv.compression` = 'gzp' is wrong (did you mean 'gzip'?)",
        "'gzip', 'none'",
    ),
    (CSV + 'encoding = "cp1252x"', "`feeds.a.csv.encoding` = 'cp1252x' is wrong (did you mean 'cp1252'?)", "encoding"),
    (CSV + "Quote = ';'", "unknown field `feeds.a.csv.Quote` (did you mean 'quote'?)", "accepted there: delimiter"),
    (COLUMNS + 'n = "bool"', "`feeds.a.columns.n` = 'bool' is wrong (did you mean 'BOOL'?)", "give a type"),
    (
        COLUMNS + 'day = { timestamp = ["iso"] }\n' + TTL.removeprefix(MINIMAL) + 'column = "dya"',
        "`feeds.a.ttl.column` = 'dya' is wrong (did you mean 'day'?)",
        "give that column a `timestamp`",
    ),
    (MINIMAL + 'format = "cvs"', "`feeds.a.format` = 'cvs' is wrong (did you mean 'csv'?)", "accepted is 'csv'."),
    ("feeds = ?", "feeds.toml is not TOML", "line 1"),
    (MINIMAL + MINIMAL, "feeds.toml is not TOML", "line 5"),
]


@pytest.mark.parametrize(("text", "where", "accepted"), REFUSED)
def test_what_is_wrong_is_refused_with_its_path_its_value_and_what_would_be_accepted(
    text: str, where: str, accepted: str
) -> None:
    with pytest.raises(SettingsFault) as caught:
        parse_feeds(text)
    sentence = str(caught.value)
    assert sentence.startswith("feeds.toml")
    assert where in sentence
    assert accepted in sentence.partition(where)[2]
    assert "\n" not in sentence
    assert not re.search(r"regex|length [<>]|`(?:str|int|float|bool|array|object)`", sentence)  # the library's words


def test_the_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "my feeds.toml"
    with pytest.raises(SettingsFault, match=re.escape(f"{path} does not exist; name the feeds file with --feeds")):
        read_feeds(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsFault, match=re.escape(f"{path} cannot be read: 'utf-8' codec can't decode")):
        read_feeds(path)
    path.write_text("x = 1", encoding="utf-8")
    with pytest.raises(SettingsFault, match=re.escape(f"{path}: unknown field `x`")):
        read_feeds(path)
    with pytest.raises(SettingsFault, match=re.escape(f"{tmp_path} cannot be read: ")):
        read_feeds(tmp_path)


# --- the schema editors read ---


def violations(value: Any, schema: dict[str, Any], whole: dict[str, Any]) -> bool:
    """Judge by as much of JSON Schema as the feeds' schema uses; an unknown keyword is an error."""
    known = {"$ref", "anyOf", "enum", "type", "properties", "required", "additionalProperties", "items", "pattern"}
    known |= {"minLength", "maxLength", "minimum", "maximum", "description", "title", "default", "$schema", "$defs"}
    assert set(schema) <= known
    if "$ref" in schema:
        return violations(value, whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    if "anyOf" in schema:
        return all(violations(value, choice, whole) for choice in schema["anyOf"])
    if "enum" in schema:
        return value not in schema["enum"]
    return wrong_type(value, schema["type"]) or wrong_size(value, schema) or wrong_inside(value, schema, whole)


def wrong_type(value: Any, name: str) -> bool:
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
    return value is not None if name == "null" else not isinstance(value, kinds[name])  # type: ignore[arg-type]


def wrong_size(value: Any, schema: dict[str, Any]) -> bool:
    if isinstance(value, str):
        fits = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
        return not fits or not re.search(schema.get("pattern", ""), value)
    if isinstance(value, (int, float)):
        return not schema.get("minimum", value) <= value <= schema.get("maximum", value)
    return False


def wrong_inside(value: Any, schema: dict[str, Any], whole: dict[str, Any]) -> bool:
    if isinstance(value, list):
        return any(violations(item, schema["items"], whole) for item in value)
    if not isinstance(value, dict):
        return False
    properties, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    unknown = [item for name, item in value.items() if name not in properties]
    return (
        any(name not in value for name in schema.get("required", []))
        or any(violations(value[name], inner, whole) for name, inner in properties.items() if name in value)
        or (bool(unknown) and (not more or any(violations(item, more, whole) for item in unknown)))
    )


@pytest.mark.parametrize("text", [(ROOT / "feeds.toml").read_text(encoding="utf-8"), MINIMAL, FULL, MINIMAL + OTHER])
def test_the_schema_accepts_what_the_reader_accepts(text: str) -> None:
    schema = json_schema()
    assert not violations(tomllib.loads(text), schema, schema)


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "[feeds.a]",
        MINIMAL + "tabel = 1",
        MINIMAL.replace("Table", "a b"),
        CSV + 'delimiter = ";;"',
        CSV + 'ragged = "fix"',
        CSV + "header = [1]",
        COLUMNS + 'n = "X"',
        COLUMNS + 'n = { type = "X" }',
        LIMIT + "share = 2",
    ],
)
def test_the_schema_marks_what_the_reader_refuses(text: str) -> None:
    schema = json_schema()
    assert violations(tomllib.loads(text), schema, schema)


def test_every_field_has_a_description_for_editors() -> None:
    for name, definition in json_schema()["$defs"].items():
        for field, schema in definition["properties"].items():
            assert "description" in schema or "$ref" in schema or field in ("columns", "feeds"), f"{name}.{field}"


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ('x = "{a"', "`feeds.f.attributes.x` = '{a' is wrong: columns stand in braces"),
        ("x = 3", "`feeds.f.attributes.x` = 3 is wrong: it must be a section"),
        ('x = { value = "1", type = "Z" }', "`feeds.f.attributes.x.type` = 'Z' is wrong"),
        ('x = { type = "N" }', "`feeds.f.attributes.x.value` is missing"),
        ('id = "again"', "two columns or keys would both be the attribute 'id'"),
    ],
)
def test_a_wrong_attribute_is_refused(attributes: str, sentence: str) -> None:
    head = '[feeds.f]\nprefix = "f/"\ntable = "Table"\npartition_key = "id"\n[feeds.f.attributes]\n'
    with pytest.raises(SettingsFault) as fault:
        parse_feeds(head + attributes)
    assert sentence in str(fault.value)


@pytest.mark.parametrize(
    "struct", [Feed, Csv, Column, Ttl, RowLimit, Lineage, Index, Settings, Alarms, Existing, Prices]
)
def test_what_each_setting_accepts_is_said_in_words(struct: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(struct):
        assert re.match(r"(?:an? |one |true |text|the |'|[0-9])", accepted(field.type)), field.name


def test_each_setting_that_is_a_pattern_says_what_it_accepts() -> None:
    structs = (Feed, Csv, Column, Ttl, Settings, Alarms, Existing)
    fields = [field for struct in structs for field in msgspec.structs.fields(struct)]
    patterns = [field for field in fields if "pattern='" in repr(msgspec.inspect.type_info(field.type))]
    assert len(patterns) >= 11
    assert [field.name for field in patterns if accepted(field.type) in ("text", "a list of strings")] == []


def test_a_feed_that_is_nearly_named_is_found() -> None:
    with pytest.raises(SettingsFault, match=r"Feed 'oders' does not exist \(did you mean 'orders'\?\); feeds.toml"):
        Feeds({"orders": Feed("o/", "Orders", "id")}).named("oders")
