"""Rejects read back: what comes out is what the parts hold, in the file's order, whatever its encoding."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ingest.contract import Reason
from ingest.errors import FileFault
from ingest.feeds.dialect import Csv
from ingest.file import FileVersion
from ingest.rejects import bucket as rejects_module
from ingest.rejects.bucket import RejectParts, RejectReader
from ingest.rejects.reject import KEPT_DUPLICATES, DuplicateRow, Reject, rejects_prefix
from tests.support.clients import client, mock_aws

FILE = FileVersion("landing", "orders/größe 1+1.csv", sequencer="0A")


def everything(document: dict[str, Any]) -> bool:
    return True


@pytest.fixture
def kept() -> Iterator[RejectReader]:
    with mock_aws():
        client("s3").create_bucket(Bucket="rejects", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield RejectReader(client=client("s3"), bucket="rejects")


def put(*portions: list[Reject], file: FileVersion = FILE, head: bytes = b"n,m\n", csv: Csv | None = None) -> None:
    """Put rejects in the bucket, a part for each portion."""
    sink = RejectParts(client=client("s3"), bucket="rejects", file=file)
    sink.begin(head, csv or Csv())
    for portion in portions:
        sink.add(portion)
        sink.flush()


def reject(offset: int, raw: bytes = b"x,y\n", reason: str = Reason.BAD_NUMBER) -> Reject:
    return Reject(offset // 10 + 1, offset, reason, "not a number", "n", "x", raw)


def bodies(kind: str) -> list[bytes]:
    listed = client("s3").list_objects_v2(Bucket="rejects").get("Contents", [])
    keys = [thing["Key"] for thing in listed if thing["Key"].endswith(kind)]
    return [client("s3").get_object(Bucket="rejects", Key=key)["Body"].read() for key in keys]


def test_they_come_in_the_order_of_the_file_whoever_was_ready_first(kept: RejectReader) -> None:
    put([reject(1000), reject(2000)], [reject(30_000_000_000)])
    put([reject(7), reject(90)])
    assert [document["byte_offset"] for document in kept.of(FILE)] == [7, 90, 1000, 2000, 30_000_000_000]


def test_those_of_other_versions_and_files_are_left_out(kept: RejectReader) -> None:
    put([reject(7)])
    put([reject(8)], file=replace(FILE, retry=1))
    put([reject(9)], file=replace(FILE, key=f"{FILE.key}/{FILE.version}/a.csv"))
    assert [document["byte_offset"] for document in kept.of(FILE)] == [7]


def test_a_file_without_any_has_none(kept: RejectReader) -> None:
    assert (list(kept.of(FILE)), kept.any_of(FILE)) == ([], False)
    assert b"".join(kept.csv(FILE, wanted=everything)) == b""


RAW = ["ä,1\n", '"a\nb",ü\n', "last,ö"]
DIALECTS = {
    "utf-8": Csv(),
    "cp1252": Csv(encoding="cp1252"),
    "utf-16": Csv(encoding="utf-16"),
    "with a footer": Csv(footer_lines=2),
    "foreign marks": Csv(delimiter="þ", encoding="cp1252"),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_one_csv_is_its_parts_joined_with_one_head_and_one_foot(kept: RejectReader, name: str) -> None:
    csv, head = DIALECTS[name], "größe,m\n"
    records = [raw.encode() for raw in RAW]
    put([reject(10, records[0])], [reject(20, records[1]), reject(40, records[2])], head=head.encode(), csv=csv)
    text = head + "".join(RAW) + "\n" + "-\n" * csv.footer_lines
    assert b"".join(kept.csv(FILE, wanted=everything)) == text.encode(csv.encoding)
    assert b"".join(kept.csv(FILE, wanted=lambda d: d["byte_offset"] == 10)) == bodies(".csv")[0]


def test_bytes_that_are_not_text_come_out_as_they_stand(kept: RejectReader) -> None:
    put([reject(10, b"\xff\xfe,1\n", Reason.BAD_ENCODING), reject(20, b"\x80", Reason.BAD_ENCODING)])
    assert "raw_base64" in next(kept.of(FILE))
    assert b"".join(kept.csv(FILE, wanted=everything)) == bodies(".csv")[0] == b"n,m\n\xff\xfe,1\n\x80\n"


def test_a_record_of_which_only_the_beginning_was_kept_is_not_in_the_csv(kept: RejectReader) -> None:
    put([reject(10, b"a,1\n"), reject(20, b"aaaa", Reason.RECORD_TOO_LONG)])
    assert b"".join(kept.csv(FILE, wanted=everything)) == b"n,m\na,1\n"


def test_parts_of_an_earlier_version_are_refused_with_the_place_they_lie_at(kept: RejectReader) -> None:
    put([reject(10)])
    for kind in (".csv", ".jsonl"):
        key = f"{rejects_prefix(FILE)}{10:015d}{kind}"
        body = client("s3").get_object(Bucket="rejects", Key=key)["Body"].read()
        client("s3").put_object(Bucket="rejects", Key=key, Body=body)  # without what is noted now
    with pytest.raises(FileFault, match=r"each part stands alone, as s3://rejects/orders/.*000000000000010\.csv"):
        list(kept.csv(FILE, wanted=everything))


def test_a_retry_gets_the_parts_that_are_wanted_with_all_that_is_noted_of_them(kept: RejectReader) -> None:
    put([reject(10), reject(20)], [reject(500)], [reject(900)])
    again = replace(FILE, retry=1)
    kept.copy(FILE, again, wanted=lambda byte: byte in (10, 900))
    assert [document["byte_offset"] for document in kept.of(again)] == [10, 20, 900]
    assert b"".join(kept.csv(again, wanted=everything)) == b"n,m\nx,y\nx,y\nx,y\n"
    assert len(list(kept.of(FILE))) == 4


def test_a_large_number_of_them_is_read_a_part_at_a_time(kept: RejectReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejects_module, "PART_BYTES", 1)
    put([reject(10 * n) for n in range(1, 40)])
    found = kept.of(FILE)
    assert next(found)["byte_offset"] == 10
    client("s3").put_object(
        Bucket="rejects", Key=f"{rejects_prefix(FILE)}{390:015d}.jsonl", Body=json.dumps({"late": 1})
    )
    assert list(found)[-1] == {"late": 1}


def put_duplicates(*offsets: int, file: FileVersion = FILE) -> None:
    sink = RejectParts(client=client("s3"), bucket="rejects", file=file)
    sink.add_duplicates([DuplicateRow({"id": "a"}, 1, 2, offset) for offset in offsets])
    sink.close()


def test_the_first_duplicates_of_a_file_are_those_of_its_first_segments_whoever_was_ready_first(
    kept: RejectReader,
) -> None:
    put_duplicates(*range(5000, 5000 + KEPT_DUPLICATES))
    put_duplicates(*range(300, 315))
    put_duplicates(7, file=replace(FILE, retry=1))
    put([reject(1)])
    found = [document["byte_offset"] for document in kept.duplicates(FILE)]
    assert found == [*range(300, 315), *range(5000, 5005)]
    assert [document["byte_offset"] for document in kept.of(FILE)] == [1]


def test_a_file_with_duplicates_only_has_something_kept(kept: RejectReader) -> None:
    put_duplicates(10)
    assert (list(kept.of(FILE)), kept.any_of(FILE)) == ([], True)


def test_a_retry_gets_the_duplicates_that_are_wanted(kept: RejectReader) -> None:
    for first in (10, 500, 900):
        put_duplicates(first, first + 1)
    again = replace(FILE, retry=1)
    kept.copy(FILE, again, wanted=lambda byte: byte < 900)
    assert [document["byte_offset"] for document in kept.duplicates(again)] == [10, 11, 500, 501]
