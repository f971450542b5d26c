"""Globs for objects: which keys `exclude` and `include` mean, and which are by-products of other tools."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.feeds.feed import BY_PRODUCTS, Feed, Feeds
from ingest.file import glob_matches

NAMES = st.text("ab.*?[!]-_$\n", max_size=5)
PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)
GLOBS = st.text("ab.*?[!]-_$\n", min_size=1, max_size=5)
PATH_GLOBS = st.lists(GLOBS | st.just("**"), min_size=2, max_size=5)


@given(GLOBS, PATHS)
def test_a_glob_without_a_slash_means_names_as_fnmatch_does(glob: str, path: str) -> None:
    assert glob_matches(glob, path) == fnmatchcase(path.rpartition("/")[2], glob)


@given(GLOBS.filter(lambda glob: glob != "**"), PATHS)
def test_a_glob_with_a_slash_at_its_end_means_what_is_in_such_a_folder(glob: str, path: str) -> None:
    assert glob_matches(f"{glob}/", path) == any(fnmatchcase(name, glob) for name in path.split("/")[:-1])


@given(PATH_GLOBS, PATHS, st.booleans(), st.booleans())
def test_any_other_glob_means_whole_paths_where_two_stars_are_any_folders(
    parts: list[str], path: str, is_folder: bool, has_slash: bool
) -> None:
    glob = "/" * has_slash + "/".join(parts) + "/" * is_folder
    assert glob_matches(glob, path) == means([*parts, "**"] if is_folder else parts, path.split("/"))


def means(parts: list[str], names: list[str]) -> bool:
    """Return whether the parts of a glob mean these names, tried in every way."""
    if parts == ["**"]:
        return bool(names)
    if parts and parts[0] == "**":
        return any(means(parts[1:], names[n:]) for n in range(len(names) + 1))
    if not parts or not names:
        return parts == names
    return fnmatchcase(names[0], parts[0]) and means(parts[1:], names[1:])


@pytest.mark.parametrize(
    "path",
    [
        "_SUCCESS",
        "2026/11/_SUCCESS",
        "_committed_1234567890",
        "_started_1234567890",
        ".part-0000.csv.crc",
        "2026/part-0000.csv.crc",
        "2026_$folder$",
        "a/b_$folder$",
        "e3b0c442-98fc.csv.metadata",
        "_temporary/0/task_1/part-0000.csv",
        "2026/_temporary/0/_x",
        ".DS_Store",
        "2026/.spark-staging-1/part-0000.csv",
        ".hidden/deep/er/a.csv",
    ],
)
def test_by_products_of_other_tools_are_ignored_unless_the_feed_says_otherwise(path: str) -> None:
    assert Feed("in/orders/", "Orders", "id").ignores(f"in/orders/{path}")
    assert Feeds({}).ignores(f"nobodys/{path}", 10)
    assert not Feed("in/orders/", "Orders", "id", exclude=()).ignores(f"in/orders/{path}")


@pytest.mark.parametrize(
    "path", ["a.csv", "SUCCESS", "_success", "2026/a.b.csv", "crc", "a.crc.csv", "temporary/a.csv", "metadata/a.csv"]
)
def test_other_names_are_loaded(path: str) -> None:
    assert not Feed("in/orders/", "Orders", "id").ignores(f"in/orders/{path}")
    assert not Feeds({}).ignores(f"nobodys/{path}", 10)


@pytest.mark.parametrize(
    ("prefix", "key", "is_ignored"),
    [
        ("orders", "orders.csv", False),  # the name is orders.csv, not .csv
        ("in/orders", "in/orders/.a.csv", True),
        ("in/.exports/", "in/.exports/a.csv", False),  # the prefix itself is wanted
        ("_temporary/", "_temporary/a.csv", False),
        ("_temporary/x/", "_temporary/x/_temporary/a.csv", True),
        ("in/part-", "in/part-1.csv.crc", True),
    ],
)
def test_globs_are_compared_with_whole_names_in_the_prefixs_folder(prefix: str, key: str, is_ignored: bool) -> None:
    feed = Feed(prefix, "Orders", "id")
    assert (feed.ignores(key), Feeds({"f": feed}).ignores(key, 10)) == (is_ignored, is_ignored)


@pytest.mark.parametrize(("size", "is_ignored"), [(0, True), (None, True), (1, False)])
def test_an_empty_object_whose_key_ends_in_a_slash_stands_for_a_folder(size: int | None, is_ignored: bool) -> None:
    feeds = Feeds({"orders": Feed("orders/", "Orders", "id", exclude=(), include=("*",))})
    for key in ("orders/", "orders/2026/", "elsewhere/"):
        assert feeds.ignores(key, size) == is_ignored


def test_what_none_of_the_included_globs_matches_is_ignored() -> None:
    feed = Feed("in/", "Orders", "id", include=("*.csv", "2026/**/*.txt"))
    keys = [
        "in/a.csv",
        "in/x/a.csv",
        "in/a.txt",
        "in/2026/a.txt",
        "in/2026/11/22/a.txt",
        "in/a.csv/part-0",
        "in/.a.csv",
    ]
    assert [feed.ignores(key) for key in keys] == [False, False, True, False, False, True, True]


def test_the_default_is_what_the_docs_name() -> None:
    assert BY_PRODUCTS[:3] == ("_SUCCESS", "_committed_*", "_started_*")
    assert Feed("o/", "Orders", "id").exclude == BY_PRODUCTS
