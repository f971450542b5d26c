"""`ingest sniff`: each file gets a section under which `ingest check` finds only the rejects the file deserves."""

import bz2
import codecs
import gzip
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.cli import main as cli
from ingest.cli.feeds import _try
from ingest.feeds.parse import parse_feeds
from ingest.sniff.proposal import propose
from ingest.sniff.sample import SAMPLE_BYTES, take_sample
from ingest.sniff.toml import remarks_on, to_toml
from tests.support.clients import client, mock_aws
from tests.support.sniffed import Sniffed, sniffed, written

SAMPLE = Path(__file__).parent.parent.parent / "sample_data.csv"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def fault(capsys: pytest.CaptureFixture[str], data: bytes) -> tuple[int, str]:
    Path("any.csv").write_bytes(data)
    code = cli.run(["sniff", "any.csv"])
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    return code, line


# --- the sample, and where it comes from ---


def test_the_sample_of_this_repository_is_rejected_only_where_it_is_damaged(capsys: pytest.CaptureFixture[str]) -> None:
    found = Sniffed(capsys, SAMPLE.read_bytes(), name="sample_data.csv")
    assert (found.feed_name, found.feed.prefix, found.feed.table) == ("sample_data", "sample_data/", "SampleData")
    assert found.feed.csv.delimiter == ","
    assert (found.feed.partition_key, found.feed.sort_key) == ("order_id", None)
    assert found.types == {"quantity": "N", "unit_price": "N", "gift": "BOOL"}
    assert found.reasons == {"ragged_row": 1, "bad_number": 1, "bad_boolean": 1}
    assert found.found["rows_superseded"] == 1


def test_remarks_say_on_what_the_proposal_rests_and_quote_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    toml = Sniffed(capsys, SAMPLE.read_bytes(), name="sample_data.csv").toml
    assert "# From all 500 rows of sample_data.csv. Look at keys and types before you trust them." in toml
    assert (
        "# Tested on these rows: 496 would be written, 3 rejected (1 bad_boolean, 1 bad_number, 1 ragged_row)" in toml
    )
    assert '# 1 of 499 values cannot be read as a number and will be rejected.\nquantity = "N"' in toml
    assert "O-700" not in toml


def test_a_file_of_any_size_is_judged_by_its_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    line = b"%d,name,1.50\n"
    data = b"id,name,price\n" + b"".join(line % n for n in range(600_000)) + b'damaged,"far behind\n'
    assert len(data) > 2 * SAMPLE_BYTES
    Path("big.csv").write_bytes(data)
    read: list[int] = []

    def portions() -> Any:
        for at in range(0, len(data), 1 << 20):
            read.append(at)
            yield data[at : at + (1 << 20)]

    sample = take_sample(portions())
    assert not sample.is_whole
    assert len(read) <= SAMPLE_BYTES // (1 << 20) + 1
    assert cli.run(["sniff", "big.csv"]) == 0
    toml = capsys.readouterr().out
    assert "# From the first " in toml
    assert 'partition_key = "id"' in toml
    assert "none rejected" in toml


def test_an_object_in_s3_is_sniffed_like_a_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with mock_aws():
        s3 = client("s3")
        s3.create_bucket(Bucket="drop", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        s3.put_object(Bucket="drop", Key="in/Orders-2026.csv", Body=b"id,n\na,1\nb,2\n")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        assert cli.run(["sniff", "s3://drop/in/Orders-2026.csv"]) == 0
    out = capsys.readouterr().out
    assert "[feeds.orders_2026]" in out
    assert "rows of Orders-2026.csv" in out


def test_the_name_may_be_given_and_be_any_that_a_feed_may_have(capsys: pytest.CaptureFixture[str]) -> None:
    found = sniffed(capsys, "id,n\na,1\n", "--name", 'Grosse "x"')
    assert (found.feed_name, found.feed.table) == ('Grosse "x"', "GrosseX")
    for name in ("", " ", "-", "Größe", "a\tb", "x" * 121):
        assert cli.run(["sniff", "any.csv", "--name", name]) == 2
        assert capsys.readouterr().err.startswith("ingest: --name ")


def test_a_file_with_a_long_name_gets_names_that_aws_takes(capsys: pytest.CaptureFixture[str]) -> None:
    name = "x" * 250
    Path(f"{name}.csv").write_text("id,n\na,1\nb,2\n", encoding="utf-8")
    assert cli.run(["sniff", f"{name}.csv"]) == 0
    assert list(parse_feeds(capsys.readouterr().out).feeds) == ["x" * 120]


def test_for_machines_there_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    Path("any.csv").write_bytes(b"id,n\na,1\nb,2,3\n")
    assert cli.run(["sniff", "any.csv", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["feed"], document["rows_read"], document["rows_rejected"]) == ("any", 2, 1)
    assert document["reasons"] == {"ragged_row": 1}
    assert parse_feeds(document["toml"]).feeds["any"].partition_key == "id"


# --- dialects ---


def test_a_german_spreadsheet(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [["Artikel-Nr", "Bezeichnung", "Preis", "Aktiv", "Bemerkung"]]
    rows += [
        [f"{n:05}", f"Tür {n}", f"{n + 1}.{n:03},5{n % 10}", "ja" if n % 2 else "nein", f"groß;\nblau {n}"]
        for n in range(1, 80)
    ]
    found = sniffed(capsys, written(rows, delimiter=";"), encoding="cp1252")
    assert (found.feed.csv.delimiter, found.feed.csv.encoding) == (";", "cp1252")
    assert (found.feed.csv.decimal, found.feed.csv.thousands) == (",", ".")
    assert found.feed.partition_key == "Artikel-Nr"
    assert found.types == {"Preis": "N", "Aktiv": "BOOL"}
    assert (found.rows, found.reasons) == (79, {})
    assert found.items[0]["Preis"] == {"N": "2001.51"}
    assert found.items[0]["Aktiv"] == {"BOOL": True}
    assert found.items[0]["Artikel-Nr"] == {"S": "00001"}
    assert found.items[0]["Bemerkung"]["S"].startswith("groß;\n")


def test_a_tsv_without_header(capsys: pytest.CaptureFixture[str]) -> None:
    found = sniffed(capsys, "".join(f"C{n}\tCity, {n}\t{n}.5\t2026-01-02\n" for n in range(100)))
    assert (found.feed.csv.delimiter, found.feed.csv.header) == ("\t", "none")
    assert found.types == {"column_3": "N"}
    assert found.feed.partition_key == "column_1"
    assert (found.rows, found.reasons) == (100, {})


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_a_compressed_file_needs_no_word_about_it(capsys: pytest.CaptureFixture[str], compress: Any) -> None:
    found = Sniffed(capsys, compress(b"id|n\na|1\nb|2\n"), name="Big File.csv.gz")
    assert (found.feed_name, found.feed.csv.delimiter, found.types) == ("big_file", "|", {"n": "N"})
    assert (found.rows, found.reasons) == (2, {})
    assert "compression" not in found.toml


@pytest.mark.parametrize(
    ("encoding", "mark", "reported"),
    [
        ("utf-8", codecs.BOM_UTF8, "utf-8"),
        ("utf-16-le", codecs.BOM_UTF16_LE, "utf-16"),
        ("utf-16-be", codecs.BOM_UTF16_BE, "utf-16"),
        ("utf-32-le", codecs.BOM_UTF32_LE, "utf-32"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", b"", "utf-16-be"),
        ("cp1252", b"", "cp1252"),
        ("utf-8", b"", "utf-8"),
    ],
)
def test_excels_unicode_text_and_its_relatives(
    capsys: pytest.CaptureFixture[str], encoding: str, mark: bytes, reported: str
) -> None:
    text = "id\tname\tn\r\n" + "".join(f"x{n}\tMüller\t{n}\r\n" for n in range(50))
    found = Sniffed(capsys, mark + text.encode(encoding))
    assert (found.feed.csv.encoding, found.feed.csv.delimiter) == (reported, "\t")
    assert (found.rows, found.reasons, found.types) == (50, {}, {"n": "N"})
    assert found.items[0]["name"] == {"S": "Müller"}


def test_bytes_that_cp1252_does_not_know_make_it_latin_1(capsys: pytest.CaptureFixture[str]) -> None:
    found = Sniffed(capsys, b"id,name\n1,\xfc\x81\n2,x\n")
    assert found.feed.csv.encoding == "latin-1"
    assert "# A guess" in found.toml


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "\x01", "\x1f", ":"])
def test_every_usual_delimiter(capsys: pytest.CaptureFixture[str], delimiter: str) -> None:
    rows = [["id", "name", "n"], *([f"a{n}", f"some {n}", str(n)] for n in range(20))]
    found = sniffed(capsys, written(rows, delimiter=delimiter))
    assert found.feed.csv.delimiter == delimiter
    assert (found.rows, found.reasons, found.types) == (20, {}, {"n": "N"})


@pytest.mark.parametrize(
    ("text", "quote", "escape", "item"),
    [
        ("id,t\n1,'a, b'\n2,'it''s'\n3,'x'\n", "'", "", {"id": {"N": "1"}, "t": {"S": "a, b"}}),
        ("id,t\n1,O'Brien\n2,'tis\n3,x\n", '"', "", {"id": {"N": "1"}, "t": {"S": "O'Brien"}}),
        ('id|t\n1|5" pipe\n2|"nightly\n3|x\n4|y\n', "", "", {"id": {"N": "1"}, "t": {"S": '5" pipe'}}),
        ('id,t\n1,"say \\"hi\\", you"\n2,"b"\n', '"', "\\", {"id": {"N": "1"}, "t": {"S": 'say "hi", you'}}),
        ('id,t\n1,"say \\"hi\\" you"\n2,"b"\n', '"', "\\", {"id": {"N": "1"}, "t": {"S": 'say "hi" you'}}),
        ('id,t\n1,"say ""hi"", you"\n2,"b"\n', '"', "", {"id": {"N": "1"}, "t": {"S": 'say "hi", you'}}),
        ('id,t\n1,"C:\\dir\\"\n2,"b"\n', '"', "", {"id": {"N": "1"}, "t": {"S": "C:\\dir\\"}}),
        ("id,t\n1,a\\, b\n2,b\n", '"', "\\", {"id": {"N": "1"}, "t": {"S": "a, b"}}),
    ],
)
def test_quotes_and_escapes(
    capsys: pytest.CaptureFixture[str], text: str, quote: str, escape: str, item: dict[str, Any]
) -> None:
    found = sniffed(capsys, text)
    assert (found.feed.csv.quote, found.feed.csv.escape) == (quote, escape)
    assert (found.items[0], found.reasons) == (item, {})


def test_commas_in_numbers_do_not_make_it_a_comma_file(capsys: pytest.CaptureFixture[str]) -> None:
    found = sniffed(capsys, "1,5;2,5\n3,25;0,5\n")
    assert (found.feed.csv.delimiter, found.feed.csv.decimal, found.feed.csv.header) == (";", ",", "none")
    assert found.reasons == {}


def test_a_few_unclosed_quotes_do_not_spoil_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f'{n},"some, text {n}",{n}.5\n' for n in range(200)]
    lines[100] = '100,"open,1\n'
    found = sniffed(capsys, "id,t,x\n" + "".join(lines))
    assert (found.feed.csv.delimiter, found.feed.csv.quote) == (",", '"')
    assert sum(found.reasons.values()) <= 2


# --- what surrounds the rows ---


@pytest.mark.parametrize(
    "preamble", ["Report of 22.11.2026\n", "Report\n\nmade by, me\nin haste\n", "Report;;;\n;;;\n", '"Report, all"\n']
)
def test_titles_above_the_header_are_skipped(capsys: pytest.CaptureFixture[str], preamble: str) -> None:
    found = sniffed(capsys, preamble + "id;name;n;m\n" + "".join(f"a{n};x y;{n};\n" for n in range(10)))
    assert found.feed.csv.skip_lines == preamble.count("\n")
    assert (found.rows, found.reasons, found.types) == (10, {}, {"n": "N"})
    assert found.feed.partition_key == "id"


@pytest.mark.parametrize("footer", ["Total;55;\n", "10 rows\n", "(10 rows)", "Summe:;;\n\n", "That is all.\n"])
def test_totals_below_the_rows_are_a_footer(capsys: pytest.CaptureFixture[str], footer: str) -> None:
    found = sniffed(capsys, "id;n;m\n" + "".join(f"a{n};{n};x\n" for n in range(10)) + footer)
    assert found.feed.csv.footer_lines == 1
    assert (found.rows, found.reasons, found.types) == (10, {}, {"n": "N"})


def test_a_last_row_cut_off_is_a_reject_and_not_a_footer(capsys: pytest.CaptureFixture[str]) -> None:
    found = sniffed(capsys, "id;n;m\n" + "".join(f"a{n};{n};x\n" for n in range(10)) + "a10;1")
    assert found.feed.csv.footer_lines == 0
    assert found.reasons == {"ragged_row": 1}


def test_remarks_between_rows_are_comments(capsys: pytest.CaptureFixture[str]) -> None:
    found = sniffed(capsys, '# made by "a job\nid,n\n# more, of, it\n1,2\n#x\n3,4\n')
    assert found.feed.csv.comment == "#"
    assert (found.rows, found.reasons) == (2, {})


def test_a_hash_before_a_column_name_is_not_a_comment(capsys: pytest.CaptureFixture[str]) -> None:
    found = sniffed(capsys, "#id,n\na,2\nb,4\n")
    assert (found.feed.csv.comment, found.feed.partition_key, found.rows) == ("", "#id", 2)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("id,a,a,\nx,1,2,3\ny,4,5,6\n", ("id", "a", "a_3", "column_4")),
        (",a,b\n0,x,1\n1,y,2\n", ("column_1", "a", "b")),
        ('"a","b"\n"1","x",2\n"2","y",3\n"3","z",4\n', ("column_1", "a", "b")),  # as R writes it
    ],
)
def test_a_header_that_will_not_do_gets_other_names(
    capsys: pytest.CaptureFixture[str], text: str, names: tuple[str, ...]
) -> None:
    found = sniffed(capsys, text)
    assert found.feed.csv.names == names
    assert (found.rows, found.reasons) == (text.count("\n") - 1, {})


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("name,city\nAnn,Ulm\nBob,Bonn\n", "first"),
        ("O-1,Ann\nO-2,Bob\nO-3,Cid\n", "none"),
        ("country,2019,2020\nDE,1.5,2.5\nFR,3.5,4.5\n", "first"),
        ("a,b,c\n", "first"),
        ("1,2,3\n", "none"),
        ("a@b.de,x\nc@d.de,y\n", "none"),
    ],
)
def test_a_header_is_reported_from_a_row(capsys: pytest.CaptureFixture[str], text: str, header: str) -> None:
    found = sniffed(capsys, text)
    assert found.feed.csv.header == header
    assert found.rows == text.count("\n") - (header == "first")
    assert found.reasons == {}


@pytest.mark.parametrize(
    ("text", "ragged"),
    [
        ("id,a,b\n" + "1,x\n2,y\n3,z,w\n" * 5, "pad"),
        ("id,a,b\n" + "1,x\n" * 6 + "3,z,w\n" * 3, "pad"),
        ("id,a\n1,x,\n2,y,\n3,z,\n", "trim"),
        ("id,a,b\n1,x,y\n2,y\n3,z,w\n4,z,w\n5,z,w\n6,z,w\n7,z,w\n", "reject"),
    ],
)
def test_rows_consistently_short_or_long_are_padded_or_trimmed(
    capsys: pytest.CaptureFixture[str], text: str, ragged: str
) -> None:
    found = sniffed(capsys, text)
    assert found.feed.csv.ragged == ragged
    assert found.reasons == ({"ragged_row": 1} if ragged == "reject" else {})


def test_white_space_around_cells_is_trimmed(capsys: pytest.CaptureFixture[str]) -> None:
    found = sniffed(capsys, "id , name , n\n" + "".join(f"a{n} , x , {n}\n" for n in range(10)))
    assert found.feed.csv.trim
    assert (found.types, found.reasons) == ({"n": "N"}, {})


def test_a_single_column(capsys: pytest.CaptureFixture[str]) -> None:
    found = sniffed(capsys, "name\nDoe, John\nRoe, Jane\nPoe, Edgar\n")
    assert (found.rows, found.reasons, found.feed.partition_key) == (3, {}, "name")
    assert found.items[0] == {"name": {"S": "Doe, John"}}
    found = sniffed(capsys, "at\n2026-01-01 10:11:12\n2026-01-02 10:11:12\n")
    assert (found.rows, found.reasons, found.feed.partition_key) == (2, {}, "at")


def test_a_header_alone(capsys: pytest.CaptureFixture[str]) -> None:
    found = sniffed(capsys, "name,order_id,city\n")
    assert (found.rows, found.reasons) == (0, {})
    assert "# Not tested: there are no rows." in found.toml


# --- types ---


def column(capsys: pytest.CaptureFixture[str], values: list[str], name: str = "x") -> Sniffed:
    rows = [["id", name], *([f"k-{n}", value] for n, value in enumerate(values))]
    return sniffed(capsys, written(rows, delimiter="\t"))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2.50", "0", "0.5", ".5"], "N"),
        (["1.5e3", "2E-7"], "N"),
        (["007", "12"], "S"),
        (["+4930123", "12"], "S"),
        (["12E4", "12345"], "S"),
        (["1" * 38, "2"], "N"),
        (["1" * 39, "2"], "S"),
        (["1.5e200", "2"], "S"),
        (["Infinity", "1"], "S"),
        (["٣", "1"], "S"),
        (["1/2", "3"], "S"),
        (["2026-11-01", "2026-11-02"], "S"),
        (["192.168.100.200", "192.168.100.201"], "S"),
        (["true", "false", "TRUE"], "BOOL"),
        (["yes", "no"], "BOOL"),
        (["Y", "N", ""], "BOOL"),
        (["NO", "NO"], "S"),
        (["0", "1"], "N"),
        (["true", "yes"], "S"),
        (["", ""], "S"),
        (["NA", "NA"], "S"),
        (["1,234.50", "999.00", "12,345,678.00"], "N"),
        (["1 234,5", "7,25"], "N"),
        (["1,234", "2,345"], "S"),
        (["1'234.50", "7"], "N"),
    ],
)
def test_a_column_gets_a_type_only_where_nothing_is_lost(
    capsys: pytest.CaptureFixture[str], values: list[str], kind: str
) -> None:
    found = column(capsys, values)
    assert found.feed.column("x").type == kind
    assert (found.rows, found.reasons) == (len(values), {})


@pytest.mark.parametrize("name", ["phone", "zip_code", "PLZ", "version", "ISBN"])
def test_a_column_called_like_an_identifier_stays_text(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert column(capsys, ["101", "102"], name).types == {}


def test_one_odd_value_in_many_does_not_decide_but_one_in_few_does(capsys: pytest.CaptureFixture[str]) -> None:
    many = column(capsys, ["1.5"] * 199 + ["?"])
    assert (many.types, many.reasons) == ({"x": "N"}, {"bad_number": 1})
    assert "# 1 of 200 values cannot be read as a number and will be rejected." in many.toml
    assert column(capsys, ["1.5"] * 20 + ["?"]).types == {}
    assert column(capsys, ["1.5"] * 199 + ["007"]).types == {}


@pytest.mark.parametrize("word", ["NULL", "N/A", "NA", "NaN", "None", "-", "\\N"])
def test_words_for_no_value_are_known_in_columns_of_numbers(capsys: pytest.CaptureFixture[str], word: str) -> None:
    found = column(capsys, ["1", word, "2"])
    assert found.feed.csv.null_values == ("", word)
    assert (found.types, found.reasons) == ({"x": "N"}, {})


def test_a_word_for_no_value_may_be_a_surname(capsys: pytest.CaptureFixture[str]) -> None:
    found = sniffed(capsys, "id,surname,n\n1,NA,2\n2,Lee,NA\n3,Kim,4\n")
    assert found.feed.csv.null_values == ("",)
    assert (found.types, found.reasons) == ({"id": "N"}, {})
    assert [item["surname"]["S"] for item in found.items] == ["NA", "Lee", "Kim"]


def test_what_postgres_copy_writes(capsys: pytest.CaptureFixture[str]) -> None:
    found = sniffed(capsys, "1\tAnn\t\\N\tt\n2\t\\N\t7.5\tf\n3\tBob\t8\tt\n")
    assert (found.feed.csv.null_values, found.feed.csv.escape) == (("", "\\N"), "")
    assert found.types == {"column_1": "N", "column_3": "N", "column_4": "BOOL"}
    assert (found.reasons, found.items[1]) == (
        {},
        {"column_1": {"N": "2"}, "column_3": {"N": "7.5"}, "column_4": {"BOOL": False}},
    )


# --- keys ---


def test_a_pair_of_columns_is_the_key_where_none_is_unique(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[f"C{n % 10}", f"{n // 10}", "x"] for n in range(100)]
    found = sniffed(capsys, written([["customer_id", "line", "what"], *rows]))
    assert (found.feed.partition_key, found.feed.sort_key) == ("customer_id", "line")
    assert found.found["rows_superseded"] == 0
    assert "# Unique in the 100 rows that can be read." in found.toml


@pytest.mark.parametrize("text", ["a,b\n" + "x,y\n" * 5, "id,b\n1,x\n1,y\n1,y\n", "a;b\n;x\n;y\n;y\n"])
def test_a_key_is_left_open_where_nothing_is_unique_and_refused_until_it_is_filled_in(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    found = sniffed(capsys, text)
    assert found.is_open
    assert "# Left open: nothing tried is unique" in found.toml
    assert f"That is with the key {found.candidates[0]}." in found.toml
    Path("feeds.toml").write_text(found.toml, encoding="utf-8")
    assert cli.run(["check", "any.csv", "--feed", "any", "--feeds", "feeds.toml"]) == 2
    assert "`feeds.any.partition_key` is left open: give the column" in capsys.readouterr().err


def test_a_second_column_that_adds_nothing_is_not_part_of_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[f"C{n % 50}", f"{n % 50 // 2}", "x"] for n in range(100)] + [["C1", "99", "x"]]
    found = sniffed(capsys, written([["customer_id", "line", "what"], *rows]))
    assert found.candidates == ['partition_key = "customer_id"']


def test_a_time_is_a_sort_key_rather_than_a_partition_key(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[f"2026-01-01T00:{n // 60:02}:{n % 60:02}Z", f"S{n % 7}", str(n / 4)] for n in range(100)]
    found = sniffed(capsys, written([["at", "sensor_id", "value"], *rows]))
    assert (found.feed.partition_key, found.feed.sort_key) == ("sensor_id", "at")


@pytest.mark.parametrize(
    "text",
    [
        "a,b\ntrue,1.5\nfalse,2.5\n",
        "{a},b}\nx,y\nz,w\n",
        "n" * 300 + "\nx\ny\n",
        "a\n" + "x" * 3000 + "\n",
        'a,"\x7f ""q"" \n\t\\ ü\U0001f600\u2028"\n1.5,7\n2.5,8\n',
    ],
)
def test_whatever_the_columns_are_there_is_a_key_that_loads(capsys: pytest.CaptureFixture[str], text: str) -> None:
    found = sniffed(capsys, text)
    assert found.feed.partition_key
    assert set(found.reasons) <= {"key_too_long"}


# --- what cannot be sniffed, and what wants to hurt ---


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty"),
        (b"\n\r\n\n", "The file is empty"),
        (codecs.BOM_UTF8, "The file is empty"),
        (gzip.compress(b""), "The file is empty"),
        (b"PK\x03\x04" + bytes(range(256)), "a ZIP archive or an Excel workbook"),
        (b"\xd0\xcf\x11\xe0" + bytes(500), "an old Excel workbook"),
        (b"PAR1\x15\x04\x15" + bytes(100), "a Parquet file"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 9, "not text"),
        (random.Random(7).randbytes(5000), "not text"),
        (b"a\0b,c\n" + b"1,2\n" * 100, "NUL"),
        (gzip.compress(b"a,b\n" * 999)[:-20], "cannot be expanded"),
        (b"x" * (SAMPLE_BYTES + 1), "does not end within"),
        (b"," * 200_000 + b"\n", "200,001 cells"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_a_csv_is_refused_in_one_sentence(
    capsys: pytest.CaptureFixture[str], data: bytes, sentence: str
) -> None:
    code, line = fault(capsys, data)
    assert code == 3
    assert sentence in line


def test_a_missing_file_is_refused_like_by_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["sniff", "gone.csv"]) == 3
    assert "gone.csv does not exist" in capsys.readouterr().err


SMALL_SAMPLE_BYTES = 256 * 1024
BIG = SMALL_SAMPLE_BYTES + 10


@pytest.mark.parametrize(
    "data",
    [
        b'"' * BIG,
        b'"\n' * (BIG // 2),
        b'a,"b\n' * (BIG // 5),
        b"'\"\\,;\t|:\n" * (BIG // 9),
        b'a,b\n"' + b"x,y\n" * (BIG // 4),
        b"a\n" * (BIG // 2),
        b"#\n" * (BIG // 2),
        b"\n" * BIG,
        b"\r" * BIG,
        b"a,b\n" + b"\\" * BIG,
        b"x" * (BIG - 2000) + b"\na\n",
        b"a;b\n" + b"1" * (BIG // 2) + b";2\n",
        b"a,b\n" + b"1,\xff\n" * (BIG // 4),
        b"".join(b"%d,%d,%d\n" % (n, n * 7, n * 13) for n in range(20_000)),
        (",".join(f"c{n}" for n in range(1000)) + "\n" + "1," * 999 + "1\n").encode(),
        b'a,b\n"' + b'""' * (BIG // 2),
        b"," * (BIG // 9) + b"\n",
    ],
    ids=[f"hostile{n}" for n in range(17)],
)
def test_nothing_hangs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """What takes time that grows with the square of the size would take a minute; none takes a second."""
    monkeypatch.setitem(take_sample.__kwdefaults__, "limit_bytes", SMALL_SAMPLE_BYTES)
    Path("any.csv").write_bytes(data)
    begun_s = time.process_time()
    code = cli.run(["sniff", "any.csv"])
    assert code in (0, 3), capsys.readouterr().err
    assert time.process_time() - begun_s < 15


# --- any table ---

cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=8) | st.sampled_from(
    ["1", "2.5", "true", "007", "NA", "a b", 'q"', "-"]
)


@settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(",;\t|"), st.integers(2, 5), st.integers(0, 12))
def test_any_table_that_python_writes_gets_a_feed_without_ragged_rows_and_remarks_that_hold(
    data: st.DataObject, delimiter: str, width: int, height: int
) -> None:
    names = data.draw(
        st.lists(st.text(st.characters(codec="ascii", categories=("L",)), min_size=1), min_size=width, max_size=width)
    )
    rows = [data.draw(st.lists(cells, min_size=width, max_size=width)) for _ in range(height)]
    raw = written([names, *rows], delimiter=delimiter).encode()
    sample = take_sample(iter([raw]))
    proposal = propose(sample, name="any")
    tested = proposal.tested_feed
    toml = to_toml("any", tested, remarks_on(proposal, extent="", outcome=""))
    feed = parse_feeds(toml).feeds["any"]
    assert (feed.csv, feed.partition_key, feed.sort_key) == (tested.csv, tested.partition_key, tested.sort_key)
    assert all(feed.column(name) == tested.column(name) for name in names)
    row_counts, reasons = _try(proposal)
    assert "ragged_row" not in reasons
    best = proposal.keys.best
    if best.is_unique and not proposal.notes.get("rows"):
        assert (row_counts.rows_superseded, reasons.keys() & {"missing_value", "empty_key"}) == (0, set())
    if not proposal.notes.get("rows"):
        assert row_counts.rows_superseded == best.repeated
    odd = sum(found.odd for found in proposal.findings)
    assert (odd > 0) == bool(reasons.keys() & {"bad_number", "number_out_of_range", "bad_boolean"})
