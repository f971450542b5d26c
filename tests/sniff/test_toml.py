"""A feed's section of feeds.toml reads as that feed, whatever its names are."""

from hypothesis import example, given
from hypothesis import strategies as st

from ingest.feeds.column import Column
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.feeds.parse import parse_feeds
from ingest.feeds.rules import MAX_KEY_NAME_BYTES, MAX_PREFIX_BYTES
from ingest.sniff.toml import quoted, to_toml


def texts(most_bytes: int) -> st.SearchStrategy[str]:
    """Return texts of any characters, of at most this number of bytes."""
    text = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=most_bytes)
    return text.filter(lambda drawn: len(drawn.encode()) <= most_bytes)


prefixes = texts(MAX_PREFIX_BYTES - 1)
column_names = texts(MAX_KEY_NAME_BYTES).filter(lambda name: "{" not in name and "}" not in name)


feed_names = st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=1, max_size=120).filter(
    lambda name: name.strip() and name != "-"
)


@given(
    feed_names, prefixes, st.lists(column_names, min_size=2, max_size=5, unique=True), st.sampled_from(["N", "BOOL"])
)
@example("0", "ü" * 511, ["ü" * 127, "0"], "N")
def test_names_of_columns_and_prefixes_may_be_any_text_and_those_of_feeds_any_ascii(
    feed_name: str, folder: str, names: list[str], kind: str
) -> None:
    feed = Feed(f"{folder}/", "Table", names[0], csv=Csv(names=tuple(names)), columns={names[1]: Column(type=kind)})
    remarks = {"": ["said of all"], f"columns.{names[1]}": [f"said of {quoted(names[1])}"]}
    assert parse_feeds(to_toml(feed_name, feed, remarks)).feeds == {feed_name: feed}


def test_only_what_is_not_usual_is_written_and_remarks_stand_above_their_field() -> None:
    feed = Feed(
        "x/", "Xs", "id", csv=Csv(delimiter="\x01", quote="", trim=True), columns={"ja?": Column("BOOL", true=("ja",))}
    )
    remarks = {"": ["Look."], "csv.quote": ["None at all."], "columns": ["Strings: id."]}
    assert to_toml("x", feed, remarks) == (
        '# Look.\n[feeds.x]\nprefix = "x/"\ntable = "Xs"\npartition_key = "id"\n\n'
        '[feeds.x.csv]\ndelimiter = "\\u0001"\n# None at all.\nquote = ""\ntrim = true\n\n'
        '[feeds.x.columns]\n# Strings: id.\n"ja?" = { type = "BOOL", true = ["ja"] }\n'
    )


def test_text_is_quoted_so_that_it_shows_and_stays_on_its_line() -> None:
    assert quoted("a\u2028\u202e\x7f\x00\U000e0001ü") == '"a\\u2028\\u202e\\u007f\\u0000\\U000e0001ü"'


def test_long_lists_have_a_line_for_each_member() -> None:
    names = tuple(f"a column called {n}" for n in range(9))
    text = to_toml("x", Feed("x/", "Xxx", names[0], csv=Csv(names=names)), {})
    assert 'names = [\n    "a column called 0",\n' in text
    assert parse_feeds(text).feeds["x"].csv.names == names
