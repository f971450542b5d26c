"""What `ingest preview` and `ingest check` say of rows that do not just put items."""

import json
from pathlib import Path

import pytest

from tests.support.command import Ran

FEEDS = """
[feeds.plain]
prefix = "plain/"
table = "Plain"
partition_key = "id"
[feeds.changes]
prefix = "changes/"
table = "Changes"
partition_key = "id"
newest = "v"
[feeds.changes.operation]
column = "op"
put = ["I"]
update = ["U"]
delete = ["D"]
[feeds.changes.columns]
v = "N"
note = { null = "remove" }
[feeds.members]
prefix = "members/"
table = "Members"
partition_key = "id"
write = "insert"
[feeds.removals]
prefix = "removals/"
table = "Plain"
partition_key = "id"
write = "delete"
"""
CHANGES = "op,id,v,n,note\nI,a,1,5,x\nU,b,2,6,\nD,c,3,x,x\nX,d,4,,\nI,e,5,,\n"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own with feeds.toml and a file of changes."""
    monkeypatch.chdir(tmp_path)
    Path("feeds.toml").write_text(FEEDS, encoding="utf-8")
    Path("a.csv").write_text(CHANGES, encoding="utf-8")


def test_preview_shows_in_a_first_column_what_would_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "preview", "a.csv", "--feed", "changes")
    assert ran.out.splitlines() == [
        "operation,id,v,n,note",
        "put,a,1,5,x",
        "update,b,2,6,",
        "delete,c,3,,",
        "put,e,5,,",
    ]
    assert "Operations: 1 delete, 2 put, 1 update." in ran.err


def test_preview_shows_items_in_what_would_be_done_with_them(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "preview", "a.csv", "--feed", "changes", "--json")
    assert [json.loads(line) for line in ran.out.splitlines()] == [
        {"put": {"id": {"S": "a"}, "v": {"N": "1"}, "n": {"S": "5"}, "note": {"S": "x"}}},
        {"update": {"id": {"S": "b"}, "v": {"N": "2"}, "n": {"S": "6"}}, "remove": ["note"]},
        {"delete": {"id": {"S": "c"}, "v": {"N": "3"}}},
        {"put": {"id": {"S": "e"}, "v": {"N": "5"}}},
    ]
    document = json.loads(ran.err)
    assert document["operations"] == {"put": 2, "update": 1, "delete": 1}
    assert (document["rows_written"], document["reasons"]) == (4, {"bad_operation": 1})


@pytest.mark.parametrize(
    ("feed", "lines"),
    [
        ("plain", [{"id": {"S": "a"}}]),
        ("members", [{"insert": {"id": {"S": "a"}, "_row": {"S": "#000000000002"}}}]),
        ("removals", [{"delete": {"id": {"S": "a"}}}]),
    ],
)
def test_items_that_are_put_stand_alone_and_others_in_the_operation_of_their_feed(
    feed: str, lines: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.csv").write_text("id\na\n", encoding="utf-8")
    ran = Ran(capsys, "preview", "a.csv", "--feed", feed, "--format", "jsonl")
    assert [json.loads(line) for line in ran.out.splitlines()] == lines
    assert ("Operations" in ran.err) == (feed != "plain")


def test_check_counts_what_would_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Operations: 1 delete, 2 put, 1 update." in Ran(capsys, "check", "a.csv", "--feed", "changes").out
    document = json.loads(Ran(capsys, "check", "a.csv", "--feed", "changes", "--json").out)
    assert document["operations"] == {"put": 2, "update": 1, "delete": 1}


def test_several_changes_of_a_key_are_what_such_a_file_is_made_of(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{operation},k{n},{version},1," for n in range(15) for version, operation in ((1, "I"), (2, "U"))]
    Path("a.csv").write_text("\n".join(["op,id,v,n,note", *rows]), encoding="utf-8")
    changes, puts = Ran(capsys, "check", "a.csv", "--feed", "changes"), Ran(capsys, "check", "a.csv", "--feed", "plain")
    assert (changes.code, puts.code) == (0, 1)
    assert "duplicate_keys" not in [warning["code"] for warning in planned(capsys, "changes")]
    assert "duplicate_keys" in [warning["code"] for warning in planned(capsys, "plain")]


def planned(capsys: pytest.CaptureFixture[str], feed: str) -> list[dict[str, str]]:
    warnings: list[dict[str, str]] = Ran(capsys, "plan", "a.csv", "--feed", feed, "--json").json["warnings"]
    return warnings
