"""Credentials that expire in the middle of a file, and that botocore has fetched anew by then."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest

from tests.faults.chaos import Chaos, Rule
from tests.faults.conftest import Place, Way, assert_landed, once, simulator
from tests.faults.files import File

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("faults"),
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings(
        "ignore::pytest.PytestUnraisableExceptionWarning"
    ),  # the simulator's own, see `simulator`
]
OLD, NEW = "AKIAOLD", "AKIANEW"


class Vault(ThreadingHTTPServer):
    """What a container's credentials come from: short-lived ones, so that botocore asks before each use."""

    key = OLD

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Answer(BaseHTTPRequestHandler):
    server: Vault

    def do_GET(self) -> None:
        expiration = (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        key = {"AccessKeyId": self.server.key, "SecretAccessKey": "s", "Token": "t", "Expiration": expiration}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(key).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def vault() -> Iterator[Vault]:
    with Vault() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def keys(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    """Where the place's credentials come from."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with vault() as running:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", running.url)
        place.session = boto3.Session(region_name="us-east-1")
        yield running


def expired(service: str, code: str) -> Rule:
    return {"service": service, "headers": {"Authorization": OLD}, "error": {"code": code, "status": 400}}


def test_a_table_that_no_longer_takes_the_old_credentials_gets_the_new_ones(
    file: File, place: Place, way: Way, keys: Vault
) -> None:
    """The old ones are refused from the first request on: a rule set in the middle may come when all is written."""

    def renew() -> None:
        keys.key = NEW

    with simulator(port=way.port) as running:
        way.proxy.follow(expired("dynamodb", "ExpiredTokenException"))
        with once(lambda: way.proxy.fired().total() > 0, renew):
            outcome = place.load(file, way.proxy.url)
        assert_landed(outcome, file, running)


def test_storage_that_no_longer_takes_the_old_credentials_gets_the_new_ones(
    file: File, place: Place, storage: Chaos, keys: Vault
) -> None:
    def expire() -> None:
        storage.follow(expired("s3", "ExpiredToken"), expired("dynamodb", "ExpiredTokenException"))
        keys.key = NEW

    place.storage_url = storage.url
    with simulator() as running:
        with once(lambda: running.items > len(file.known_outcome) // 3, expire):
            outcome = place.load(file, running.url)
        assert_landed(outcome, file, running)
