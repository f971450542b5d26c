"""A file is kept in S3 in parts while it is made, and is an object once that is asked for."""

from collections.abc import Iterator
from typing import Any

import pytest

from loadtest.harness.multipart import UNDER_WAY, keep
from loadtest.workload.targets import LEAST_PART_BYTES

MB = 1_000_000


class FakeS3:
    """Takes uploads; fails at a part, if asked to."""

    def __init__(self, *, fail_at: int | None = None) -> None:
        self.calls: list[str] = []
        self.parts: dict[int, bytes] = {}
        self.completed: list[int] = []
        self._fail_at = fail_at

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
    kept = keep(s3, "bucket", "key", portions(50 * MB), most_bytes=50 * MB)
    assert s3.calls == ["create"]
    assert kept.complete() == "whole-6"
    assert b"".join(s3.parts[number] for number in s3.completed) == b"".join(portions(50 * MB))
    assert s3.completed == [1, 2, 3, 4, 5, 6]
    assert {len(s3.parts[number]) for number in s3.completed[:-1]} == {LEAST_PART_BYTES}
    assert s3.calls == ["create", "complete"]


def test_a_part_that_fails_for_good_aborts_the_upload() -> None:
    s3 = FakeS3(fail_at=2)
    with pytest.raises(ConnectionError):
        keep(s3, "bucket", "key", portions(50 * MB), most_bytes=50 * MB)
    assert s3.calls == ["create", "abort"]


def test_ctrl_c_aborts_the_upload() -> None:
    def interrupted() -> Iterator[bytes]:
        yield from portions(30 * MB)
        raise KeyboardInterrupt

    s3 = FakeS3()
    with pytest.raises(KeyboardInterrupt):
        keep(s3, "bucket", "key", interrupted(), most_bytes=50 * MB)
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
    keep(SlowS3(), "bucket", "key", counted(), most_bytes=200 * MB)
    assert max(ahead) <= (UNDER_WAY + 3) * LEAST_PART_BYTES
