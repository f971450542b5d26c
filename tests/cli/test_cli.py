"""The command line: what it prints, what it exits with, one sentence for each fault."""

import csv
import gzip
import io
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ingest.aws.local_files import Source
from ingest.cli import aws, load
from ingest.cli import main as cli
from ingest.cli.options import feed_of, file_name
from ingest.cli.output import RAW_SHOWN
from ingest.cli.source import StandardInput
from ingest.dynamodb.writers import WriterFactory
from ingest.errors import AccessDenied, SettingsFault, Unavailable
from ingest.feeds.feed import Feed
from ingest.feeds.parse import parse_feeds
from ingest.ledger.row_counts import RowCounts
from tests.support.clients import client, mock_aws, session, table
from tests.support.command import FEEDS as TWO_FEEDS
from tests.support.command import Ran

ROOT = Path(__file__).parent.parent.parent
SAMPLE = str(ROOT / "sample_data.csv")
FEEDS = """
[feeds.orders]
prefix = "orders/"
table = "Orders"
writer = "boto3"
partition_key = "id"
[feeds.orders.columns]
n = "N"
"""
CSV = 'id,n,note\na,1,x\nb,2.50,\na,3,"y,\nz"\nc,?,[bold]\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with feeds.toml and a file to load."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    Path("feeds.toml").write_text(FEEDS, encoding="utf-8")
    Path("a.csv").write_text(CSV, encoding="utf-8")
    return tmp_path


# --- preview ---


def test_preview_prints_the_accepted_rows_as_csv_and_the_rejects_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "preview", "a.csv", "--feed", "orders")
    assert ran.code == 0
    assert list(csv.reader(io.StringIO(ran.out))) == [["id", "n", "note"], ["b", "2.50", ""], ["a", "3", "y,\nz"]]
    row_counts, *rejects = ran.err.splitlines()
    assert row_counts == ("4 rows read = 2 would be written + 1 rejected + 1 superseded; row counts reconcile.")
    assert "rejected: 1 bad_number" in rejects[0]
    assert any("│ 6 " in line and "bad_number" in line and "not a valid number" in line for line in rejects)


def test_preview_prints_dynamodb_json(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "preview", "a.csv", "--feed", "orders", "--format", "jsonl")
    assert [json.loads(line) for line in ran.out.splitlines()] == [
        {"id": {"S": "b"}, "n": {"N": "2.50"}},
        {"id": {"S": "a"}, "n": {"N": "3"}, "note": {"S": "y,\nz"}},
    ]


def test_preview_shows_numbers_as_they_are_sent(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text("id,n\na,.5\nb,+1\n", encoding="utf-8")
    assert Ran(capsys, "preview", "a.csv", "--feed", "orders").out.splitlines() == ["id,n", "a,0.5", "b,1"]
    shown = Ran(capsys, "preview", "a.csv", "--feed", "orders", "--format", "jsonl").out.splitlines()
    assert shown == ['{"id":{"S":"a"},"n":{"N":"0.5"}}', '{"id":{"S":"b"},"n":{"N":"1"}}']


def test_preview_for_machines_is_json_lines_and_a_json_object_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "preview", "a.csv", "--feed", "orders", "--json")
    assert [json.loads(line)["id"] for line in ran.out.splitlines()] == [{"S": "b"}, {"S": "a"}]
    assert json.loads(ran.err)["rows_rejected"] == 1


def test_preview_without_a_feed_takes_every_column_as_text_and_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    Path("feeds.toml").unlink()
    ran = Ran(capsys, "preview", "a.csv")
    assert ran.code == 0
    assert len(list(csv.reader(io.StringIO(ran.out)))) == 5
    assert ran.err.startswith("4 rows read = 4 would be written")


@pytest.mark.parametrize(
    ("options", "lines"), [((), 11), (("--rows", "3"), 4), (("--all",), 496), (("--rows", "999"), 496)]
)
def test_preview_shows_as_many_rows_as_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], lines: int
) -> None:
    ran = Ran(capsys, "preview", SAMPLE, "--feed", "orders", "--feeds", str(ROOT / "feeds.toml"), *options)
    assert ran.code == 0
    assert len(list(csv.reader(io.StringIO(ran.out)))) == lines


def test_preview_stops_reading_when_it_has_enough(capsys: pytest.CaptureFixture[str]) -> None:
    Path("big.csv").write_text("id,n\n" + "".join(f"{n},1\n" for n in range(800_000)), encoding="utf-8")
    ran = Ran(capsys, "preview", "big.csv", "--feed", "orders", "--rows", "2")
    assert len(ran.out.splitlines()) == 3
    assert not ran.err.startswith("800,000")


@pytest.mark.parametrize("text", ["x\ry", "\r", "a\r\r"])
def test_preview_quotes_a_lone_carriage_return_so_that_it_can_be_read_again(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    Path("a.csv").write_bytes(f'id,t\n1,"{text}"\n2,z\n'.encode())
    printed = Ran(capsys, "preview", "a.csv").out
    assert list(csv.reader(io.StringIO(printed, newline=""))) == [["id", "t"], ["1", text], ["2", "z"]]


@pytest.mark.parametrize("arguments", ["preview a.csv", "preview a.csv --format jsonl", "check a.csv --feed orders"])
def test_a_command_whose_reader_has_ended_exits_as_one_ended_by_sigpipe(arguments: str) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "ingest", *arguments.split()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_preview_prints_the_names_once_however_many_blocks_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    Path("big.csv").write_text("id,n\n" + "".join(f"{n:06d},{'1' * 100}\n" for n in range(45_000)), encoding="utf-8")
    ran = Ran(capsys, "preview", "big.csv", "--all")
    assert ran.out == Path("big.csv").read_text(encoding="utf-8")


def test_a_compressed_file_is_previewed_whatever_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_bytes(gzip.compress(CSV.encode()))
    assert Ran(capsys, "preview", "a.csv", "--feed", "orders").code == 0


# --- check ---


def test_check_of_a_good_file_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text("id,n\na,1\n", encoding="utf-8")
    ran = Ran(capsys, "check", "a.csv", "--feed", "orders")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "1 rows read = 1 would be written + 0 rejected + 0 superseded; row counts reconcile.\n"


def test_check_of_the_sample_finds_its_four_bad_rows(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "check", SAMPLE, "--feed", "orders", "--feeds", str(ROOT / "feeds.toml"), "--json")
    assert ran.code == 1
    assert {name: ran.json[name] for name in ("rows_read", "rows_written", "rows_rejected", "rows_superseded")} == {
        "rows_read": 500,
        "rows_written": 495,
        "rows_rejected": 4,
        "rows_superseded": 1,
    }
    assert ran.json["bytes_read"] == Path(SAMPLE).stat().st_size
    assert (ran.json["file"], ran.json["feed"], ran.json["table"]) == (SAMPLE, "orders", "Orders")
    assert ran.json["reasons"] == {"bad_number": 1, "empty_key": 1, "ragged_row": 1, "bad_boolean": 1}
    assert [reject["line"] for reject in ran.json["rejects"]] == [100, 234, 355, 477]


def test_check_prints_a_table_of_the_first_rejects(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text("id,n\n" + "x,?\n" * 30 + ",1\nx,1\n", encoding="utf-8")
    ran = Ran(capsys, "check", "a.csv", "--feed", "orders")
    assert ran.code == 1
    assert "rejected: 30 bad_number, 1 empty_key" in ran.out
    assert len([line for line in ran.out.splitlines() if "bad_number " in line]) == 20


def test_check_exits_with_1_and_says_why_where_rows_share_a_key_though_none_is_rejected(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("a.csv").write_text("id,n\n" + "".join(f"k{n % 30},{n}\n" for n in range(60)), encoding="utf-8")
    ran = Ran(capsys, "check", "a.csv", "--feed", "orders")
    assert (ran.code, ran.err) == (1, "")
    row_counts, warning, title, names, _, *table = [line for line in ran.out.splitlines() if line.strip()]
    assert row_counts.startswith("60 rows read = 30 would be written + 0 rejected + 30 superseded;")
    assert warning.startswith("30 of 60 rows (50.0%) have the key of a later row, which replaced them.")
    assert title.strip() == "The first rows replaced by a later row with the same key:"
    assert names.split() == ["id", "line", "replaced", "by", "line"]
    assert [line.split() for line in table] == [[f"k{n}", str(2 + n), str(32 + n)] for n in range(20)]
    found = Ran(capsys, "check", "a.csv", "--feed", "orders", "--json").json
    assert found["warning"]["code"] == "duplicate_keys"
    assert found["duplicates"][0] == {"key": {"id": "k0"}, "replaced_line": 2, "line": 32, "byte_offset": 195}
    assert Path("a.csv").read_bytes()[195:].startswith(b"k0,30\n")


def test_a_few_rows_that_share_a_key_are_shown_and_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"k{n},{n}\n" for n in range(1999))
    Path("a.csv").write_text(f"id,n\n{rows}k7,0\n", encoding="utf-8")
    ran = Ran(capsys, "check", "a.csv", "--feed", "orders")
    assert ran.code == 0
    assert "which replaced them" not in ran.out
    assert ran.out.splitlines()[-1].split() == ["k7", "9", "2001"]


def test_names_with_brackets_and_colons_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    Path("feeds.toml").write_text(FEEDS + '"[/red] :smile:" = "N"\n', encoding="utf-8")
    Path("a.csv").write_text("id,n,[/red] :smile:\na,1,?\n", encoding="utf-8")
    ran = Ran(capsys, "check", "a.csv", "--feed", "orders")
    assert ran.code == 1
    assert "[/red] :smile:" in ran.out


def test_long_raw_records_are_shortened_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_bytes(b"id,n\n\xff" + b"x" * 5000 + b",?\n")
    ran = Ran(capsys, "check", "a.csv", "--feed", "orders", "--json")
    raw = ran.json["rejects"][0]["raw"]
    assert raw.startswith("\\xffxxx")
    assert len(raw) < RAW_SHOWN + 10


def test_a_progress_bar_is_shown_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ran = Ran(capsys, "check", "a.csv", "--feed", "orders")
    assert ran.code == 1
    assert "4 rows read" in ran.out


def test_check_says_how_many_rejects_it_does_not_show_and_shows_their_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("a.csv").write_text("id,n\n" + "".join(f"x,bad-{n}\n" for n in range(30)), encoding="utf-8")
    out = Ran(capsys, "check", "a.csv", "--limit", "3").out
    assert all(f"bad-{n}" in out for n in range(3)) and "bad-3" not in out
    assert out.splitlines()[-1] == "27 more rejected row(s) are not shown; see --limit."
    assert "not shown" not in Ran(capsys, "check", "a.csv", "--limit", "30").out
    found = Ran(capsys, "check", "a.csv", "--limit", "0", "--json").json
    assert (found["rejects"], found["truncated"], found["rows_rejected"]) == ([], True, 30)


# --- several files, standard input, feeds that need not be named ---


def test_of_several_files_each_is_reported_and_one_that_cannot_be_loaded_does_not_stop_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("b.csv").write_bytes(b"")
    Path("c.csv").write_text("id,n\na,1\n", encoding="utf-8")
    ran = Ran(capsys, "check", "a.csv", "b.csv", "c.csv")
    assert ran.code == 3
    assert ran.err.startswith("ingest: b.csv: The file is empty")
    assert [line for line in ran.out.splitlines() if "rows read" in line] == [
        "a.csv: 4 rows read = 2 would be written + 1 rejected + 1 superseded; row counts reconcile.",
        "c.csv: 1 rows read = 1 would be written + 0 rejected + 0 superseded; row counts reconcile.",
    ]
    lines = [json.loads(line) for line in Ran(capsys, "check", "a.csv", "b.csv", "--json").out.splitlines()]
    assert [(line["file"], (line.get("error") or {}).get("code")) for line in lines] == [
        ("a.csv", None),
        ("b.csv", "empty_file"),
    ]


def test_several_files_are_loaded_each_with_rejects_of_its_own(capsys: pytest.CaptureFixture[str], orders: Any) -> None:
    Path("b.csv").write_text("id,n\nz,1\ny,?\n", encoding="utf-8")
    ran = Ran(capsys, "load", "a.csv", "b.csv")
    assert (ran.code, ran.err) == (0, "")
    assert [line for line in ran.out.splitlines() if line.startswith("Table ")] == [
        "Table Orders in eu-central-1, account 123456789012."
    ]
    assert orders.scan()["Count"] == 3
    assert Path("a.csv.rejects.jsonl").exists() and Path("b.csv.rejects.jsonl").exists()


@pytest.mark.parametrize("data", [CSV.encode(), gzip.compress(CSV.encode())])
@pytest.mark.parametrize("command", ["check", "preview", "load"])
def test_standard_input_is_a_file_like_any_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, orders: Any, command: str, data: bytes
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    ran = Ran(capsys, command, "-", "--feed", "orders", "--json")
    document = json.loads(ran.err if command == "preview" else ran.out)
    assert (document["file"], document["rows_read"], document["rows_rejected"]) == ("-", 4, 1)


def test_standard_input_is_read_no_further_than_it_is_asked_for() -> None:
    stream = io.BytesIO(bytes(range(256)) * 40_000)
    read = StandardInput(stream).portions
    assert next(read(0, None))[:3] == b"\x00\x01\x02"
    assert stream.seek(0, io.SEEK_CUR) == 1024 * 1024
    assert b"".join(read(1024 * 1024 - 2, 1024 * 1024 + 2)) == b"\xfe\xff\x00\x01"
    assert b"".join(read(0, None)) == stream.getvalue()
    assert b"".join(read(len(stream.getvalue()) - 1, None)) == b"\xff"


@pytest.mark.parametrize(
    ("name", "files", "found"),
    [
        ("visits", ["a.csv"], "visits"),
        (None, ["s3://b/orders/a.csv", "s3://b/orders/b.csv"], "orders"),
        (None, ["s3://b/visits/a.csv"], "visits"),
    ],
)
def test_a_feed_is_the_one_named_or_that_of_the_keys(name: str | None, files: list[str], found: str) -> None:
    assert feed_of(parse_feeds(TWO_FEEDS), name, files)[0] == found


@pytest.mark.parametrize(
    "files", [["a.csv"], ["s3://b/orders/a.csv", "s3://b/visits/a.csv"], ["s3://b/orders/a.csv", "b.csv"], ["s3://b/x"]]
)
def test_which_of_several_feeds_is_asked_where_it_is_not_clear(files: list[str]) -> None:
    with pytest.raises(SettingsFault, match="several feeds: orders, visits"):
        feed_of(parse_feeds(TWO_FEEDS), None, files)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("S3://bucket/Key.csv", "s3://bucket/Key.csv"),
        ("C:/data/a.csv", "C:/data/a.csv"),
        ("data/a:b.csv", "data/a:b.csv"),
        ("-", "-"),
    ],
)
def test_names_of_files_are_paths_or_urls_of_s3(text: str, name: str) -> None:
    assert file_name(text) == name


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("s3a://b/k", "s3://b/k"),
        ("https://s3.eu-west-1.amazonaws.com/b/orders/k.csv?versionId=1", "s3://b/orders/k.csv"),
        ("https://b.s3.amazonaws.com/orders/k.csv", "s3://b/orders/k.csv"),
        (
            "https://eu-west-1.console.aws.amazon.com/s3/object/b?region=eu-west-1&prefix=orders/k.csv",
            "s3://b/orders/k.csv",
        ),
        ("gs://b/k", "s3://bucket/key"),
    ],
)
def test_another_url_is_refused_with_what_to_write(text: str, right: str) -> None:
    with pytest.raises(SettingsFault, match=re.escape(right)):
        file_name(text)


# --- load ---


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(aws, "session", session)
    with mock_aws():
        yield table("Orders", "id")


def test_load_writes_the_rows_and_the_rejects_and_prints_the_row_counts(
    capsys: pytest.CaptureFixture[str], orders: Any
) -> None:
    ran = Ran(capsys, "load", "a.csv", "--feed", "orders")
    assert (ran.code, ran.err) == (0, "")
    target, row_counts, rate, where, warning, *table = ran.out.splitlines()
    assert target == "Table Orders in eu-central-1, account 123456789012."
    assert row_counts == "4 rows read = 2 written + 1 rejected + 1 superseded; row counts reconcile."
    assert rate.startswith(f"{len(CSV)} bytes in ")
    assert "a.csv.rejects.jsonl has line and reason; fix and reload a.csv.rejects.csv." in where
    assert warning.startswith("1 of 4 rows (25.0%) have the key of a later row, which replaced them.")
    assert table[-1].split() == ["a", "2", "4"]
    assert orders.get_item(Key={"id": "a"})["Item"]["note"] == "y,\nz"
    (line,) = Path("a.csv.rejects.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {
        "file": "a.csv",
        "line": 6,
        "byte_offset": 35,
        "column": "n",
        "value": "?",
        "reason": "bad_number",
        "message": "not a valid number (digits with optional sign, decimal point and exponent)",
        "raw": "c,?,[bold]\n",
    }


def test_load_without_rejects_names_no_place_for_them(capsys: pytest.CaptureFixture[str], orders: Any) -> None:
    Path("a.csv").write_text("id,n\na,1\n", encoding="utf-8")
    ran = Ran(capsys, "load", "a.csv", "--feed", "orders")
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 3


def test_load_for_machines_prints_one_object(capsys: pytest.CaptureFixture[str], orders: Any) -> None:
    ran = Ran(capsys, "load", "a.csv", "--feed", "orders", "--json", "--rejects", "r.jsonl")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json["seconds"] >= 0
    assert {name: value for name, value in ran.json.items() if name != "seconds"} == {
        "file": "a.csv",
        "feed": "orders",
        "table": "Orders",
        "region": "eu-central-1",
        "account": "123456789012",
        "rows_read": 4,
        "rows_written": 2,
        "rows_rejected": 1,
        "rows_superseded": 1,
        "rows_skipped": 0,
        "bytes_read": len(CSV),
        "rejects_at": "r.jsonl",
        "duplicates": [{"key": {"id": "a"}, "replaced_line": 2, "line": 4, "byte_offset": 24}],
        "duplicates_at": "r.duplicates.jsonl",
        "warning": {
            "code": "duplicate_keys",
            "message": "1 of 4 rows (25.0%) have the key of a later row, which replaced them. Check that the feed's "
            "key is the whole key.",
        },
        "reasons": {"bad_number": 1},
        "error": None,
    }
    assert Path("r.jsonl").exists()
    (kept,) = Path("r.duplicates.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(kept) == {"file": "a.csv", **ran.json["duplicates"][0]}


def test_the_duplicates_of_an_earlier_load_are_replaced(capsys: pytest.CaptureFixture[str], orders: Any) -> None:
    Ran(capsys, "load", "a.csv", "--feed", "orders")
    assert Path("a.csv.rejects.duplicates.jsonl").exists()
    Path("a.csv").write_text("id,n\na,1\n", encoding="utf-8")
    Ran(capsys, "load", "a.csv", "--feed", "orders", "--force")
    assert not Path("a.csv.rejects.duplicates.jsonl").exists()


TOO_MANY = FEEDS.replace("[feeds.orders.columns]", "[feeds.orders.max_duplicates]\ncount = 2\n[feeds.orders.columns]")


@pytest.mark.parametrize("command", ["check", "load"])
def test_a_file_with_more_duplicates_than_the_feed_allows_exits_with_3_and_shows_the_first(
    capsys: pytest.CaptureFixture[str], orders: Any, command: str
) -> None:
    Path("feeds.toml").write_text(TOO_MANY, encoding="utf-8")
    Path("a.csv").write_text("id,n\n" + "secret,1\n" * 4, encoding="utf-8")
    ran = Ran(capsys, command, "a.csv", "--feed", "orders")
    assert ran.code == 3
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[-3:] == [["secret", "2", "3"], ["secret", "3", "4"], ["secret", "4", "5"]]
    assert ran.err.startswith(
        "ingest: 3 of the first 4 rows have the key of a later row, which replaced them: more than"
    )
    assert "secret" not in ran.err
    error = Ran(capsys, command, "a.csv", "--feed", "orders", "--json").json["error"]
    assert error["code"] == "too_many_duplicates"


def test_load_may_go_to_another_table_and_leave_no_rejects(capsys: pytest.CaptureFixture[str], orders: Any) -> None:
    other = table("Other", "id")
    Path("a.csv").write_text("id,n\na,1\n", encoding="utf-8")
    ran = Ran(capsys, "load", "a.csv", "--feed", "orders", "--table", "Other", "--json")
    assert (ran.json["table"], ran.json["rejects_at"]) == ("Other", None)
    assert (other.scan()["Count"], orders.scan()["Count"]) == (1, 0)
    assert sorted(path.name for path in Path().iterdir()) == ["a.csv", "feeds.toml"]


def test_load_replaces_no_rejects_that_are_there_before_a_row_is_written(
    capsys: pytest.CaptureFixture[str], orders: Any
) -> None:
    Path("b.csv").write_text(CSV, encoding="utf-8")
    Path("b.csv.rejects.csv").write_text("fixed by hand", encoding="utf-8")
    ran = Ran(capsys, "load", "a.csv", "b.csv", "--feed", "orders")
    assert (ran.code, ran.sentence) == (
        2,
        "b.csv.rejects.csv exists, and may have been edited; load it or move it away, or have it replaced with "
        "--force.",
    )
    assert (orders.scan()["Count"], Path("b.csv.rejects.csv").read_text(encoding="utf-8")) == (0, "fixed by hand")
    for _ in range(2):
        assert Ran(capsys, "load", "a.csv", "b.csv", "--feed", "orders", "--force").code == 0
    assert Path("b.csv.rejects.csv").read_text(encoding="utf-8") == Path("a.csv.rejects.csv").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("fault", "code", "last"),
    [
        (KeyboardInterrupt, 130, "ingest: Interrupted. Rows written so far stay in the table; load the file again to"),
        (Unavailable("DynamoDB did not answer."), 4, "ingest: DynamoDB did not answer."),
    ],
    ids=["interrupted", "fault"],
)
def test_a_load_that_does_not_end_keeps_the_rejects_it_found(
    capsys: pytest.CaptureFixture[str], orders: Any, monkeypatch: pytest.MonkeyPatch, fault: Any, code: int, last: str
) -> None:
    def interrupted(row_counts: RowCounts, *_: object) -> bool:
        raise fault

    with monkeypatch.context() as broken:
        broken.setattr(RowCounts, "exceeds", interrupted)  # it is asked after each block
        ran = Ran(capsys, "load", "a.csv", "--feed", "orders")
    assert (ran.code, ran.err.splitlines()[0]) == (code, "The rejects found so far are in a.csv.rejects.jsonl.partial.")
    assert ran.err.splitlines()[1].startswith(last)
    left = sorted(path.name for path in Path().glob("*rejects*"))
    assert left == [f"a.csv.rejects.{kind}.partial" for kind in ("csv", "duplicates.jsonl", "jsonl")]
    assert Ran(capsys, "load", "a.csv", "--feed", "orders").code == 0
    assert sorted(path.name for path in Path().glob("*rejects*")) == [
        "a.csv.rejects.csv",
        "a.csv.rejects.duplicates.jsonl",
        "a.csv.rejects.jsonl",
    ]


def test_load_reads_standard_input_among_other_files(
    capsys: pytest.CaptureFixture[str], orders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CSV.encode())))
    Path("b.csv").write_text("id,n\nx,1\n", encoding="utf-8")
    ran = Ran(capsys, "load", "a.csv", "-", "b.csv", "--feed", "orders")
    assert (ran.code, orders.scan()["Count"]) == (0, 3)
    assert sorted(path.name for path in Path().glob("*.rejects.csv")) == ["a.csv.rejects.csv", "stdin.rejects.csv"]


@pytest.mark.parametrize("key", ["a.csv", "orders/50% of 1+1 ü.csv", "a?b#c"])
def test_load_reads_from_s3(capsys: pytest.CaptureFixture[str], orders: Any, key: str) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="landing", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket="landing", Key=key, Body=CSV.encode())
    ran = Ran(capsys, "load", f"s3://landing/{key}", "--feed", "orders", "--json", "--rejects", "r.jsonl")
    assert (ran.code, ran.json["rows_written"]) == (0, 2)
    assert json.loads(Path("r.jsonl").read_text(encoding="utf-8"))["file"] == f"s3://landing/{key}"
    ran = Ran(capsys, "check", f"s3://landing/{key}x", "--feed", "orders")
    assert (ran.code, ran.sentence) == (3, f"s3://landing/{key}x does not exist; check bucket and key.")


# --- faults: one sentence, one code ---


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ("check gone.csv --feed orders", 3, "gone.csv does not exist or is not a file; name a local path or an s3://"),
        ("check . --feed orders", 3, ". is a directory; name the files in it, as *.csv."),
        (
            "check a.csv --feed order",
            2,
            "Feed 'order' does not exist (did you mean 'orders'?); feeds.toml declares: orders.",
        ),
        ("check a.csv --feed orders --feeds no.toml", 2, "no.toml does not exist; name the feeds file with --feeds"),
        ("check a.csv --feed orders --feeds a.csv", 2, "a.csv is not TOML: Expected '='"),
        ("check a.csv --feed orders --nope", 2, "No such option"),
        ("sniff a.csv b.csv", 2, "Got unexpected extra argument"),
        ("check", 2, "Missing argument 'FILE...'"),
        ("chek a.csv", 2, "No such command 'chek'"),
        ("preview a.csv --format xml", 2, "--format 'xml' is not valid; accepted are csv and jsonl."),
        ("preview a.csv --rows 0", 2, "Invalid value for '--rows'"),
        ("preview a.csv --rows many", 2, "Invalid value for '--rows'"),
        ("check s3://bucket --feed orders", 2, "s3://bucket is not the URL of an S3 object; write s3://bucket/key."),
        ("check s3:///key --feed orders", 2, "s3:///key is not an S3 URL; write s3://bucket/key."),
        ("check s3://[/key --feed orders", 2, "AWS refused the settings while looking up s3://[/key"),
    ],
)
def test_each_fault_is_one_sentence_and_its_exit_code(
    capsys: pytest.CaptureFixture[str], arguments: str, code: int, sentence: str
) -> None:
    ran = Ran(capsys, *arguments.split())
    assert ran.sentence.startswith(sentence)
    assert ran.code == code


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty: it has not even a header; write it again, with its header."),
        (b"PK\x03\x04", "This is not CSV: it begins like a ZIP archive or an Excel workbook; export it as CSV; "),
        (b"id;n\na;1\n", "The header has no column 'id', which the feed needs; it has 'id;n'."),
        (b"id,n,n\n", "The header names 'n' twice"),
        (b"\x1f\x8b\x08", "The gzip stream cannot be expanded"),
    ],
)
@pytest.mark.parametrize("command", ["preview", "check"])
def test_a_file_that_will_never_load_exits_with_3(
    capsys: pytest.CaptureFixture[str], command: str, content: bytes, sentence: str
) -> None:
    Path("a.csv").write_bytes(content)
    ran = Ran(capsys, command, "a.csv", "--feed", "orders")
    assert ran.code == 3
    assert ran.sentence.startswith(sentence)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"feeds = 1", b"[feeds.a]\nprefix = 'a'", b"[feeds.a]\nx = 1"])
def test_a_feeds_file_that_is_wrong_exits_with_2_and_is_named(
    capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    Path("feeds.toml").write_bytes(content)
    ran = Ran(capsys, "check", "a.csv", "--feed", "a")
    assert ran.code == 2
    assert ran.sentence.startswith("feeds.toml")


def test_faults_are_json_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "check", "gone.csv", "--feed", "orders", "--json")
    assert (ran.code, ran.err) == (3, "")
    assert ran.json["error"]["code"] == "file_missing"
    assert ran.json["error"]["message"].startswith("gone.csv does not exist")
    ran = Ran(capsys, "check", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (2, "bad_settings")


def test_a_missing_table_exits_with_4(capsys: pytest.CaptureFixture[str], orders: Any) -> None:
    ran = Ran(capsys, "load", "a.csv", "--feed", "orders", "--table", "Nowhere")
    assert ran.code == 4
    assert ran.err == (
        "ingest: The table Nowhere does not exist in eu-central-1, account 123456789012; name another with --table, or "
        "set region and profile.\n"
    )


def test_rejects_that_cannot_be_kept_exit_with_2(capsys: pytest.CaptureFixture[str], orders: Any) -> None:
    ran = Ran(capsys, "load", "a.csv", "--feed", "orders", "--rejects", "no/such/folder/r.jsonl")
    assert ran.code == 2
    assert ran.err.startswith("ingest: The rejects cannot be written to no/such/folder/r.jsonl")


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize("command", ["check s3://landing/a.csv --feed orders", "load a.csv --feed orders"])
def test_an_endpoint_that_cannot_be_reached_exits_with_4(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but not listening
        port = unused.getsockname()[1]
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        ran = Ran(capsys, *command.split())
    assert ran.code == 4
    assert ran.err.startswith("ingest: The endpoint could not be reached while ")
    assert f"127.0.0.1:{port}" in ran.err


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("AWS_DEFAULT_REGION", "", "No AWS region is set while preparing to write to Orders; set AWS_REGION"),
        (
            "AWS_PROFILE",
            "missing",
            "The AWS profile 'missing' does not exist; `aws configure list-profiles` shows those that do.",
        ),
        ("AWS_REGION", "no region", "'no region' is not the name of an AWS region; set AWS_REGION, as eu-central-1."),
        (
            "AWS_ENDPOINT_URL",
            "garbage",
            "AWS refused the settings while preparing to write to Orders: Invalid endpoint",
        ),
    ],
)
def test_aws_settings_that_are_wrong_exit_with_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)
    if not value:
        monkeypatch.delenv(variable)
    ran = Ran(capsys, "load", "a.csv", "--feed", "orders")
    assert ran.code == 2
    assert ran.sentence.startswith(sentence)


def test_the_region_may_be_set_as_every_other_tool_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert aws.client("s3", "looking").meta.region_name == aws.session().region_name == "eu-north-1"


def test_all_services_share_a_session_while_the_settings_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first = aws.session()
    assert aws.session() is first
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    assert aws.session().get_credentials().access_key == "another"


# --- bugs and interruptions ---


def breaking(error: BaseException) -> Source:
    def read(start: int, end: int | None) -> Iterator[bytes]:
        yield b"id,n\n"
        raise error

    return Source("f.csv", read, 5)


def test_a_bug_exits_with_70_and_asks_for_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "open_source", lambda name: breaking(ZeroDivisionError("row data")))
    ran = Ran(capsys, "check", "a.csv", "--feed", "orders")
    assert ran.code == 70
    assert ran.sentence == ("Internal error: ZeroDivisionError. Run the command with --debug and report the traceback.")
    monkeypatch.setattr(load, "open_source", lambda name: breaking(ZeroDivisionError("row data")))
    with pytest.raises(ZeroDivisionError):
        cli.run(["check", "a.csv", "--feed", "orders"], debug=True)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("check", "Interrupted."),
        ("load", "Interrupted. Rows written so far stay in the table; load the file again to finish."),
    ],
)
def test_an_interruption_exits_with_130_and_says_what_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, orders: Any, command: str, sentence: str
) -> None:
    monkeypatch.setattr(load, "open_source", lambda name: breaking(KeyboardInterrupt()))
    ran = Ran(capsys, command, "a.csv", "--feed", "orders")
    assert (ran.code, ran.err) == (130, f"ingest: {sentence}\n")


def test_debug_may_stand_anywhere_and_shows_the_fault_itself() -> None:
    run = as_a_process("--debug", "check", "gone.csv", "--feed", "orders")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("Traceback")
    assert run.stderr.splitlines()[-1].startswith("ingest.errors.FileMissing: gone.csv")


def test_the_module_is_the_command() -> None:
    run = as_a_process("check", "gone.csv", "--feed", "orders")
    assert (run.returncode, run.stdout) == (3, "")
    assert run.stderr.startswith("ingest: gone.csv does not exist")


def as_a_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ingest", *arguments]
    environment = {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


# --- help and schema ---


def test_no_command_at_all_prints_the_help_and_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ([], ["feeds"]):
        ran = Ran(capsys, *command)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith(" ".join(["Usage: ingest", *command]))
        assert "See ingest" not in ran.err


def test_the_schema_is_the_one_editors_read(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "feeds", "schema")
    assert ran.code == 0
    assert ran.json["title"] == "feeds.toml"
    assert ran.json == json.loads((ROOT / "docs" / "feeds.schema.json").read_text(encoding="utf-8"))


def preview_of(capsys: pytest.CaptureFixture[str], data: bytes, *flags: str) -> list[str]:
    Path("any.csv").write_bytes(data)
    ran = Ran(capsys, "preview", "any.csv", "--all", *flags)
    assert ran.code == 0
    return ran.out.splitlines()


@pytest.mark.parametrize(
    ("data", "flags", "lines"),
    [
        (b"a\tb\n1\t2\n", ["--delimiter", r"\t"], ["a,b", "1,2"]),
        (b"a\x01b\n1\x012\n", ["--delimiter", r"\x01"], ["a,b", "1,2"]),
        (b"a,b\n'1,2',3\n", ["--quote", "'"], ["a,b", '"1,2",3']),
        (b'a,b\n"1,2\n', ["--quote", "none"], ["a,b", '"""1",2']),
        (b"a,b\n1\\,2,3\n", ["--escape", "\\"], ["a,b", '"1,2",3']),
        ("a\nJülich\n".encode("cp1252"), ["--encoding", "cp1252"], ["a", "Jülich"]),
        (b"1,2\n3,4\n", ["--header", "none"], ["column_1,column_2", "1,2", "3,4"]),
        (b"1,2\n3,4\n", ["--columns", "x,y"], ["x,y", "1,2", "3,4"]),
        (b"1,2\n3,4\n", ["--header", "none", "--columns", "x,y"], ["x,y", "1,2", "3,4"]),
        (b"# hi\na,b\n3,4\n", ["--header", "1", "--columns", "x,y", "--comment", "#"], ["x,y", "3,4"]),
        (b"a,b\n,EUR\n3,4\n", ["--header", "2"], ["a,b EUR", "3,4"]),
        (b"hello\na\n1\n", ["--skip-lines", "1"], ["a", "1"]),
        (b"a\n1\nsum\n", ["--footer-lines", "1"], ["a", "1"]),
        (b"a,b\nNA,-\n", ["--null", "NA", "--null", "-"], ["a,b", ","]),
        (b"a,b\n1\n", ["--ragged", "pad"], ["a,b", "1,"]),
        (b"a,b\n1,2,3\n", ["--ragged", "trim"], ["a,b", "1,2"]),
        (b" a ,b\n 1 , 2\n", ["--trim"], ["a,b", "1,2"]),
        (b'a,b\n"1" x,2\n3,4\n', ["--quoting", "lenient"], ["a,b", "1 x,2", "3,4"]),
        (b'a,b\n"1" x,2\n3,4\n', ["--quoting", "strict"], ["a,b", "3,4"]),
    ],
)
def test_preview_without_a_feed_takes_the_dialect_from_flags(
    capsys: pytest.CaptureFixture[str], data: bytes, flags: list[str], lines: list[str]
) -> None:
    assert preview_of(capsys, data, *flags) == lines


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--delimiter", "ab"], "`preview.delimiter` = 'ab' is wrong"),
        (["--delimiter", '"'], "delimiter, quote and escape must differ"),
        (["--header", "first"], "accepted are none and a number"),
        (["--encoding", "klingon"], "accepted is a text encoding"),
        (["--ragged", "drop"], "accepted is 'pad', 'reject', 'trim'"),
        (["--quoting", "loose"], "accepted is 'lenient', 'strict'"),
        (["--feed", "orders", "--trim"], "--feed and --trim cannot be combined"),
    ],
)
def test_a_wrong_dialect_flag_exits_with_2_and_says_what_is_accepted(
    capsys: pytest.CaptureFixture[str], flags: list[str], sentence: str
) -> None:
    ran = Ran(capsys, "preview", "a.csv", *flags)
    assert ran.code == 2
    assert sentence in ran.err


# --- a table of other keys, and files of nothing but rejects ---


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A table `Orders` of another key, and `Right` of the feed's."""
    monkeypatch.setattr(aws, "session", session)
    with mock_aws():
        table("Right", "id")
        yield table("Orders", "order_id", "day")


DIFFERS = (
    "Nothing can be written to table Orders: the key of the table is order_id (S) + day (S), that of the feed id (S): "
    "change the feed's keys."
)


def test_load_into_a_table_of_other_keys_writes_nothing_and_exits_with_2(
    capsys: pytest.CaptureFixture[str], wrong: Any
) -> None:
    Path("a.rejects.jsonl").write_text("of a load before", encoding="utf-8")
    ran = Ran(capsys, "load", "a.csv", "--rejects", "a.rejects.jsonl", "--force")
    assert (ran.code, ran.err) == (2, f"ingest: {DIFFERS}\n")
    assert wrong.scan()["Items"] == []
    assert Path("a.rejects.jsonl").read_text(encoding="utf-8") == "of a load before"
    Path("b.csv").write_text(CSV, encoding="utf-8")
    of_several = Ran(capsys, "load", "a.csv", "b.csv", "--json")
    assert (of_several.code, of_several.json["error"]["code"]) == (2, "table_keys_differ")  # said once
    assert Ran(capsys, "load", "a.csv", "--table", "Right").code == 0


@pytest.mark.parametrize("command", ["check", "plan"])
def test_check_and_plan_compare_the_table_that_is_asked_for(
    capsys: pytest.CaptureFixture[str], wrong: Any, command: str
) -> None:
    for options in (["--aws"], ["--table", "Orders"], ["--table", "Orders", "--aws"]):
        ran = Ran(capsys, command, "a.csv", *options)
        assert (ran.code, ran.sentence) == (2, DIFFERS)
    as_it_should_be = Ran(capsys, command, "a.csv")
    right = Ran(capsys, command, "a.csv", "--table", "Right")
    assert right.code == as_it_should_be.code < 2
    assert right.out.splitlines()[-1] == as_it_should_be.out.splitlines()[-1]
    assert Ran(capsys, command, "a.csv", "--table", "None").sentence == (
        "Table None does not exist; create it, or change the feed's table."
    )


def test_a_table_that_may_not_be_looked_at_is_warned_of_and_loaded_into(
    capsys: pytest.CaptureFixture[str], orders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: WriterFactory, feed: Feed, *, table: str | None = None) -> Any:
        error = ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeTable")
        raise AccessDenied("AWS answered AccessDeniedException.") from error

    monkeypatch.setattr(WriterFactory, "describe", denied)
    ran = Ran(capsys, "load", "a.csv", "--rejects", "r.jsonl")
    assert (ran.code, len(orders.scan()["Items"])) == (0, 2)
    assert ran.err == (
        "ingest: The keys of table Orders were not compared with those of its feed. AWS answered "
        "AccessDeniedException.\n"
    )


ALL_BAD = "id,n\n" + "a,?\n" * 8 + ",1\n" * 4


def test_load_of_nothing_but_rejects_has_an_exit_code_of_its_own_and_prints_the_reasons(
    capsys: pytest.CaptureFixture[str], orders: Any
) -> None:
    Path("a.csv").write_text(ALL_BAD, encoding="utf-8")
    ran = Ran(capsys, "load", "a.csv", "--rejects", "r.jsonl")
    assert (ran.code, orders.scan()["Items"]) == (5, [])
    assert "12 rows read = 0 written + 12 rejected + 0 superseded; row counts reconcile." in ran.out
    assert "rejected: 8 bad_number, 4 empty_key" in ran.out
    assert len(Path("r.jsonl").read_text(encoding="utf-8").splitlines()) == 12
    assert ran.err.startswith("ingest: All 12 rows were rejected, and nothing was written:")
    of_machines = Ran(capsys, "load", "a.csv", "--rejects", "r.jsonl", "--force", "--json")
    assert (of_machines.code, of_machines.err) == (5, "")
    assert of_machines.json["reasons"] == {"bad_number": 8, "empty_key": 4}
    assert of_machines.json["error"]["code"] == "all_rows_rejected"


def test_check_of_nothing_but_rejects_says_that_the_file_would_fail(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text(ALL_BAD, encoding="utf-8")
    ran = Ran(capsys, "check", "a.csv")
    assert ran.code == 5
    assert "rejected: 8 bad_number, 4 empty_key" in ran.out
    assert ran.err.startswith("ingest: All 12 rows were rejected")
    of_machines = Ran(capsys, "check", "a.csv", "--json")
    assert (of_machines.code, of_machines.json["error"]["code"]) == (5, "all_rows_rejected")
    assert of_machines.json["rows_rejected"] == 12


def test_check_of_a_large_file_of_nothing_but_rejects_reads_its_first_block_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("a.csv").write_text("id,n\n" + f"{'a' * 1000},?\n" * 20_000, encoding="utf-8")
    ran = Ran(capsys, "check", "a.csv", "--json")
    assert 1000 <= ran.json["rows_read"] < 10_000
    assert ran.json["error"]["message"].startswith("All of the first ")


def test_of_several_files_one_of_nothing_but_rejects_does_not_keep_the_others_from_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("b.csv").write_text(ALL_BAD, encoding="utf-8")
    ran = Ran(capsys, "check", "b.csv", "a.csv")
    assert (ran.code, ran.err[:27]) == (5, "ingest: b.csv: All 12 rows ")
    assert "a.csv: 4 rows read" in ran.out


def test_preview_and_plan_of_nothing_but_rejects_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text(ALL_BAD, encoding="utf-8")
    preview = Ran(capsys, "preview", "a.csv", "--feed", "orders")
    assert (preview.code, preview.err.splitlines()[-1][:29]) == (0, "ingest: All 12 rows were reje")
    warned = {
        warning["code"]: warning["message"] for warning in Ran(capsys, "plan", "a.csv", "--json").json["warnings"]
    }
    assert warned["would_fail"].startswith("All rows that were read are rejected")
