"""Rejects in the bucket: the same file gives the same parts under the same keys, however often it is loaded."""

import json
from typing import Any

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import Reason
from ingest.errors import AccessDenied, FileFault, IngestError, ServiceFault, Throttled
from ingest.feeds.dialect import Csv
from ingest.file import FileVersion
from ingest.rejects import bucket as rejects_module
from ingest.rejects.bucket import RejectParts
from ingest.rejects.reject import DuplicateRow, Reject, rejects_prefix
from tests.support.clients import session

FILE = FileVersion("landing", "orders/größe 1+1.csv", sequencer="0A")
PREFIX = "orders/größe 1+1.csv/0A000000000000000000000000000000/"


class RecordingS3:
    """Takes objects."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls: list[dict[str, Any]] = []

    def put_object(self, **call: Any) -> None:
        self.calls.append(call)
        self.objects[call["Key"]] = call["Body"]


def reject(offset: int, raw: bytes = b"x,y\n") -> Reject:
    return Reject(offset // 10 + 1, offset, Reason.BAD_NUMBER, "not a number", "n", "x", raw)


def parts(s3: Any, file: FileVersion = FILE) -> RejectParts:
    return RejectParts(client=s3, bucket="rejects", file=file)


def test_a_files_rejects_are_json_lines_under_its_key_and_version() -> None:
    s3 = RecordingS3()
    sink = parts(s3)
    sink.begin(b"n,m\n", Csv())
    sink.add([reject(40), reject(90)])
    assert s3.calls == []
    sink.close()
    csv, call = s3.calls
    assert (csv["Bucket"], csv["ContentType"], csv["Key"]) == ("rejects", "text/csv", PREFIX + "000000000000040.csv")
    assert csv["Body"] == b"n,m\nx,y\nx,y\n"
    assert (call["Bucket"], call["ContentType"]) == ("rejects", "application/x-ndjson")
    assert call["Key"] == PREFIX + "000000000000040.jsonl"
    lines = [json.loads(line) for line in call["Body"].splitlines()]
    assert [(line["file"], line["byte_offset"]) for line in lines] == [(FILE.url, 40), (FILE.url, 90)]


def test_a_file_without_rejects_leaves_nothing() -> None:
    s3 = RecordingS3()
    sink = parts(s3)
    sink.add([])
    sink.close()
    assert s3.calls == []


def test_where_rejects_are_depends_on_the_file_alone() -> None:
    assert parts(RecordingS3()).url == f"s3://rejects/{PREFIX}"


def test_what_is_flushed_is_durable_and_what_follows_is_another_part() -> None:
    s3 = RecordingS3()
    sink = parts(s3)
    sink.add([reject(0)])
    sink.flush()
    sink.add([reject(10)])
    assert len(s3.calls) == 2
    sink.close()
    assert len(s3.calls) == 4


def test_closing_twice_puts_nothing_twice() -> None:
    s3 = RecordingS3()
    sink = parts(s3)
    sink.add([reject(0)])
    sink.close()
    sink.close()
    assert len(s3.calls) == 2


@given(
    sizes=st.lists(st.integers(0, 400), max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=6),
)
def test_however_the_rejects_arrive_the_parts_are_the_same(sizes: list[int], cuts: list[int]) -> None:
    """Blocks may be cut differently the next time."""
    rejects = [reject(1000 * n, b"x" * size) for n, size in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rejects_module, "PART_BYTES", 1000)
        whole, chunks = RecordingS3(), RecordingS3()
        sink = parts(whole)
        sink.add(rejects)
        sink.close()
        sink = parts(chunks)
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(rejects)], strict=True):
            sink.add(rejects[start:end])
        sink.close()
    assert whole.objects == chunks.objects
    assert list(whole.objects) == sorted(whole.objects)
    lines = {key: body for key, body in whole.objects.items() if key.endswith(".jsonl")}
    kept = [json.loads(line)["byte_offset"] for body in lines.values() for line in body.splitlines()]
    assert kept == [reject.byte_offset for reject in rejects]
    for key, body in lines.items():
        assert key == f"{PREFIX}{json.loads(body.splitlines()[0])['byte_offset']:015d}.jsonl"


def test_a_part_is_put_as_soon_as_it_is_full() -> None:
    s3 = RecordingS3()
    sink = parts(s3)
    sink.add([reject(n * 1024 * 1024, b"x" * 1024 * 1024) for n in range(9)])
    assert [key for key in s3.objects if key.endswith(".jsonl")] == [
        PREFIX + "000000000000000.jsonl",
        PREFIX + f"{4 * 1024 * 1024:015d}.jsonl",
    ]
    sink.close()
    assert len(s3.objects) == 6


def test_a_key_as_long_as_s3_takes_still_has_a_place_for_its_rejects() -> None:
    longest = [FileVersion("landing", "ü" * 511 + end, sequencer="0A") for end in "ab"]
    assert all(len(rejects_prefix(file).encode()) < 1000 for file in longest)
    assert len({rejects_prefix(file) for file in longest}) == 2


def test_versions_of_a_key_keep_their_rejects_apart() -> None:
    prefixes = {
        rejects_prefix(file)
        for file in (
            FILE,
            FileVersion("landing", FILE.key, sequencer="0B"),
            FileVersion("landing", FILE.key, version_id="v"),
            FileVersion("landing", FILE.key, etag="e"),
        )
    }
    assert len(prefixes) == 4


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("SlowDown", 503, Throttled),
        ("AccessDenied", 403, AccessDenied),
        ("NoSuchBucket", 404, ServiceFault),
        ("InternalError", 500, ServiceFault),
    ],
)
def test_a_bucket_that_fails_is_never_the_files_fault(code: str, status: int, kind: type[IngestError]) -> None:
    """A missing rejects bucket must not mark files as failed: they come back when it is there."""
    client = session().client("s3")
    with Stubber(client) as stub:
        stub.add_client_error("put_object", code, http_status_code=status)
        sink = parts(client)
        sink.add([reject(7)])
        with pytest.raises(kind, match="writing rejects to s3://rejects/orders/") as caught:
            sink.close()
    assert not isinstance(caught.value, FileFault)


def duplicate(offset: int) -> DuplicateRow:
    return DuplicateRow({"id": "größe"}, 2, offset // 10 + 1, offset)


def test_duplicates_are_an_object_of_their_own_beside_the_rejects() -> None:
    s3 = RecordingS3()
    sink = parts(s3)
    sink.add([reject(40)])
    sink.add_duplicates([duplicate(50), duplicate(70)])
    assert s3.calls == []
    sink.flush()
    sink.add_duplicates([duplicate(90)])
    sink.close()
    assert [key for key in s3.objects if key.endswith(".duplicates")] == [
        PREFIX + "000000000000050.duplicates",
        PREFIX + "000000000000090.duplicates",
    ]
    first, second = s3.objects[PREFIX + "000000000000050.duplicates"].splitlines()
    assert json.loads(first) == {"file": FILE.url, "key": {"id": "größe"}, "replaced_line": 2, "line": 6} | {
        "byte_offset": 50
    }
    assert json.loads(second)["line"] == 8
    assert sum(key.endswith(".jsonl") for key in s3.objects) == 1  # who reads all of these reads rejects only


def test_duplicates_that_are_loaded_again_replace_themselves() -> None:
    s3 = RecordingS3()
    for _ in range(2):
        sink = parts(s3)
        sink.add_duplicates([duplicate(50)])
        sink.close()
    assert list(s3.objects) == [PREFIX + "000000000000050.duplicates"]
    assert len(s3.objects[PREFIX + "000000000000050.duplicates"].splitlines()) == 1
