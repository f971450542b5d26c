import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, IncompleteReadError, ResponseStreamingError

from ingest.aws.s3 import S3Objects
from ingest.file import FileVersion
from loadtest.s3_server import ObjectServer
from tests.support.fakes import ScriptedClock

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
ROOT = Path(__file__).parents[3]
CONTENT = bytes(range(256)) * 1000
KEY = "orders/2026 09/Köln+1.csv"
ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "served/bucket" / KEY
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    (path.parent / "empty.csv").touch()
    (tmp_path / "secret").write_text("not served")
    return tmp_path / "served"


@pytest.fixture(params=[False, True], ids=["http", "https"])
def server(request: pytest.FixtureRequest, folder: Path) -> Iterator[ObjectServer]:
    with ObjectServer(folder, tls=request.param) as running:
        yield running


def client(server: ObjectServer) -> Any:
    verify = server.ca_file and str(server.ca_file)
    return boto3.client("s3", endpoint_url=server.url, config=ONCE, verify=verify)


def status_of(error: pytest.ExceptionInfo[ClientError]) -> int:
    return int(error.value.response["ResponseMetadata"]["HTTPStatusCode"])


def test_an_object_is_described_and_read_whole(server: ObjectServer) -> None:
    s3 = client(server)
    head, got = s3.head_object(Bucket="bucket", Key=KEY), s3.get_object(Bucket="bucket", Key=KEY)
    assert head["ContentLength"] == got["ContentLength"] == len(CONTENT)
    assert head["ETag"] == got["ETag"]
    assert got["Body"].read() == CONTENT
    assert s3.get_object(Bucket="bucket", Key="orders/2026 09/empty.csv")["Body"].read() == b""
    assert server.counts == {"requests": 3, "bytes": len(CONTENT), "cut": 0, "writes": 0}


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("0-0", 0, 1),
        ("10-19", 10, 20),
        ("255000-999999999", 255_000, 256_000),
        ("1000-", 1000, 256_000),
        ("-5", -5, None),
    ],
)
def test_a_range_is_what_was_asked_for(server: ObjectServer, asked: str, first: int, end: int | None) -> None:
    got = client(server).get_object(Bucket="bucket", Key=KEY, Range=f"bytes={asked}")
    body = got["Body"].read()
    assert body == CONTENT[first:end]
    begin = first % len(CONTENT)
    assert got["ContentRange"] == f"bytes {begin}-{begin + len(body) - 1}/{len(CONTENT)}"
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206


@pytest.mark.parametrize("asked", ["256000-", "999999-1000000", "-0", "20-10"])
def test_a_range_that_holds_nothing_is_refused(server: ObjectServer, asked: str) -> None:
    with pytest.raises(ClientError, match="InvalidRange") as error:
        client(server).get_object(Bucket="bucket", Key=KEY, Range=f"bytes={asked}")
    assert status_of(error) == 416


@pytest.mark.parametrize("key", ["orders/none.csv", "orders", "../../secret", "../../../etc/passwd"])
def test_what_is_not_a_file_in_the_folder_is_not_there(server: ObjectServer, key: str) -> None:
    with pytest.raises(ClientError, match="NoSuchKey"):
        client(server).get_object(Bucket="bucket", Key=key)
    with pytest.raises(ClientError) as error:
        client(server).head_object(Bucket="bucket", Key=key)
    assert status_of(error) == 404


def test_a_version_that_is_gone_is_refused(server: ObjectServer, folder: Path) -> None:
    s3 = client(server)
    etag = s3.head_object(Bucket="bucket", Key=KEY)["ETag"]
    assert s3.get_object(Bucket="bucket", Key=KEY, IfMatch=etag)["ETag"] == etag
    (folder / "bucket" / KEY).write_bytes(CONTENT[::-1])
    with pytest.raises(ClientError, match="PreconditionFailed") as error:
        s3.get_object(Bucket="bucket", Key=KEY, IfMatch=etag)
    assert status_of(error) == 412


def test_a_share_of_the_answers_is_cut_and_the_same_ones_with_the_same_seed(folder: Path) -> None:
    def cut_ones(seed: int) -> list[bool]:
        with ObjectServer(folder, cut_share=0.5, seed=seed) as server:
            s3 = client(server)
            found = [is_cut(s3) for _ in range(20)]
            assert server.counts["cut"] == sum(found)
            return found

    assert cut_ones(1) == cut_ones(1) != cut_ones(2)
    assert 3 < sum(cut_ones(1)) < 17


def is_cut(s3: Any) -> bool:
    body = s3.get_object(Bucket="bucket", Key=KEY)["Body"]
    try:
        return bool(body.read() != CONTENT)
    except (IncompleteReadError, ResponseStreamingError):
        return True


def test_the_product_reads_a_file_whose_answers_are_cut(folder: Path) -> None:
    with ObjectServer(folder, cut_share=0.4) as server:
        objects = S3Objects(client=client(server), clock=ScriptedClock(), range_bytes=30_000)
        found = objects.find(FileVersion(bucket="bucket", key=KEY))
        assert b"".join(objects.portions(found)) == CONTENT
        assert server.counts["cut"] > 0


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_from_0_to_1(share: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        ObjectServer(None, cut_share=share)


def test_an_endpoint_ends_while_clients_are_connected(folder: Path) -> None:
    with ObjectServer(folder) as server:
        port = int(server.url.rpartition(":")[2])
        idle = socket.create_connection(("127.0.0.1", port))
        s3 = client(server)
        s3.head_object(Bucket="bucket", Key=KEY)
    assert idle.recv(1) == b""
    idle.close()


def test_it_runs_as_a_process_of_its_own(folder: Path) -> None:
    command = [sys.executable, "-m", "loadtest", "s3-server", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        s3 = boto3.client("s3", endpoint_url=process.stdout.readline().strip(), config=ONCE)
        assert s3.head_object(Bucket="bucket", Key=KEY)["ContentLength"] == len(CONTENT)
        process.send_signal(signal.SIGTERM)
        counts = json.loads(process.stdout.read())
        assert counts == {"requests": 1, "bytes": 0, "cut": 0, "writes": 0}
    assert process.returncode == 0


def test_what_is_not_in_the_folder_is_what_the_server_behind_it_has(folder: Path, tmp_path: Path) -> None:
    there = tmp_path / "there/bucket/orders"
    there.mkdir(parents=True)
    (there / "other.csv").write_bytes(b"id\n1\n")
    with (
        ObjectServer(tmp_path / "there") as behind,
        ObjectServer(folder, upstream=behind.url) as server,
    ):
        s3 = client(server)
        assert s3.get_object(Bucket="bucket", Key=KEY)["Body"].read() == CONTENT
        other = s3.get_object(Bucket="bucket", Key="orders/other.csv", Range="bytes=3-")
        assert (other["Body"].read(), other["ContentRange"]) == (b"1\n", "bytes 3-4/5")
        assert s3.head_object(Bucket="bucket", Key="orders/other.csv")["ContentLength"] == 5
        with pytest.raises(ClientError, match="NoSuchKey"):
            s3.get_object(Bucket="bucket", Key="orders/none.csv")
        assert (server.counts["requests"], behind.counts["requests"]) == (1, 2)


def test_nothing_can_be_put_where_no_server_is_behind(server: ObjectServer) -> None:
    with pytest.raises(ClientError, match="MethodNotAllowed"):
        client(server).put_object(Bucket="bucket", Key="a", Body=b"x")
