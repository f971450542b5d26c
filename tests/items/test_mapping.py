"""A header meets its feed: what each column becomes, or why the file is refused."""

from typing import Any

import pytest

from ingest.errors import BadHeader
from ingest.feeds.column import Column
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed, Index, Ttl
from ingest.items.mapping import Target, index_differences, listed_columns, map_columns, table_faults


def feed(**fields: Any) -> Feed:
    return Feed(**{"prefix": "f/", "table": "Table", "partition_key": "id", **fields})


def names(of: Feed, *columns: str) -> list[str]:
    return [target.name for target in map_columns(of, columns).targets]


def test_columns_keep_the_files_order_and_take_the_feeds_types_and_names() -> None:
    of = feed(sort_key="day", columns={"qty": Column("N", name="quantity", null="null"), "gift": "BOOL"})
    mapping = map_columns(of, ("gift", "day", "qty", "id", "other"))
    assert mapping.targets == (
        Target("gift", "gift", Column("BOOL")),
        Target("day", "day"),
        Target("qty", "quantity", Column("N", name="quantity", null="null")),
        Target("id", "id"),
        Target("other", "other"),
    )
    assert [(key.name, key.type, key.source) for key in mapping.keys] == [("id", "S", "id"), ("day", "S", "day")]


def test_a_renamed_key_column_keeps_its_attribute_name_in_the_key() -> None:
    of = feed(columns={"id": Column("N", name="order_id")})
    mapping = map_columns(of, ("id",))
    assert (mapping.keys[0].name, mapping.keys[0].type, mapping.keys[0].source) == ("order_id", "N", "id")
    assert mapping.targets[0].name == "order_id"


def test_dropped_columns_become_nothing() -> None:
    of = feed(columns={"secret": Column(drop=True)})
    assert names(of, "id", "secret", "x") == ["id", "x"]
    assert names(of, "id", "x") == ["id", "x"]  # and need not be there


@pytest.mark.parametrize(("policy", "expected"), [("keep", ["id", "n", "x"]), ("drop", ["id", "n"])])
def test_unlisted_columns_are_kept_or_dropped_as_the_feed_says(policy: str, expected: list[str]) -> None:
    of = feed(csv=Csv(unknown_columns=policy), columns={"n": "N"})  # type: ignore[arg-type]
    assert names(of, "id", "n", "x") == expected


def test_an_unlisted_column_fails_the_file_if_the_feed_refuses_it() -> None:
    of = feed(partition_key="P#{region}", sort_key="id", csv=Csv(unknown_columns="refuse"), columns={"n": "N"})
    assert names(of, "id", "n", "region") == ["id", "n", "region"]  # those the keys need are known
    with pytest.raises(BadHeader, match="has the column 'x', which the feed does not list"):
        map_columns(of, ("id", "n", "region", "x", "y"))


@pytest.mark.parametrize(
    ("of", "missing"),
    [
        (feed(), "id"),
        (feed(sort_key="day"), "day"),
        (feed(sort_key="D#{day}#{hour}"), "hour"),
        (feed(columns={"n": "N"}), "n"),
        (feed(columns={"n": Column(null="reject")}), "n"),
    ],
)
def test_a_column_the_feed_needs_fails_the_file_where_it_is_missing(of: Feed, missing: str) -> None:
    columns = tuple(column for column in ("id", "day", "hour", "n") if column != missing)
    with pytest.raises(BadHeader) as caught:
        map_columns(of, columns)
    sentence = str(caught.value)
    assert f"no column {missing!r}" in sentence
    assert ", ".join(map(repr, columns)) in sentence
    assert "delimiter is ','" in sentence


def test_a_wrong_delimiter_is_recognisable_from_the_sentence() -> None:
    with pytest.raises(BadHeader, match=r"it has 'id;name'\..*delimiter is ','"):
        map_columns(feed(), ("id;name",))


def test_a_column_that_is_nearly_the_files_is_named() -> None:
    with pytest.raises(BadHeader, match=r"no column 'day', which the feed needs \(did you mean 'Day'\?\); it has"):
        map_columns(feed(sort_key="day"), ("id", "Day"))


def test_listed_columns_may_be_missing_if_the_feed_allows_it_but_never_those_of_keys_or_with_null_reject() -> None:
    of = feed(
        sort_key="D#{day}",
        csv=Csv(missing_columns="allow"),
        columns={"n": "N", "must": Column(null="reject"), "gone": Column(drop=True)},
    )
    assert of.needed_columns() == ["id", "day", "must"]
    assert names(of, "id", "day", "must") == ["id", "day", "must"]
    with pytest.raises(BadHeader, match="'must'"):
        map_columns(of, ("id", "day"))


def test_a_column_is_needed_once_however_often_it_is_used() -> None:
    of = feed(partition_key="{a}#{b}", sort_key="{b}#{a}", columns={"a": "N"})
    assert of.needed_columns() == ["a", "b"]


def test_two_columns_for_one_attribute_fail_the_file() -> None:
    of = feed(columns={"qty": Column("N", name="quantity")})
    with pytest.raises(BadHeader, match="attribute 'quantity'"):
        map_columns(of, ("id", "qty", "quantity"))


def test_a_column_called_like_a_templates_key_fails_the_file() -> None:
    with pytest.raises(BadHeader, match="attribute 'pk'"):
        map_columns(feed(partition_key="P#{id}"), ("id", "pk"))


def test_names_are_case_sensitive() -> None:
    with pytest.raises(BadHeader):
        map_columns(feed(), ("ID",))
    assert names(feed(), "id", "ID") == ["id", "ID"]


def test_a_header_of_many_columns_is_not_repeated_whole() -> None:
    """The sentence goes into the ledger, whose items end at 400 KB."""
    with pytest.raises(BadHeader, match=r"it has 'c0', 'c1', .*\.\.\.") as caught:
        map_columns(feed(), tuple(f"c{n}" for n in range(100_000)))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(("fits", "too_long"), [("k" * 65_535, "k" * 65_536), ("ü" * 32_767 + "k", "ü" * 32_768)])
def test_a_name_longer_than_dynamodb_allows_fails_the_file(fits: str, too_long: str) -> None:
    assert names(feed(), "id", fits) == ["id", fits]
    with pytest.raises(BadHeader, match="a name of 65,536 bytes; DynamoDB allows at most 65,535") as caught:
        map_columns(feed(), ("id", too_long))
    assert len(str(caught.value)) < 1000
    assert names(feed(columns={too_long: Column(name="short")}), "id", too_long) == ["id", "short"]


# --- whether a table takes such items ---


def described(*keys: str, indexes: dict[str, tuple[str, ...]] | None = None, kind: str = "Global") -> dict[str, Any]:
    """A table as DescribeTable has it; a key is `name:type`, the first of a schema the partition key."""

    def schema(key: tuple[str, ...]) -> list[dict[str, str]]:
        pairs = zip(key, ("HASH", "RANGE"), strict=False)
        return [{"AttributeName": text.split(":")[0], "KeyType": role} for text, role in pairs]

    indexes = indexes or {}
    types = dict(text.split(":") for key in (keys, *indexes.values()) for text in key)
    return {
        "KeySchema": schema(keys),
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": type} for name, type in types.items()],
        f"{kind}SecondaryIndexes": [{"IndexName": name, "KeySchema": schema(key)} for name, key in indexes.items()],
    }


PLAIN = {"partition_key": "id"}
WITH_SORT_KEY = {"partition_key": "id", "sort_key": "day"}


@pytest.mark.parametrize(
    ("keys", "settings", "found", "wanted"),
    [
        (("pk:S",), PLAIN, "pk (S)", "id (S)"),
        (("id:S", "sk:S"), WITH_SORT_KEY, "id (S) + sk (S)", "id (S) + day (S)"),
        (("id:S",), {"partition_key": "C#{id}"}, "id (S)", "pk (S)"),
        (("ID:S",), PLAIN, "ID (S)", "id (S)"),
        (("id:S",), PLAIN | {"columns": {"id": "N"}}, "id (S)", "id (N)"),
        (("id:N",), PLAIN, "id (N)", "id (S)"),
        (("id:B",), PLAIN, "id (B)", "id (S)"),
        (("id:S", "day:N"), WITH_SORT_KEY, "id (S) + day (N)", "id (S) + day (S)"),
        (("id:S", "day:S"), PLAIN, "id (S) + day (S)", "id (S)"),
        (("pk:S", "sk:S"), {"partition_key": "C#{id}"}, "pk (S) + sk (S)", "pk (S)"),
        (("id:S",), WITH_SORT_KEY, "id (S)", "id (S) + day (S)"),
        (("pk:S",), {"partition_key": "C#{id}", "sort_key": "{day}"}, "pk (S)", "pk (S) + sk (S)"),
        (("day:S", "id:S"), WITH_SORT_KEY, "day (S) + id (S)", "id (S) + day (S)"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
)
def test_a_table_with_another_key_has_one_fault_that_names_both(
    keys: tuple[str, ...], settings: Any, found: str, wanted: str
) -> None:
    faults = table_faults(map_columns(feed(**settings), ("id", "day", "qty")), described(*keys))
    assert faults == [f"the key of the table is {found}, that of the feed {wanted}: change the feed's keys"]


@pytest.mark.parametrize("order", ["as they are", "turned round"])
def test_a_table_with_the_feeds_key_has_no_fault_in_whatever_order_it_is_described(order: str) -> None:
    table = described("id:S", "day:S", indexes={"by_day": ("day:S",)})
    if order == "turned round":
        table["KeySchema"].reverse()
        table["AttributeDefinitions"].reverse()
    assert table_faults(map_columns(feed(**WITH_SORT_KEY), ("id", "day")), table) == []


INDEXED = PLAIN | {"columns": {"qty": "N"}, "indexes": {"by_day": Index("day")}}


@pytest.mark.parametrize(
    ("settings", "indexes", "kind", "fault"),
    [
        (INDEXED, {"by_day": ("day:N",)}, "Global", "by_day has the key day (N), and the rows have day (S)"),
        (PLAIN, {"by_qty": ("qty:N",)}, "Global", "by_qty has the key qty (N), and the rows have qty (S)"),
        (INDEXED, {"x": ("day:S", "qty:S")}, "Global", "x has the key qty (S), and the rows have qty (N)"),
        (INDEXED, {"own": ("id:S", "qty:S")}, "Local", "own has the key qty (S), and the rows have qty (N)"),
        (PLAIN | {"ttl": Ttl()}, {"t": ("ttl:S",)}, "Global", "t has the key ttl (S), and the rows have ttl (N)"),
        (
            PLAIN | {"attributes": {"a": "x"}},
            {"by_a": ("a:N",)},
            "Global",
            "by_a has the key a (N), and the rows have a (S)",
        ),
    ],
    ids=str,
)
def test_an_index_key_of_another_type_is_a_fault_whether_the_feed_names_the_index_or_not(
    settings: Any, indexes: Any, kind: str, fault: str
) -> None:
    table = described("id:S", indexes=indexes, kind=kind)
    faults = table_faults(map_columns(feed(**settings), ("id", "day", "qty")), table)
    assert faults == [f"index {fault}: change its type in the feed"]


@pytest.mark.parametrize(
    "indexes", [{}, {"by_day": ("qty:N",)}, {"other": ("absent:B",)}], ids=["missing", "other key", "not in the file"]
)
def test_an_index_that_refuses_no_row_is_a_difference_only_if_the_feed_names_it(indexes: Any) -> None:
    of, table = feed(**INDEXED), described("id:S", indexes=indexes)
    assert table_faults(map_columns(of, ("id", "day", "qty")), table) == []
    (difference,) = index_differences(of, table)
    assert "by_day" in difference


def test_the_columns_a_feed_names_are_a_file_it_takes() -> None:
    of = feed(partition_key="C#{id}", columns={"qty": "N", "x": Column(drop=True)}, csv=Csv(unknown_columns="refuse"))
    assert [target.name for target in map_columns(of, listed_columns(of)).targets] == ["id", "qty"]
