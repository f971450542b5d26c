"""Reading S3: pinned to one version, in ranges, going on where a read broke."""

import io
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, NoCredentialsError
from botocore.response import StreamingBody
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from ingest.aws.s3 import ATTEMPTS, S3Listing, S3Objects
from ingest.errors import (
    AccessDenied,
    FileMissing,
    IngestError,
    ObjectArchived,
    ObjectSuperseded,
    ServiceFault,
    Throttled,
    Unavailable,
)
from ingest.file import FileVersion
from tests.support.clients import client, mock_aws
from tests.support.fakes import ScriptedClock

DATA = bytes(range(256)) * 10
FILE = FileVersion("landing", "orders/a 1+1.csv", etag="e1", size_bytes=len(DATA))


class BrokenStream(io.BytesIO):
    """A stream that hands out its data and then fails."""

    def __init__(self, data: bytes, error: Exception) -> None:
        super().__init__(data)
        self._error = error

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if not data:
            raise self._error
        return data


def client_error(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Get")  # type: ignore[typeddict-item]


Step = Exception | Callable[[bytes], StreamingBody] | None


def whole(data: bytes) -> StreamingBody:
    return StreamingBody(io.BytesIO(data), len(data))


def breaks(after: int, error: Exception) -> Step:
    return lambda data: StreamingBody(BrokenStream(data[:after], error), len(data))


def short(by: int, *, reported: bool = True) -> Step:
    """A body that ends early; `reported`: S3 announced the whole length."""
    return lambda data: StreamingBody(io.BytesIO(data[:-by]), len(data) if reported else None)  # type: ignore[arg-type]


def ignores_ranges(data: bytes) -> StreamingBody:
    """A server that does not know Range sends the whole object."""
    return whole(DATA)


class ScriptedS3:
    """Answers each request for a range with the next step of its script, then always well."""

    def __init__(self, *script: Step, data: bytes = DATA, listed: Any = ({"Key": FILE.key, "ETag": '"e1"'},)) -> None:
        self.calls: list[dict[str, str]] = []
        self._listed = listed
        self._script: Iterator[Step] = iter(script)
        self._data = data

    def get_object(self, **call: str) -> dict[str, Any]:
        self.calls.append(call)
        step = next(self._script, None)
        if isinstance(step, Exception):
            raise step
        first, last = call["Range"].removeprefix("bytes=").split("-")
        answer = {"ContentRange": f"bytes {first}-{last}/{len(self._data)}"} if step is not ignores_ranges else {}
        return answer | {"Body": (step or whole)(self._data[int(first) : int(last) + 1])}

    def list_objects_v2(self, **call: Any) -> dict[str, Any]:
        assert call == {"Bucket": FILE.bucket, "Prefix": FILE.key, "MaxKeys": 1}
        if isinstance(self._listed, Exception):
            raise self._listed
        return {"Contents": list(self._listed)} if self._listed else {}

    @property
    def ranges(self) -> list[str]:
        return [call["Range"].removeprefix("bytes=") for call in self.calls]


def read(s3: Any, file: FileVersion = FILE, *, range_bytes: int = 1000) -> tuple[bytes, ScriptedClock]:
    clock = ScriptedClock()
    return b"".join(S3Objects(client=s3, clock=clock, range_bytes=range_bytes).portions(file)), clock


def test_a_file_is_read_in_ranges_pinned_by_its_etag() -> None:
    s3 = ScriptedS3()
    assert read(s3) == (DATA, ScriptedClock())
    assert s3.calls == [
        {"Bucket": "landing", "Key": "orders/a 1+1.csv", "Range": f"bytes={span}", "IfMatch": '"e1"'}
        for span in ("0-999", "1000-1999", "2000-2559")
    ]


def test_a_versioned_file_is_pinned_by_its_version_too() -> None:
    s3 = ScriptedS3(data=DATA[:10])
    read(s3, FileVersion("b", "k", version_id="v7", etag="e1", size_bytes=10))
    assert s3.calls == [{"Bucket": "b", "Key": "k", "Range": "bytes=0-9", "IfMatch": '"e1"', "VersionId": "v7"}]
    s3 = ScriptedS3(data=DATA[:10])
    read(s3, FileVersion("b", "k", version_id="v7", size_bytes=10))
    assert s3.calls == [{"Bucket": "b", "Key": "k", "Range": "bytes=0-9", "VersionId": "v7"}]


@pytest.mark.parametrize(("size", "ranges"), [(0, []), (1, ["0-0"]), (1000, ["0-999"]), (1001, ["0-999", "1000-1000"])])
def test_ranges_end_where_the_file_ends(size: int, ranges: list[str]) -> None:
    s3 = ScriptedS3(data=DATA[:size])
    data, _ = read(s3, FileVersion("b", "k", etag="e", size_bytes=size))
    assert (data, s3.ranges) == (DATA[:size], ranges)


def test_who_asks_for_bytes_behind_the_end_of_a_file_gets_those_that_are_there() -> None:
    s3 = ScriptedS3()
    objects = S3Objects(client=s3, clock=ScriptedClock())
    assert b"".join(objects.portions(FILE, len(DATA) - 5, len(DATA) + 5)) == DATA[-5:]
    assert s3.ranges == ["2555-2559"]


@pytest.mark.parametrize(
    "step",
    [
        breaks(400, ProtocolError("cut")),
        breaks(400, ReadTimeoutError(None, "u", "slow")),  # type: ignore[arg-type]
        short(600),
        short(600, reported=False),
    ],
)
def test_a_read_that_breaks_goes_on_at_the_next_byte(step: Step) -> None:
    s3 = ScriptedS3(None, step)
    data, clock = read(s3)
    assert data == DATA
    assert s3.ranges == ["0-999", "1000-1999", "1400-2399", "2400-2559"]
    assert len(clock.sleeps) == 1
    assert all(call["IfMatch"] == '"e1"' for call in s3.calls)


@pytest.mark.parametrize(
    "error",
    [
        client_error("SlowDown", 503),
        client_error("InternalError", 500),
        client_error("503", 503),
        client_error("RequestTimeout"),
        EndpointConnectionError(endpoint_url="u"),
        ConnectTimeoutError(endpoint_url="u"),
    ],
)
def test_a_request_that_fails_is_repeated_after_growing_pauses(error: Exception) -> None:
    s3 = ScriptedS3(error, error, error)
    data, clock = read(s3)
    assert data == DATA
    assert s3.ranges[:4] == ["0-999"] * 4
    assert clock.sleeps == sorted(clock.sleeps)
    assert len(set(clock.sleeps)) == 3


@pytest.mark.parametrize(("code", "kind"), [("SlowDown", Throttled), ("InternalError", Unavailable)])
def test_a_range_of_which_no_byte_comes_is_given_up(code: str, kind: type[IngestError]) -> None:
    s3 = ScriptedS3(None, *[client_error(code, 503)] * ATTEMPTS)
    clock = ScriptedClock()
    portions = S3Objects(client=s3, clock=clock, range_bytes=1000).portions(FILE)  # type: ignore[arg-type]
    assert next(portions) == DATA[:1000]
    with pytest.raises(kind, match=r"reading bytes 1000-1999 of s3://landing/orders/a 1\+1.csv"):
        next(portions)
    assert (len(s3.calls), len(clock.sleeps)) == (1 + ATTEMPTS, ATTEMPTS - 1)


def test_reads_that_get_on_are_never_given_up() -> None:
    s3 = ScriptedS3(*[breaks(30, ProtocolError("cut"))] * 80)
    data, clock = read(s3)
    assert data == DATA
    assert len(clock.sleeps) == 80
    assert max(clock.sleeps) == min(clock.sleeps)  # each byte read forgives the failures before it


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (client_error("PreconditionFailed", 412), ObjectSuperseded),
        (client_error("412", 412), ObjectSuperseded),
        (client_error("NoSuchKey", 404), ObjectSuperseded),
        (client_error("NoSuchVersion", 404), ObjectSuperseded),
        (client_error("NoSuchBucket", 404), FileMissing),
        (client_error("AccessDenied", 403), AccessDenied),
        (client_error("InvalidRange", 416), ServiceFault),
        (NoCredentialsError(), AccessDenied),
    ],
)
def test_what_trying_again_does_not_fix_is_not_tried_again(error: Exception, kind: type[IngestError]) -> None:
    s3 = ScriptedS3(None, error)
    with pytest.raises(kind) as caught:
        read(s3)
    assert type(caught.value) is kind
    assert caught.value.__cause__ is error
    assert len(s3.calls) == 2


def test_another_range_than_was_asked_for_is_never_handed_on() -> None:
    clock = ScriptedClock()
    s3 = ScriptedS3(None, ignores_ranges)
    portions = S3Objects(client=s3, clock=clock, range_bytes=1000).portions(FILE)  # type: ignore[arg-type]
    assert next(portions) == DATA[:1000]
    with pytest.raises(ServiceFault, match="a different range"):
        next(portions)
    assert clock.sleeps == []


def test_an_object_of_another_size_than_was_reported_is_not_read() -> None:
    file = FileVersion("b", "k", etag="e", size_bytes=len(DATA) - 1)
    portions = S3Objects(client=ScriptedS3(), clock=ScriptedClock()).portions(file)  # type: ignore[arg-type]
    with pytest.raises(ServiceFault, match=f"has {len(DATA)} bytes, not the {len(DATA) - 1} that were reported"):
        next(portions)


def test_more_bytes_than_were_asked_for_are_not_read() -> None:
    def longer(data: bytes) -> StreamingBody:
        return whole(data + b"more")

    portions = S3Objects(client=ScriptedS3(longer), clock=ScriptedClock(), range_bytes=1000).portions(FILE)  # type: ignore[arg-type]
    with pytest.raises(ServiceFault, match="more bytes"):
        list(portions)


def test_an_archived_object_is_not_asked_for_again_and_says_what_to_do() -> None:
    s3 = ScriptedS3(client_error("InvalidObjectState", 403))
    with pytest.raises(ObjectArchived, match=r"is archived, in S3 Glacier or .* Restore it") as caught:
        read(s3)
    assert len(s3.calls) == 1
    assert FILE.url in str(caught.value)


def test_portions_are_small_whatever_the_range() -> None:
    big = bytes(5_000_000)
    s3 = ScriptedS3(data=big)
    file = FileVersion("b", "k", etag="e", size_bytes=len(big))
    portions = list(S3Objects(client=s3, clock=ScriptedClock()).portions(file))  # type: ignore[arg-type]
    assert b"".join(portions) == big
    assert max(map(len, portions)) <= 1024 * 1024


# --- against moto ---


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        own = client("s3")
        own.create_bucket(Bucket="landing", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield own


def objects(s3: Any) -> S3Objects:
    return S3Objects(client=s3, clock=ScriptedClock(), range_bytes=1000)


def test_a_file_that_is_known_in_full_is_found_without_a_question() -> None:
    assert S3Objects(client=None, clock=ScriptedClock()).find(FILE) is FILE  # type: ignore[arg-type]


def test_what_a_notification_left_out_is_asked_of_s3(s3: Any) -> None:
    etag = s3.put_object(Bucket="landing", Key="k", Body=DATA)["ETag"].strip('"')
    file = FileVersion("landing", "k", sequencer="0A", event_time="t")
    found = objects(s3).find(file)
    assert found == FileVersion("landing", "k", etag=etag, sequencer="0A", size_bytes=len(DATA), event_time="t")
    assert b"".join(objects(s3).portions(found)) == DATA


def test_an_object_overwritten_after_it_was_found_is_superseded(s3: Any) -> None:
    s3.put_object(Bucket="landing", Key="k", Body=DATA)
    found = objects(s3).find(FileVersion("landing", "k"))
    portions = objects(s3).portions(found)
    assert next(portions) == DATA[:1000]
    s3.put_object(Bucket="landing", Key="k", Body=DATA[::-1])
    with pytest.raises(ObjectSuperseded):
        next(portions)


def test_an_old_version_of_a_versioned_object_is_still_read(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="landing", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="landing", Key="k", Body=DATA)["VersionId"]
    s3.put_object(Bucket="landing", Key="k", Body=b"new")
    found = objects(s3).find(FileVersion("landing", "k", version_id=version))
    assert b"".join(objects(s3).portions(found)) == DATA


@pytest.mark.parametrize("key", ["gone", "a 50% of 1+1 ü.csv"])
def test_an_object_that_is_not_there_is_superseded(s3: Any, key: str) -> None:
    with pytest.raises(ObjectSuperseded, match="looking up s3://landing/"):
        objects(s3).find(FileVersion("landing", key))
    with pytest.raises(ObjectSuperseded):
        list(objects(s3).portions(FileVersion("landing", key, etag="e", size_bytes=5)))


@pytest.mark.parametrize(
    "listed",
    [(), ({"Key": FILE.key + ".bak", "ETag": '"e1"'},), ({"Key": FILE.key, "ETag": '"e2"'},)],
    ids=["nothing is there", "another key is there", "another object is there"],
)
def test_a_refused_read_of_an_object_that_is_gone_is_superseded(listed: Any) -> None:
    """S3 answers 403, not 404, to a reader who may not list the whole bucket."""
    with pytest.raises(ObjectSuperseded, match="deleted or overwritten"):
        read(ScriptedS3(client_error("AccessDenied", 403), listed=listed))


@pytest.mark.parametrize("listed", [({"Key": FILE.key, "ETag": '"e1"'},), client_error("AccessDenied", 403)])
def test_a_refused_read_of_an_object_that_is_or_may_be_there_is_a_refusal(listed: Any) -> None:
    with pytest.raises(AccessDenied):
        read(ScriptedS3(client_error("AccessDenied", 403), listed=listed))


class RefusingS3:
    """S3 to a reader that may list versions, whose reads it refuses with 403, be the version there or not.

    It lists four versions a page.
    """

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        s3.meta.events.register(
            "provide-client-params.s3.ListObjectVersions", lambda params, **_: params | {"MaxKeys": 4}
        )

    def get_object(self, **call: Any) -> Any:
        raise client_error("AccessDenied", 403)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)


@pytest.mark.parametrize("others", [0, 3, 9])
def test_a_version_that_was_deleted_is_superseded_although_another_has_its_content(s3: Any, others: int) -> None:
    s3.put_bucket_versioning(Bucket="landing", VersioningConfiguration={"Status": "Enabled"})
    versions = [s3.put_object(Bucket="landing", Key="k", Body=b"same") for _ in range(2 + others)]
    s3.put_object(Bucket="landing", Key="k.more", Body=b"same")
    etag, deleted, kept = versions[0]["ETag"].strip('"'), versions[0]["VersionId"], versions[1]["VersionId"]
    s3.delete_object(Bucket="landing", Key="k", VersionId=deleted)
    refusing = objects(RefusingS3(s3))
    with pytest.raises(ObjectSuperseded, match="deleted or overwritten"):
        list(refusing.portions(FileVersion("landing", "k", version_id=deleted, etag=etag, size_bytes=4)))
    with pytest.raises(AccessDenied):
        list(refusing.portions(FileVersion("landing", "k", version_id=kept, etag=etag, size_bytes=4)))


def test_a_version_under_a_delete_marker_is_still_read(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="landing", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="landing", Key="k", Body=DATA)["VersionId"]
    s3.delete_object(Bucket="landing", Key="k")
    file = FileVersion("landing", "k", version_id=version, size_bytes=len(DATA))
    assert b"".join(objects(s3).portions(file)) == DATA
    s3.delete_object(Bucket="landing", Key="k", VersionId=version)
    with pytest.raises(ObjectSuperseded):
        list(objects(s3).portions(file))


def test_an_etag_the_notification_reported_must_still_be_the_objects(s3: Any) -> None:
    """The size was left out, and the object was overwritten before it was asked for."""
    s3.put_object(Bucket="landing", Key="k", Body=DATA)
    with pytest.raises(ObjectSuperseded):
        list(objects(s3).portions(objects(s3).find(FileVersion("landing", "k", etag="of an older one"))))


# --- listing


class ListedBucket:
    """An S3 client that lists keys, two at a time, in the order of their UTF-8 bytes; it counts the requests."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = sorted(set(keys), key=lambda key: key.encode())
        self.requests = 0

    def get_paginator(self, name: str) -> "ListedBucket":
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, StartAfter: str) -> Iterator[Any]:
        keys = [key for key in self._keys if key.encode() > StartAfter.encode()]
        for start in range(0, max(1, len(keys)), 2):
            self.requests += 1
            things = keys[start : start + 2]
            yield {"Contents": [{"Key": k, "ETag": '"e"', "Size": 1, "LastModified": CHANGED} for k in things]}


CHANGED = datetime(2026, 11, 29, tzinfo=UTC)


def outside(bucket: ListedBucket, prefixes: Iterable[str]) -> list[str]:
    listing: Any = bucket
    return [file.key for file in S3Listing(client=listing).outside("landing", prefixes)]


KEYS = st.text("aä/\U0010ffff", min_size=1, max_size=5)


@given(st.lists(KEYS, max_size=12), st.lists(KEYS, max_size=4))
def test_outside_of_prefixes_is_every_object_under_none_of_them(keys: list[str], prefixes: list[str]) -> None:
    expected = sorted({key for key in keys if not key.startswith(tuple(prefixes))})
    assert outside(ListedBucket(keys), prefixes) == expected


def test_what_is_under_a_prefix_is_not_listed_to_find_what_is_not() -> None:
    keys = [f"{prefix}/{number}.csv" for prefix in ("in", "out") for number in range(1000)]
    bucket = ListedBucket([*keys, "stray.csv"])
    assert outside(bucket, ["out/", "in/"]) == ["stray.csv"]
    assert bucket.requests == 3


# --- archived objects ---


class Heads:
    """A client that knows the head of one object."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []

    def head_object(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "readable"),
    [
        ({}, True),
        ({"StorageClass": "GLACIER"}, False),
        ({"StorageClass": "DEEP_ARCHIVE", "Restore": 'ongoing-request="true"'}, False),
        ({"StorageClass": "GLACIER", "Restore": 'ongoing-request="false", expiry-date="Fri, 21 Dec 2029"'}, True),
        ({"StorageClass": "GLACIER_IR"}, True),
        ({"StorageClass": "INTELLIGENT_TIERING", "ArchiveStatus": "ARCHIVE_ACCESS"}, False),
        ({"StorageClass": "INTELLIGENT_TIERING"}, True),
        (client_error("404", 404), False),
        (client_error("412", 412), False),
        (client_error("403", 403), False),
    ],
)
def test_whether_an_archived_object_can_be_read(answer: dict[str, Any] | Exception, *, readable: bool) -> None:
    heads = Heads(answer)
    assert S3Listing(client=heads).is_readable(FILE) is readable  # type: ignore[arg-type]
    assert heads.asked == [{"Bucket": "landing", "Key": FILE.key, "IfMatch": '"e1"'}]
