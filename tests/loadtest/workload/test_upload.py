"""A file goes to S3 in parts while it is made; what is not finished leaves nothing there."""

from collections.abc import Iterator
from typing import Any

import pytest

from loadtest.workload.command import generate
from loadtest.workload.upload import LEAST_PART_BYTES, MOST_PARTS, UNDER_WAY, part_bytes, upload
from tests.loadtest.workload.found import made, recipe
from tests.support.clients import client, mock_aws

MB = 1_000_000


class FakeS3:
    """Takes uploads; fails at a part, if asked to."""

    def __init__(self, *, fail_at: int | None = None) -> None:
        self.calls: list[str] = []
        self.parts: dict[int, bytes] = {}
        self.completed: list[int] = []
        self._fail_at = fail_at

    def put_object(self, *, Body: bytes, **name: str) -> None:
        self.calls.append("put")

    def create_multipart_upload(self, **name: str) -> dict[str, str]:
        self.calls.append("create")
        return {"UploadId": "u"}

    def upload_part(self, *, PartNumber: int, Body: bytes, **name: str) -> dict[str, str]:
        if PartNumber == self._fail_at:
            raise ConnectionError("the line is dead")
        self.parts[PartNumber] = Body
        return {"ETag": f"e{PartNumber}"}

    def complete_multipart_upload(self, *, MultipartUpload: Any, **name: str) -> dict[str, str]:
        self.calls.append("complete")
        self.completed = [part["PartNumber"] for part in MultipartUpload["Parts"]]
        return {"ETag": '"whole-6"'}

    def abort_multipart_upload(self, **name: str) -> None:
        self.calls.append("abort")


def portions(total: int) -> Iterator[bytes]:
    for number in range(total // MB):
        yield bytes([number % 251]) * MB


def test_parts_are_equal_in_order_and_whole() -> None:
    s3 = FakeS3()
    upload(s3, "bucket", "key", portions(50 * MB), most_bytes=50 * MB)
    assert b"".join(s3.parts[number] for number in s3.completed) == b"".join(portions(50 * MB))
    assert s3.completed == [1, 2, 3, 4, 5, 6]
    assert {len(s3.parts[number]) for number in s3.completed[:-1]} == {LEAST_PART_BYTES}
    assert s3.calls == ["create", "complete"]


def test_a_small_file_is_one_request() -> None:
    s3 = FakeS3()
    upload(s3, "bucket", "key", portions(MB), most_bytes=MB)
    assert s3.calls == ["put"]


@pytest.mark.parametrize("size", [1, 10**9, 10**11, 5 * 10**12])
def test_any_file_has_few_enough_parts(size: int) -> None:
    assert part_bytes(size) * MOST_PARTS >= size


def test_a_part_that_fails_for_good_aborts_the_upload() -> None:
    s3 = FakeS3(fail_at=2)
    with pytest.raises(ConnectionError):
        upload(s3, "bucket", "key", portions(50 * MB), most_bytes=50 * MB)
    assert s3.calls == ["create", "abort"]


def test_ctrl_c_aborts_the_upload() -> None:
    def interrupted() -> Iterator[bytes]:
        yield from portions(30 * MB)
        raise KeyboardInterrupt

    s3 = FakeS3()
    with pytest.raises(KeyboardInterrupt):
        upload(s3, "bucket", "key", interrupted(), most_bytes=50 * MB)
    assert s3.calls == ["create", "abort"]


def test_few_parts_are_in_memory_at_a_time() -> None:
    taken = 0

    def counted() -> Iterator[bytes]:
        nonlocal taken
        for portion in portions(200 * MB):
            taken += len(portion)
            yield portion

    class SlowS3(FakeS3):
        def upload_part(self, *, PartNumber: int, Body: bytes, **name: str) -> dict[str, str]:
            ahead.append(taken - sum(map(len, self.parts.values())))
            return super().upload_part(PartNumber=PartNumber, Body=Body, **name)

    ahead: list[int] = []
    upload(SlowS3(), "bucket", "key", counted(), most_bytes=200 * MB)
    assert max(ahead) <= (UNDER_WAY + 3) * LEAST_PART_BYTES


def test_a_generated_object_is_the_generated_file() -> None:
    wanted = recipe("plain", size="20MB", columns={"note": "text:60:90"})
    with mock_aws():
        s3 = client("s3")
        s3.create_bucket(Bucket="landing", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        known_outcome = generate(wanted, "s3://landing/plain/a.csv", client=lambda: s3)
        found = s3.get_object(Bucket="landing", Key="plain/a.csv")
        assert (found["Body"].read(), known_outcome) == made(wanted)
        assert found["ETag"].endswith('-3"')  # of three parts
        assert [item["Key"] for item in s3.list_objects_v2(Bucket="landing")["Contents"]] == ["plain/a.csv"]
