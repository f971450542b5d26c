"""A file goes to S3 in parts while it is made; what is not finished leaves nothing there."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from loadtest.generate import generate
from loadtest.harness.targets import LEAST_PART_BYTES, MOST_PARTS, UNDER_WAY, Uploads, part_bytes, write_to
from tests.loadtest.workload.found import made, recipe
from tests.support.clients import mock_aws

MB = 1_000_000


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        s3 = boto3.client("s3", region_name="eu-central-1")
        s3.create_bucket(Bucket="landing", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield s3


def portions(total: int) -> Iterator[bytes]:
    for number in range(total // MB):
        yield bytes([number % 251]) * MB


def write(s3: Any, some: Iterator[bytes], most_bytes: int = 50 * MB) -> None:
    write_to("s3://landing/plain/a.csv", some, most_bytes=most_bytes, client=lambda: s3)


def test_a_generated_object_is_the_generated_file(s3: Any) -> None:
    wanted = recipe("plain", size="20MB", columns={"note": "text:60:90"})
    known_outcome = generate(wanted, "s3://landing/plain/a.csv", client=lambda: s3)
    found = s3.get_object(Bucket="landing", Key="plain/a.csv")
    assert (found["Body"].read(), known_outcome) == made(wanted)
    assert found["ETag"].endswith('-3"')  # of three parts
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="landing")["Contents"]] == ["plain/a.csv"]


@pytest.mark.parametrize("size", [0, MB, 2 * LEAST_PART_BYTES])
def test_files_of_any_size_are_whole(s3: Any, size: int) -> None:
    write(s3, iter([b"x" * size]))
    assert s3.head_object(Bucket="landing", Key="plain/a.csv")["ContentLength"] == size


def test_uploads_that_are_closed_unfinished_leave_nothing(s3: Any) -> None:
    uploads = Uploads(s3, "landing")
    for number in range(20):
        uploads.add(f"plain/{number}.csv", portions(MB), most_bytes=MB)
    assert uploads.finish(["plain/0.csv"]) == {
        "plain/0.csv": s3.head_object(Bucket="landing", Key="plain/0.csv")["ETag"].strip('"')
    }
    uploads.close()
    assert s3.list_objects_v2(Bucket="landing")["KeyCount"] == 1
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="landing")


@pytest.mark.parametrize("size", [1, 10**9, 10**11, 5 * 10**12])
def test_any_file_has_few_enough_parts(size: int) -> None:
    assert part_bytes(size) * MOST_PARTS >= size


def test_a_part_that_fails_for_good_aborts_the_upload(s3: Any) -> None:
    def fail(params: dict[str, Any], **more: Any) -> None:
        if params["PartNumber"] == 2:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "UploadPart")

    s3.meta.events.register("before-parameter-build.s3.UploadPart", fail)
    with pytest.raises(ClientError, match="AccessDenied"):
        write(s3, portions(50 * MB))
    assert nothing_is_left(s3)


def test_ctrl_c_aborts_the_upload(s3: Any) -> None:
    def interrupted() -> Iterator[bytes]:
        yield from portions(30 * MB)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(s3, interrupted())
    assert nothing_is_left(s3)


def test_a_file_that_cannot_be_made_to_its_end_is_aborted(s3: Any) -> None:
    def failing() -> Iterator[bytes]:
        yield from portions(30 * MB)
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        write(s3, failing())
    assert nothing_is_left(s3)


def nothing_is_left(s3: Any) -> bool:
    objects = s3.list_objects_v2(Bucket="landing")["KeyCount"]
    return not objects and "Uploads" not in s3.list_multipart_uploads(Bucket="landing")


def test_few_parts_are_in_memory_at_a_time(s3: Any) -> None:
    taken, sent, ahead = 0, 0, []

    def counted() -> Iterator[bytes]:
        nonlocal taken
        for portion in portions(100 * MB):
            taken += len(portion)
            yield portion

    def count(**more: Any) -> None:
        nonlocal sent
        ahead.append(taken - sent)
        sent += LEAST_PART_BYTES

    s3.meta.events.register("after-call.s3.UploadPart", count)
    write(s3, counted(), 100 * MB)
    assert len(ahead) == 12
    assert max(ahead) <= (UNDER_WAY + 3) * LEAST_PART_BYTES
