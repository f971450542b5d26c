"""What a newcomer gets wrong: each mistake is answered by one sentence that names the next step."""

import gzip
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ingest.cli import aws
from tests.support.clients import mock_aws
from tests.support.command import Ran
from tests.support.stacks import FakeSession

FEED = """
[feeds.orders]
prefix = "orders/"
table = "Orders"
writer = "boto3"
partition_key = "id"
[feeds.orders.columns]
qty = "N"
"""
TWO = f"""{FEED}
[feeds.visits]
prefix = "visits/"
table = "Visits"
partition_key = "id"
"""
ROWS = b"id,qty\na,1\n"
LIBRARY = ("Traceback", "botocore", "Exception", "Errno", "click", "typer", "msgspec", "pyarrow", "None")


@dataclass(frozen=True)
class Mistake:
    """A command line, what is wrong about it, and the sentence's parts: what is wrong, and the next step."""

    name: str
    command: str
    says: str
    next_step: str
    code: int = 2
    feeds: str | None = FEED
    content: bytes = ROWS
    file: str = "a.csv"
    variables: dict[str, str] = field(default_factory=dict)


MISTAKES = [
    Mistake("missing file", "check orders.csv", "orders.csv does not exist", "name a local path or", 3),
    Mistake("directory", "check data", "data is a directory", "name the files in it, as data/*.csv", 3),
    Mistake("directory, load", "load data/", "data/ is a directory", "name the files in it", 3),
    Mistake("typo in the command", "chek a.csv", "No such command 'chek'", "Did you mean 'check'"),
    Mistake("typo in the feed", "check a.csv --feed order", "'order' does not exist", "did you mean 'orders'?"),
    Mistake(
        "typo in a column",
        "check a.csv",
        "has no column 'qyt'",
        "did you mean 'qty'?",
        3,
        feeds=FEED.replace("qty =", "qyt ="),
    ),
    Mistake(
        "typo in a setting",
        "check a.csv",
        "partition_keys",
        "did you mean 'partition_key'",
        feeds=FEED.replace("partition_key", "partition_keys"),
    ),
    Mistake(
        "typo in a type",
        "check a.csv",
        "`feeds.orders.columns.qty` = 'Number' is wrong",
        "give a type",
        feeds=FEED.replace('"N"', '"Number"'),
    ),
    Mistake(
        "typo in an option",
        "check a.csv --fed orders",
        "No such option: --fed (Possible options: --feed, --feeds).",
        "See ingest check --help.",
    ),
    Mistake("an option without a value", "check a.csv --feed", "requires an argument", "See ingest check --help."),
    Mistake("no file", "check", "Missing argument 'FILE...'", "See ingest check --help."),
    Mistake("one slash", "check s3:/bucket/a.csv", "s3:/bucket/a.csv is not an S3 URL", "write s3://bucket/a.csv"),
    Mistake("no key", "check s3://bucket", "is not the URL of an S3 object", "write s3://bucket/key"),
    Mistake(
        "web address of S3",
        "check https://shop.s3.eu-central-1.amazonaws.com/orders/a%20b.csv",
        "is a web address, which is not supported",
        "write s3://shop/orders/a b.csv",
    ),
    Mistake(
        "web address",
        "check https://example.com/a.csv",
        "is a web address, which is not supported",
        "write `curl -s https://example.com/a.csv | ingest check -`",
    ),
    Mistake(
        "file URL", "check file:///data/a.csv", "file:///data/a.csv is a URL", "write the path /data/a.csv instead"
    ),
    Mistake(
        "no credentials",
        "load a.csv",
        "No AWS credentials were found",
        "set a profile or the AWS_* variables",
        4,
        variables={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
    ),
    Mistake("no region", "load a.csv", "No AWS region is set", "set AWS_REGION", variables={"AWS_DEFAULT_REGION": ""}),
    Mistake(
        "wrong region",
        "load a.csv",
        "'frankfurt 1' is not the name of an AWS region",
        "set AWS_REGION, as eu-central-1",
        variables={"AWS_REGION": "frankfurt 1"},
    ),
    Mistake(
        "wrong profile",
        "load a.csv",
        "The AWS profile 'shop' does not exist",
        "`aws configure list-profiles` shows those that do",
        variables={"AWS_PROFILE": "shop"},
    ),
    Mistake(
        "wrong stack",
        "status --stack shop",
        "The CloudFormation stack 'shop' does not exist in eu-central-1",
        "name it with --stack",
    ),
    Mistake("table missing", "load a.csv", "The table Orders does not exist in eu-central-1", "name another", 4),
    Mistake("empty file", "check a.csv", "The file is empty", "write it again, with its header", 3, content=b""),
    Mistake("UTF-16", "check a.csv", "UTF-16", 'set encoding = "utf-16"', 3, content="id,qty\na,1\n".encode("utf-16")),
    Mistake(
        "another encoding",
        "check a.csv",
        "is not valid utf-8 text",
        "set the feed's encoding",
        3,
        content="id,qty,größe\na,1,2\n".encode("cp1252"),
    ),
    Mistake(
        "Excel workbook",
        "check a.xlsx",
        "an Excel workbook",
        "export it as CSV",
        3,
        content=b"PK\x03\x04",
        file="a.xlsx",
    ),
    Mistake(
        "cut gzip",
        "check a.csv.gz",
        "The gzip stream cannot be expanded",
        "send the file again",
        3,
        content=gzip.compress(ROWS * 999)[:-20],
        file="a.csv.gz",
    ),
    Mistake("wrong delimiter", "check a.csv", "has no column 'id'", "delimiter", 3, content=b"id;qty\na;1\n"),
    Mistake("no header", "check a.csv", "has no column 'id'", "Fix the file or the feed", 3, content=b"a,1\nb,2\n"),
    Mistake("no key column", "check a.csv", "has no column 'id'", "Fix the file or", 3, content=b"qty,note\n1,x\n"),
    Mistake(
        "no feed, of several",
        "check a.csv",
        "feeds.toml declares several feeds: orders, visits",
        "Name one with --feed NAME",
        feeds=TWO,
    ),
    Mistake("no unit", "wait a.csv --timeout 90", "--timeout '90' has no unit", "write 90s for seconds"),
    Mistake(
        "not a duration", "top --every soon", "--every 'soon' is not a duration", "write a number with s, m, h or d"
    ),
    Mistake("no feeds.toml", "check a.csv", "feeds.toml does not exist", "--feeds PATH", feeds=None),
    Mistake("not TOML", "check a.csv", "feeds.toml is not TOML", "at line 2", feeds="[feeds.orders]\nprefix\n"),
    Mistake(
        "no feed declared", "check a.csv", "no feed is declared", "add a [feeds.NAME] section", feeds="# nothing\n"
    ),
    Mistake("two that exclude each other", "status --watch --json", "--watch and --json cannot", "cannot be combined"),
    Mistake("nothing piped", "check -", "- is standard input, and nothing is piped to it", "write `cat FILE |"),
    Mistake("dropping an S3 URL", "drop s3://bucket/a.csv", "is in S3 already", "copy it below its feed's prefix"),
    Mistake(
        "rejects of two files in one",
        "load a.csv b.csv --rejects r.jsonl",
        "The rejects of several files would go to r.jsonl",
        "leave --rejects out",
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_answered_by_a_sentence_with_the_next_step(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mistake: Mistake
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", Terminal())
    Path("data").mkdir()
    Path(mistake.file).write_bytes(mistake.content)
    if mistake.feeds is not None:
        Path("feeds.toml").write_text(mistake.feeds, encoding="utf-8")
    for name, value in mistake.variables.items():
        monkeypatch.setenv(name, value)
        if not value:
            monkeypatch.delenv(name)
    if mistake.name == "wrong stack":
        monkeypatch.setattr(aws, "session", FakeSession)
    with nullcontext() if mistake.name == "no credentials" else mock_aws():  # which has some
        ran = Ran(capsys, *mistake.command.split())
    if "--json" in mistake.command:
        line = ran.json["error"]["message"]
    else:
        (line,) = ran.err.splitlines()
        assert line.startswith("ingest: ")
    assert mistake.says in line
    assert mistake.next_step in line
    assert [word for word in LIBRARY if word in line] == []
    assert ran.code == mistake.code


class Terminal:
    """A standard input at which a person sits."""

    def isatty(self) -> bool:
        return True


def test_a_misnamed_gzip_is_read_as_what_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("feeds.toml").write_text(FEED, encoding="utf-8")
    Path("packed.csv").write_bytes(gzip.compress(ROWS))
    Path("plain.csv.gz").write_bytes(ROWS)
    ran = Ran(capsys, "check", "packed.csv", "plain.csv.gz")
    assert (ran.code, ran.err) == (0, "")
    assert [line.partition(":")[0] for line in ran.out.splitlines()] == ["packed.csv", "plain.csv.gz"]
