"""A reject says where its record stands in the file, and carries its bytes."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import Reason
from ingest.feeds.dialect import Csv
from ingest.reading.blocks import BadRecord, Block
from ingest.reading.compression import decode
from ingest.reading.grammar import count_lines
from ingest.reading.rows import Fault
from ingest.rejects.reject import Reject, RejectFormat, from_bad_record, locate
from tests.support.fakes import opened

READER = opened(b"a,b\n", Csv())
BOM = b"\xef\xbb\xbf"
DATA = b'\n1,a\r\n"2\n\n2",b\n\n\r3,c\r\xff'


def fault(record: int, reason: str = Reason.BAD_NUMBER) -> Fault:
    return Fault(record, reason, "message", "column", "value")


def test_rejects_are_in_file_order_with_line_offset_and_raw_bytes() -> None:
    rejects = list(locate(Block(DATA, 100, 10, len(DATA)), [fault(3), fault(1)], READER))
    assert rejects == [
        Reject(12, 106, Reason.BAD_NUMBER, "message", "column", "value", b'"2\n\n2",b\n'),
        Reject(18, 121, Reason.BAD_NUMBER, "message", "column", "value", b"\xff"),
    ]


def test_a_block_without_faults_is_not_looked_at() -> None:
    assert list(locate(Block(DATA, 0, 1, len(DATA)), [], READER)) == []


@given(
    records=st.lists(st.text(alphabet='a\n\r"', max_size=5), min_size=1, max_size=12),
    bad=st.sets(st.integers(0, 11)),
    first_byte=st.integers(0, 10**12),
    first_line=st.integers(1, 10**9),
)
def test_a_rejects_offset_and_line_find_its_record_again(
    records: list[str], bad: set[int], first_byte: int, first_line: int
) -> None:
    lines = [('"' + record.replace('"', '""') + '"\n').encode() for record in records]
    data = b"".join(lines)
    wanted = sorted(number for number in bad if number < len(lines))
    rejects = list(locate(Block(data, first_byte, first_line, len(data)), [fault(n) for n in wanted], READER))
    assert [reject.raw for reject in rejects] == [lines[number] for number in wanted]
    for reject in rejects:
        at = reject.byte_offset - first_byte
        assert data[at:].startswith(reject.raw)
        assert reject.line == first_line + count_lines(data[:at])


def test_a_record_that_could_not_be_delimited_is_a_reject_with_its_beginning() -> None:
    reject = from_bad_record(BadRecord(b"xxx", 40, 3, 10**9, Reason.RECORD_TOO_LONG))
    assert (reject.line, reject.byte_offset, reject.reason, reject.raw) == (3, 40, Reason.RECORD_TOO_LONG, b"xxx")
    assert "only its beginning is kept" in reject.message
    assert "quote" in from_bad_record(BadRecord(b'"', 0, 1, 1, Reason.UNTERMINATED_QUOTE)).message


def test_a_reject_is_one_line_of_json() -> None:
    reject = Reject(3, 40, "bad_number", "not a number", "qty", "x\ny", 'a,"x\ny",ü\n'.encode())
    line = RejectFormat("s3://b/a.csv", b"", Csv()).json_line(reject)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert "ü".encode() in line
    assert json.loads(line) == {
        "file": "s3://b/a.csv",
        "line": 3,
        "byte_offset": 40,
        "column": "qty",
        "value": "x\ny",
        "reason": "bad_number",
        "message": "not a number",
        "raw": 'a,"x\ny",ü\n',
    }


@given(st.binary(max_size=50))
def test_no_byte_of_a_reject_is_lost_in_json(raw: bytes) -> None:
    document = json.loads(RejectFormat("f", b"", Csv()).json_line(Reject(1, 0, "r", "m", None, None, raw)))
    kept = document["raw"].encode() if "raw" in document else base64.b64decode(document["raw_base64"])
    assert kept == raw
    assert ("raw" in document) != ("raw_base64" in document)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1", "utf-16", "utf-16-be", "utf-8-sig", "cp037"])
def test_the_csv_of_rejects_is_in_the_files_own_encoding_and_reads_as_the_file_did(encoding: str) -> None:
    csv = Csv(encoding=encoding)
    file = "größe,name\n1,Jülich\n2,Köln".encode(encoding)
    text = b"".join(decode(iter([file]), csv))
    head, first, second = text.splitlines(keepends=True)
    form = RejectFormat("f", head, csv)
    made = form.csv_head() + b"".join(form.csv_record(reject_of(raw)) for raw in (first, second))
    assert made == "größe,name\n1,Jülich\n2,Köln\n".encode(encoding)


def test_a_byte_that_is_not_text_stands_in_the_csv_and_in_base64_as_it_stood_in_the_file() -> None:
    csv = Csv(encoding="cp1252")
    raw = b"".join(decode(iter([b"1,\x81\xfc\n"]), csv))
    form = RejectFormat("f", b"", csv)
    assert form.csv_record(reject_of(raw)) == b"1,\x81\xfc\n"
    assert base64.b64decode(json.loads(form.json_line(reject_of(raw)))["raw_base64"]) == b"1,\x81\xfc\n"


def test_a_record_of_which_only_the_beginning_is_kept_is_not_in_the_csv() -> None:
    form = RejectFormat("f", b"", Csv())
    assert form.csv_record(reject_of(b"xxx", Reason.RECORD_TOO_LONG)) == b""


def reject_of(raw: bytes, reason: str = Reason.BAD_NUMBER) -> Reject:
    return Reject(1, 0, reason, "m", None, None, raw)
