"""What AWS would refuse at deployment, or hours into a load, is refused when feeds.toml is read: a sentence each."""

import json
from pathlib import Path

import pytest

from ingest.contract import table_output
from ingest.errors import SettingsFault
from ingest.feeds.parse import parse_feeds
from tests.support.command import Ran


def feed(name: str = "a", *more: str, prefix: str | None = None, table: str = "Orders", key: str = "id") -> str:
    """Return the section of a feed."""
    fields = {"prefix": prefix or f"{name}/", "table": table, "partition_key": key}
    lines = [f"{field} = {json.dumps(value)}" for field, value in fields.items()]
    return "\n".join([f"[feeds.{json.dumps(name)}]", *lines, *more, ""])


def index(name: str, key: str = "n") -> str:
    return f"[feeds.a.indexes.{json.dumps(name)}]\npartition_key = {json.dumps(key)}"


def indexes(count: int) -> str:
    return "\n".join(index(f"by_{n}") for n in range(count))


def column(name: str, attribute: str | None = None) -> str:
    renamed = "'S'" if attribute is None else f"{{ name = {json.dumps(attribute)} }}"
    return f"[feeds.a.columns]\n{json.dumps(name)} = {renamed}"


REFUSED = [
    # indexes
    (feed("a", index("by")), "`feeds.a.indexes` has 'by': accepted is an index's name, 3 to 255 letters"),
    (feed("a", index("by state")), "`feeds.a.indexes` has 'by state': accepted is an index's name"),
    (feed("a", index("größe")), "`feeds.a.indexes` has 'größe': accepted is an index's name"),
    (feed("a", index("x" * 256)), f"`feeds.a.indexes` has '{'x' * 256}': accepted is an index's name"),
    (feed("a", indexes(21)), "`feeds.a.indexes` has 21 indexes, and a table can be made with 20 at most."),
    # names of keys, and of other attributes
    (feed("a", key="k" * 256), "has 256 bytes in UTF-8, and the name of a table's or index's key has at most 255."),
    (feed("a", key="ü" * 128), "has 256 bytes in UTF-8, and the name of a table's or index's key has at most 255."),
    (feed("a", f'sort_key = "{"s" * 300}"'), "has 300 bytes in UTF-8, and the name of a table's or index's key"),
    (feed("a", index("by_n", "n" * 256)), "has 256 bytes in UTF-8, and the name of a table's or index's key"),
    (feed("a", column("id", "k" * 256)), "has 256 bytes in UTF-8, and the name of a table's or index's key"),
    (
        feed("a", f'ttl = {{ after = "1d", attribute = "{"t" * 256}" }}'),
        "and the name of the TTL attribute has at most 255.",
    ),
    (
        feed("a", column("qty", "")),
        "`feeds.a.columns.qty.name` is wrong: DynamoDB takes no attribute whose name is empty.",
    ),
    (feed("a", column("")), "`feeds.a.columns.` is wrong: DynamoDB takes no attribute whose name is empty."),
    (
        feed("a", "[feeds.a.attributes]\n'' = 'x'"),
        "`feeds.a.attributes.` is wrong: DynamoDB takes no attribute whose name",
    ),
    (feed("a", column("n", "x" * 65_536)), "has 65,536 bytes in UTF-8, and an attribute's name has at most 65,535."),
    (feed("a", column("ü" * 32_768)), "has 65,536 bytes in UTF-8, and an attribute's name has at most 65,535."),
    (feed("a", f"lineage = {{ file = '{'f' * 65_536}' }}"), "and an attribute's name has at most 65,535."),
    # prefixes
    (feed("a", prefix="p" * 1025), "`feeds.a.prefix` = 'pppppppppppppppppppp…' is wrong: it has 1,025 bytes in UTF-8"),
    (feed("a", prefix="€" * 342), "is wrong: it has 1,026 bytes in UTF-8, and an S3 key at most 1,024."),
    (feed("a") + feed("b", prefix="a/b/"), "`feeds.a.prefix` = 'a/' overlaps `feeds.b.prefix` = 'a/b/'"),
    (feed("a") + feed("b", prefix="a/"), "`feeds.a.prefix` = 'a/' overlaps `feeds.b.prefix` = 'a/'"),
    # globs
    (feed("a", 'exclude = ["/"]'), "`feeds.a.exclude` has '/', which matches nothing: accepted are globs"),
    (
        feed("a", 'include = [""]'),
        "`feeds.a.include` = [''] is wrong: accepted is a list, each member text that is not",
    ),
    (
        feed("a", 'exclude = ["*.crc", "*"]'),
        "`feeds.a.exclude` leaves out every key under 'a/', by '*': give a list without that.",
    ),
    (feed("a", prefix="in/.day-"), "`feeds.a.exclude` leaves out every key under 'in/.day-', by '.*': give"),
    # names of tables and feeds
    (
        feed("a", table="a-b") + feed("b", table="a_b"),
        "`feeds.a.table` = 'a-b' and `feeds.b.table` = 'a_b' would both be TableAB",
    ),
    (
        feed("a", table="aB1") + feed("b", table="a.b1"),
        "would both be TableAB1 in the stack; rename one, or give it a stack",
    ),
    (
        feed("a", table="t" * 251),
        "the stack's output for it would have a name of 256 characters, and CloudFormation takes 255.",
    ),
    (feed("-"), "'-' is wrong: accepted is a feed's name of 1 to 120 ASCII characters, and not '-'"),
    (feed("a\tb"), "is wrong: accepted is a feed's name"),
    (feed("größe"), "'größe' is wrong: accepted is a feed's name"),
    (feed("n" * 121), "is wrong: accepted is a feed's name of 1 to 120 ASCII characters"),
    (feed("", prefix="x/"), "'' is wrong: accepted is a feed's name"),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSED, ids=range(len(REFUSED)))
def test_what_aws_would_refuse_is_refused_in_one_sentence(
    text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsFault) as caught:
        parse_feeds(text)
    found = str(caught.value)
    assert found.startswith("feeds.toml: ") and sentence in found and found.endswith(".")
    assert len(found) < 500, "names that are too long are cut in the sentence"
    path = tmp_path / "feeds.toml"
    path.write_text(text, encoding="utf-8")
    ran = Ran(capsys, "feeds", "check", "--feeds", str(path))
    assert (ran.code, sentence in ran.sentence) == (2, True)


@pytest.mark.parametrize(
    "text",
    [
        feed("a", index("x" * 255), index("by.state-1_2")),
        feed("a", indexes(20)),
        feed("a", "existing = true", indexes(21)),  # its quota may have been raised
        feed("a", key="k" * 255),
        feed("a", column("n" * 300)),  # not a key's
        feed("a", column("n", "x" * 65_535)),
        feed("a", "[feeds.a.columns]\nx = { drop = true, name = '' }"),
        feed("a", prefix="p" * 1024),
        feed("a") + feed("b", prefix="ab/"),
        feed("a", 'exclude = ["a", "*.*", "?", "[!_]*"]', prefix="in/"),
        feed("a", 'exclude = [".hidden*"]', prefix=".day-"),
        feed("a", table="a-bc") + feed("b", table="abc"),
        feed("a", table="a-b") + feed("b", table="a-b"),
        feed("a", table="t" * 250),
        feed("#1: orders, 2026" + "x" * 104),
    ],
    ids=range(15),
)
def test_what_aws_takes_is_accepted(text: str) -> None:
    parse_feeds(text)


def test_names_of_tables_that_differ_in_case_alone_have_outputs_of_their_own() -> None:
    assert (table_output("a-bc"), table_output("abc")) == ("TableABc", "TableAbc")


def test_more_prefixes_than_a_bucket_notifies_of_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "feeds.toml"
    for count, warned in ((100, 0), (101, 1)):
        path.write_text("".join(feed(f"f{n:03d}") for n in range(count)))
        ran = Ran(capsys, "feeds", "check", "--feeds", str(path))
        lines = [line for line in ran.out.splitlines() if line.startswith("  ! ")]
        assert (ran.code, len(lines)) == (0, warned)
    assert lines[0].startswith("  ! feeds.toml has 101 prefixes, and a bucket takes 100 notifications")


@pytest.mark.parametrize(
    ("glob", "is_warned"), [("in/*.csv", True), ("/in/tmp/", True), ("*.csv", False), ("inn/*.csv", False)]
)
def test_a_glob_that_repeats_the_prefix_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], glob: str, is_warned: bool
) -> None:
    path = tmp_path / "feeds.toml"
    path.write_text(feed("a", f"include = [{glob!r}]", prefix="in/orders-"))
    assert (
        "'in/' is not part of what globs are compared with" in Ran(capsys, "feeds", "check", "--feeds", str(path)).out
    ) == (is_warned)
