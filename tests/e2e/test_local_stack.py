"""The deployed template in the local stack: what is dropped in S3 is in DynamoDB, in the rejects, or reported."""

import csv
import gzip
import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingest.contract import METRIC_NAMESPACE, Metric, Output

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]

ROOT = Path(__file__).parents[2]
METRICS = set(Metric)
HEADER = "order_id,customer_id,quantity,unit_price,gift\n"


def orders(customer: str, count: int = 3) -> bytes:
    return (HEADER + "".join(f"O-{n},{customer},{n + 1},2.50,yes\n" for n in range(count))).encode()


def of_customer(stack: Any, customer: str) -> list[dict[str, Any]]:
    return [item for item in stack.items("Orders") if item["customer_id"] == customer]


def counts(entry: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(entry[f"rows_{what}"]) for what in ("read", "written", "rejected", "superseded"))


@pytest.mark.any_writer
def test_a_good_file_lands_in_the_table_and_its_row_counts_balance(stack: Any) -> None:
    stack.drop("orders/good.csv", orders("good"))
    entry = stack.final_entry("orders/good.csv")
    assert (entry["status"], counts(entry), entry["attempts"]) == ("COMPLETE", (3, 3, 0, 0), 1)
    assert entry["bytes_read"] == len(orders("good"))
    assert "rejects" not in entry
    assert sorted(of_customer(stack, "good"), key=lambda item: item["order_id"])[0] == {
        "order_id": "O-0",
        "customer_id": "good",
        "quantity": Decimal(1),
        "unit_price": Decimal("2.5"),
        "gift": True,
    }


def test_tables_and_ledger_are_in_the_dynamodb_asked_for(stack: Any, pytestconfig: pytest.Config) -> None:
    """What other tests find there, the function has written there: `--dynamodb local` is Amazon's own emulator."""
    is_local = pytestconfig.getoption("dynamodb") == "local"
    for table in ("Orders", stack.stack.outputs[Output.LEDGER_TABLE]):
        found = stack.stack.client("dynamodb").describe_table(TableName=table)["Table"]
        assert (":ddblocal:" in found["TableArn"]) == is_local


@pytest.mark.any_writer
def test_the_sample_lands_but_for_its_bad_rows_which_say_why(stack: Any) -> None:
    stack.drop("orders/sample.csv", (ROOT / "sample_data.csv").read_bytes())
    entry = stack.final_entry("orders/sample.csv")
    assert (entry["status"], counts(entry)) == ("COMPLETE", (500, 495, 4, 1))
    rejects = stack.rejects(entry["rejects"])
    assert Counter(reject["reason"] for reject in rejects) == dict.fromkeys(
        ["bad_number", "empty_key", "ragged_row", "bad_boolean"], 1
    )
    file = (ROOT / "sample_data.csv").read_bytes()
    for reject in rejects:
        raw = reject["raw"].encode()
        assert file[reject["byte_offset"] :].startswith(raw)
        assert file[: reject["byte_offset"]].count(b"\n") + 1 == reject["line"]
    assert_table_holds_the_last_good_row_of_each_key(stack, {reject["raw"] for reject in rejects})


def assert_table_holds_the_last_good_row_of_each_key(stack: Any, bad: set[str]) -> None:
    """The known outcome by Python's csv module, row by row."""
    expected: dict[tuple[str, str], dict[str, str]] = {}
    bad_ids = {raw.split(",")[0] for raw in bad}
    with (ROOT / "sample_data.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["order_id"] not in bad_ids:
                expected[row["customer_id"], row["order_id"]] = row
    found = {
        (i["customer_id"], i["order_id"]): i
        for i in stack.items("Orders")
        if re.fullmatch(r"O-700\d{3}", i["order_id"])
    }
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        item = found[key]
        assert item.get("note", "") == row["note"]
        assert item["product"] == row["product"]
        assert item["unit_price"] == Decimal(row["unit_price"])
        assert item.get("gift", "") == {"true": True, "false": False, "": ""}[row["gift"]]


def test_the_csv_of_rejects_fixed_and_dropped_again_loads_exactly_the_missing_rows(stack: Any) -> None:
    text = "made by: meter v2\n-\nb1;1;Köln;1.5\nb1;x;Düren;2\nb1;3;Bonn;zwei\nb1;4;Jülich;4\n"
    stack.drop("readings/to-fix", text.encode("cp1252"))
    entry = stack.final_entry("readings/to-fix")
    assert counts(entry) == (4, 2, 2, 0)
    rejected = stack.rejects_csv(entry["rejects"])
    assert rejected == "made by: meter v2\n-\nb1;x;Düren;2\nb1;3;Bonn;zwei\n".encode("cp1252")
    stack.drop("readings/fixed", rejected.replace(b";x;", b";2;").replace(b"zwei", b"2"))
    assert counts(stack.final_entry("readings/fixed")) == (2, 2, 0, 0)
    found = sorted((item["at"], item["place"]) for item in stack.items("Readings") if item["pk"] == "SENSOR#b1")
    assert found == [(1, "Köln"), (2, "Düren"), (3, "Bonn"), (4, "Jülich")]


def test_every_setting_of_the_dialect_holds_on_the_way_through(stack: Any) -> None:
    text = (
        "made by: meter v2\nsecond line of preamble\na1;1;Köln;1,5\n".replace(",", ".")
        + "a1;2;'Gasse 3;\nHof';n/a;''\n"
        + "a2;3;it\\;s\\t\\N;-7E2;°C\n"
    )
    stack.drop("readings/export", gzip.compress(text.encode("cp1252")))
    entry = stack.final_entry("readings/export")
    assert (entry["status"], counts(entry)) == ("COMPLETE", (3, 3, 0, 0))
    found = [item for item in stack.items("Readings") if item["pk"].startswith("SENSOR#a")]
    assert sorted(found, key=lambda item: item["at"]) == [
        {"pk": "SENSOR#a1", "at": 1, "place": "Köln", "reading": Decimal("1.5"), "unit": ""},
        {"pk": "SENSOR#a1", "at": 2, "place": "Gasse 3;\nHof", "reading": None, "unit": ""},
        {"pk": "SENSOR#a2", "at": 3, "place": "it;s\tN", "reading": Decimal(-700), "unit": "°C"},
    ]


@pytest.mark.any_writer
def test_every_type_arrives_as_dynamodb_knows_it(stack: Any) -> None:
    lines = (
        "# exported by catalog 3\n"
        " sku \tprice\timage\tchecksum\ttags\tsizes\tparts\textra\tactive\tstock\n"
        "\tEUR\n"
        'A1\t 1.234,50 \tAAH/\tdeadbeef\tred|blue\t1;2;2,0\t"[1, ""x""]"\t"{""w"": 0.5, ""n"": null}"\tJA\t\n'
        'A2\t(7)\t\t\t\t1;2\t"[1, [2]]"\t{}\t\t12\n'
        '# "unbalanced\n'
        "sku\tprice\timage\tchecksum\ttags\tsizes\tparts\textra\tactive\tstock\n"
        "\tEUR\n"
        "A3\tx\t\t\t\t\t\t\t\t\n"
        "3 articles\n"
    )
    stack.drop("catalog/all types.tsv", lines.replace("2,0", "2.0").encode())
    entry = stack.final_entry("catalog/all types.tsv")
    assert (entry["status"], counts(entry)) == ("COMPLETE", (3, 2, 1, 0))
    assert sorted(stack.items("Catalog"), key=lambda item: item["sku"]) == [
        {
            "sku": "A1",
            "price": Decimal("1234.5"),
            "image": b"\0\1\xff",
            "checksum": b"\xde\xad\xbe\xef",
            "tags": {"red", "blue"},
            "sizes": {1, 2},
            "parts": [1, "x"],
            "extra": {"w": Decimal("0.5"), "n": None},
            "active": True,
            "stock": 0,
            "kind": "article",
            "by_price": "PRICE#1.234,50",
        },
        {"sku": "A2", "price": -7, "sizes": {1, 2}, "parts": [1, [2]], "extra": {}, "active": False, "stock": 12}
        | {"kind": "article", "by_price": "PRICE#(7)"},
    ]


def exhibit(*cells: str) -> str:
    return "\x14".join(f"þ{cell}þ" for cell in cells) + "\u2028"


EXHIBITS = exhibit("doc", "custodian", "pages", "sent", "day", "junk")


@pytest.mark.any_writer
def test_times_expiry_lineage_and_indexes_arrive_from_a_file_in_utf16_with_foreign_marks(stack: Any) -> None:
    lines = [
        EXHIBITS,
        exhibit("D1", "Müller", "3", "22.11.2026 17:01", "1795366862000", "x"),
        exhibit("D2", "", "1", "2026-11-22T17:01:00.250Z", "", "line\r\nbreak þþ"),
        exhibit("D3", "Weiß", "1", "22.11.26", "", ""),
        exhibit("D4", "x" * 3000, "1", "", "", ""),
        exhibit("D5", "Ağa", "", "", "", ""),
        exhibit("D6", "Ağa", "1", "", "", ""),
    ]
    stack.drop("exhibits/production 1.dat", gzip.compress("".join(lines).encode("utf-16")))
    entry = stack.final_entry("exhibits/production 1.dat")
    assert (entry["status"], counts(entry)) == ("COMPLETE", (6, 3, 3, 0))
    source = f"s3://{stack.bucket}/exhibits/production 1.dat"
    common = {"matter": 4711, "source": source}
    sent = {"sent": "2026-11-22T16:01:00.000Z", "expires": 1795363260 + 864000}
    assert sorted(stack.items("Exhibits"), key=lambda item: item["doc"]) == [
        {"doc": "D1", "custodian": "Müller", "pages": 3, "day": 1795366862, "source_line": 2} | sent | common,
        {"doc": "D2", "pages": 1, "source_line": 3, "sent": "2026-11-22T17:01:00.250Z"}
        | {"expires": 1795366860 + 864000}
        | common,
        {"doc": "D6", "custodian": "Ağa", "pages": 1, "source_line": 7} | common,
    ]
    rejects = stack.rejects(entry["rejects"])
    assert [(reject["line"], reject["reason"], reject["column"]) for reject in rejects] == [
        (4, "bad_timestamp", "sent"),
        (5, "record_too_long", None),
        (6, "missing_value", "pages"),
    ]
    expanded = "".join(lines).encode("utf-16")
    for reject, line in zip(rejects, lines[3:6], strict=True):
        assert expanded[reject["byte_offset"] :].startswith(line.encode("utf-16-le")), reject
        assert line.startswith(reject["raw"]) or line == reject["raw"]
    assert stack.rejects_csv(entry["rejects"]) == (EXHIBITS + lines[3] + lines[5]).encode("utf-16")


def test_the_table_has_the_feeds_index(stack: Any) -> None:
    (index,) = stack.stack.client("dynamodb").describe_table(TableName="Exhibits")["Table"]["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "by_custodian"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["custodian", "sent"]


BOMB = b"v1,1\n" + b"x" * 70_000_000


@pytest.mark.parametrize(
    ("key", "data", "code"),
    [
        ("exhibits/bomb.dat", gzip.compress((EXHIBITS * 2000).encode("utf-16")), "bomb"),
        ("exhibits/plain.dat", EXHIBITS.encode("utf-16"), "bad_compression"),
        ("exhibits/cut.dat", gzip.compress(EXHIBITS.encode("utf-16"))[:-5], "bad_compression"),
        ("visits/bomb.gz", gzip.compress(BOMB, 1), "bomb"),
        ("visits/bad.csv", b"v2,1\n" * 30 + b"v2,x\n" * 30, "too_many_rejects"),
        ("visits/twice.csv", b"v3,1\n" * 45, "too_many_duplicates"),
        ("visits/book.xlsx", b"PK\x03\x04rest of a workbook", "not_csv"),
        ("catalog/colour.tsv", b"sku\tcolour\n\t\nA9\tred\n1 article\n", "bad_header"),
        (
            "orders/cp1252.csv",
            (HEADER + "".join(f"Ö-{n},ümlaut,1,1,no\n" for n in range(40))).encode("cp1252"),
            "not_csv",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" in value else "",
)
def test_a_file_that_cannot_be_what_the_feed_says_fails_with_a_sentence(
    stack: Any, key: str, data: bytes, code: str
) -> None:
    stack.drop(key, data)
    entry = stack.final_entry(key)
    assert (entry["status"], entry["error"]["code"]) == ("FAILED", code)
    assert entry["error"]["message"].endswith(".")


def test_long_records_are_cut_to_size_where_the_feed_says_so(stack: Any) -> None:
    stack.drop("visits/long.csv", b"t1,1,extra,more\nt2,2\nt3\n")
    assert counts(stack.final_entry("visits/long.csv")) == (3, 2, 1, 0)
    assert {(item["visitor"], int(item["count"])) for item in stack.items("Visits")} >= {("t1", 1), ("t2", 2)}


@pytest.mark.parametrize("name", ["with space.csv", "a+b.csv", "100%.csv", "ünï/çödé.csv", "a%2Bb c+d.csv"])
def test_a_key_is_read_under_the_name_it_was_dropped_with(stack: Any, name: str) -> None:
    stack.drop(f"orders/{name}", orders(name))
    assert stack.final_entry(f"orders/{name}")["status"] == "COMPLETE"
    assert len(of_customer(stack, name)) == 3


@pytest.mark.any_writer
def test_an_object_under_no_feeds_prefix_is_failed_and_not_tried_again(stack: Any) -> None:
    stack.drop("elsewhere/a.csv", orders("elsewhere"))
    entry = stack.final_entry("elsewhere/a.csv")
    assert (entry["status"], entry["error"]["code"], entry["attempts"]) == ("FAILED", "no_feed", 1)
    assert "elsewhere/a.csv" in entry["error"]["message"]
    stack.wait_until_quiet()


def test_an_empty_file_is_failed_with_a_sentence(stack: Any) -> None:
    stack.drop("orders/empty.csv", b"")
    entry = stack.final_entry("orders/empty.csv")
    assert (entry["status"], entry["error"]["code"]) == ("FAILED", "empty_file")


def test_a_file_with_a_header_only_is_complete_without_rows(stack: Any) -> None:
    stack.drop("orders/header.csv", HEADER.strip().encode())
    entry = stack.final_entry("orders/header.csv")
    assert (entry["status"], counts(entry)) == ("COMPLETE", (0, 0, 0, 0))


def test_a_wrong_header_fails_the_file_before_any_row(stack: Any) -> None:
    stack.drop("orders/wrong.csv", b"order_id;customer_id;quantity;unit_price;gift\nO-1;wrong;1;2;no\n")
    entry = stack.final_entry("orders/wrong.csv")
    assert (entry["status"], entry["error"]["code"], counts(entry)) == ("FAILED", "bad_header", (0, 0, 0, 0))
    assert of_customer(stack, "wrong") == []


def test_the_test_event_of_s3_is_done_with(stack: Any) -> None:
    stack.send(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": stack.bucket}))
    stack.wait_until_quiet()
    assert stack.depth(stack.dead_letter_url) == 0


def test_an_unknown_message_goes_to_the_dead_letters_with_its_reason(stack: Any) -> None:
    stack.send('{"hello": "world"}')
    letter = stack.wait_for_dead_letter("hello")
    assert letter["MessageAttributes"]["code"]["StringValue"] == "unknown_message"
    assert "hello" in letter["MessageAttributes"]["reason"]["StringValue"]
    stack.wait_until_quiet()


def test_one_failing_message_of_a_batch_comes_back_alone_and_ends_in_the_dead_letters(stack: Any) -> None:
    with stack.function_off():
        stack.drop("orders/before.csv", orders("before"))
        stack.drop("orphans/lost.csv", orders("lost"))
        stack.drop("orders/after.csv", orders("after"))
    letter = stack.wait_for_dead_letter("orphans/lost.csv")
    assert json.loads(letter["Body"])["Records"][0]["s3"]["object"]["key"] == "orphans/lost.csv"
    for name in ("before", "after"):
        assert stack.final_entry(f"orders/{name}.csv")["attempts"] == 1
        assert len(of_customer(stack, name)) == 3
    (lost,) = stack.entries("orphans/lost.csv")
    assert (lost["status"], lost["error"]["code"], lost["attempts"]) == ("WAITING", "table_missing", 3)
    stack.wait_until_quiet()
    assert stack.depth(stack.dead_letter_url) == 0


def test_the_same_notification_twice_loads_the_file_once(stack: Any) -> None:
    etag = stack.drop("orders/twice.csv", orders("twice"))
    before = stack.final_entry("orders/twice.csv")
    sequencer = before["file"]["sequencer"]
    size = len(orders("twice"))
    twice = [stack.notification("orders/twice.csv", sequencer=sequencer, etag=etag, size=size)] * 2
    stack.send(*twice)
    stack.wait_until_quiet()
    assert stack.entries("orders/twice.csv") == [before]


def test_an_older_notification_is_stale(stack: Any) -> None:
    etag = stack.drop("orders/stale.csv", orders("stale"))
    before = stack.final_entry("orders/stale.csv")
    stack.send(stack.notification("orders/stale.csv", sequencer="00", etag=etag, size=len(orders("stale"))))
    stack.wait_until_quiet()
    assert stack.entries("orders/stale.csv") == [before]


def test_by_products_beside_good_files_are_ignored_and_nothing_is_said_to_have_failed(stack: Any, feeds: Path) -> None:
    by_products = [
        "exports/_SUCCESS",
        "exports/.part.crc",
        "exports/drafts/a.csv",
        "exports/notes.txt",
        "exports/2026/",
    ]
    loaded = ["exports/part.csv", "exports/old/2026/11/part.txt"]
    for key in (*by_products, *loaded):
        stack.drop(key, b"" if key.endswith(("/", "_SUCCESS")) else f"id\n{key}\n".encode())
    ignored = [stack.final_entry(key) for key in by_products]
    assert [entry["status"] for entry in ignored] == ["IGNORED"] * len(by_products)
    assert all("attempts" not in entry and entry["feed"] == "exports" for entry in ignored)
    assert [stack.final_entry(key)["status"] for key in loaded] == ["COMPLETE"] * 2
    assert sorted(item["id"] for item in stack.items("Exports")) == sorted(loaded)
    emitted = [json.loads(line) for line in stack.log_lines() if '"Feed":"exports"' in line]
    names = {name for line in emitted for name in line if name.startswith("Files")}
    assert names == {Metric.FILES_IGNORED, Metric.FILES_COMPLETED}
    found = stack.ingest_json("status", "--feed", "exports", "--feeds", str(feeds))["files"]
    assert Counter(file["status"] for file in found) == {"IGNORED": len(by_products), "COMPLETE": len(loaded)}


@pytest.mark.any_writer
def test_an_object_that_is_gone_before_it_is_read_is_superseded(stack: Any) -> None:
    with stack.function_off():
        stack.drop("orders/gone.csv", orders("gone"))
        stack.delete("orders/gone.csv")
    assert stack.final_entry("orders/gone.csv")["status"] == "SUPERSEDED"
    stack.wait_until_quiet()


def test_of_two_versions_dropped_in_a_row_the_later_one_stays(stack: Any) -> None:
    with stack.function_off():
        stack.drop("orders/again.csv", orders("again", 2))
        stack.drop("orders/again.csv", orders("again", 5))
    stack.wait_until_quiet()
    *older, newest = stack.entries("orders/again.csv")
    assert (newest["status"], counts(newest)) == ("COMPLETE", (5, 5, 0, 0))
    assert all(entry["status"] == "SUPERSEDED" for entry in older)
    assert len(of_customer(stack, "again")) == 5


@pytest.mark.any_writer
def test_the_log_reports_counts_by_stack_and_feed_and_never_a_row(stack: Any) -> None:
    stack.drop("orders/logged.csv", (ROOT / "sample_data.csv").read_bytes())
    stack.final_entry("orders/logged.csv")
    lines = stack.wait_for(lambda: next((ls for ls in [stack.log_lines()] if "orders/logged.csv" in str(ls)), None))
    emf = [json.loads(line) for line in lines if line.startswith('{"_aws"')]
    assert any(document["Feed"] == "orders" and document.get(Metric.ROWS_REJECTED) == 4 for document in emf)
    for document in emf:
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        assert (directive["Namespace"], directive["Dimensions"]) == (METRIC_NAMESPACE, [["Stack"], ["Stack", "Feed"]])
        assert {metric["Name"] for metric in directive["Metrics"]} <= METRICS
    assert not any(word in line for line in lines for word in ("Müller", "M\\u00fcller", "Espresso", "maybe"))


@pytest.mark.any_writer
def test_the_command_line_loads_from_s3_without_the_queue(stack: Any, feeds: Path, tmp_path: Path) -> None:
    stack.drop("elsewhere/by-hand.csv", orders("by hand", 7) + b"O-8,by hand,x,1,no\n")
    command = [sys.executable, "-m", "ingest", "load", f"s3://{stack.bucket}/elsewhere/by-hand.csv", "--json"]
    command += ["--feed", "orders", "--feeds", str(feeds), "--rejects", str(tmp_path / "rejects.jsonl")]
    done = subprocess.run(
        command, env={**os.environ, **stack.stack.environment()}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document.pop("seconds") > 0
    assert document == {
        "file": f"s3://{stack.bucket}/elsewhere/by-hand.csv",
        "feed": "orders",
        "table": document["table"],
        "region": "us-east-1",
        "account": "000000000000",
        "rows_read": 8,
        "rows_written": 7,
        "rows_rejected": 1,
        "rows_superseded": 0,
        "rows_skipped": 0,
        "bytes_read": len(orders("by hand", 7)) + 19,
        "rejects_at": str(tmp_path / "rejects.jsonl"),
        "duplicates": [],
        "duplicates_at": None,
        "warning": None,
        "reasons": {"bad_number": 1},
        "error": None,
    }
    assert len(of_customer(stack, "by hand")) == 7
    assert json.loads((tmp_path / "rejects.jsonl").read_text())["reason"] == "bad_number"


@pytest.mark.any_writer
def test_the_writer_is_the_one_asked_for_as_only_boto3s_cannot_send_a_number_this_small(
    stack: Any, pytestconfig: pytest.Config
) -> None:
    """DynamoDB takes it; boto3 would have to round it, so the reference writer refuses its row."""
    stack.drop("visits/tiny.csv", b"tiny,1.2222222222222222222222222222222222222E-130\nlarge,1\n")
    entry = stack.final_entry("visits/tiny.csv")
    is_refused = pytestconfig.getoption("writer") == "boto3"
    assert stack.delete_item("Visits", {"visitor": {"S": "tiny"}}) is not is_refused
    assert counts(entry) == ((2, 1, 1, 0) if is_refused else (2, 2, 0, 0))
    if is_refused:
        (reject,) = stack.rejects(entry["rejects"])
        assert (reject["reason"], "boto3" in reject["message"]) == ("refused_by_dynamodb", True)


@pytest.mark.any_writer
def test_a_hundred_files_at_once_lose_no_row(stack: Any) -> None:
    expected: set[str] = set()
    for number in range(120):
        expected |= drop_orders(stack, number)
    stack.wait_until_quiet(patience_s=600)  # four seconds on an idle machine
    found = {item["order_id"] for item in stack.items("Orders") if item["customer_id"].startswith("burst")}
    assert found == expected
    assert stack.dead_letters("orders/burst/") == []


def drop_orders(stack: Any, number: int) -> set[str]:
    """Drop a file of 2 to 20 rows and return its order ids."""
    text = io.StringIO()
    text.write(HEADER.strip() + ",note\n")
    ids = [f"B{number}-{n}" for n in range(2 + number % 19)]
    for order_id in ids:
        text.write(f"{order_id},burst{number % 7},1,2,no,{'x' * 480}\n")
    stack.drop(f"orders/burst/{number}.csv", text.getvalue().encode())
    return set(ids)
