"""Requests are signed as botocore signs them, and credentials may change while a file is under way."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dynamodb.http.client import CONTENT_TYPE, Signer
from ingest.dynamodb.http.connection import Endpoint

OPERATIONS = ("BatchWriteItem", "PutItem")
NOW_S = 1_795_366_862


def endpoint(**fields: Any) -> Endpoint:
    given = {"scheme": "https", "host": "dynamodb.eu-central-1.amazonaws.com", "port": 443, "path": "/"}
    named = {"region": "eu-central-1", "signing_name": "dynamodb", "user_agent": "tests"}
    return Endpoint(**{**given, **named, **fields})


def credentials(token: str | None = None, key: str = "AKID", secret: str = "secret") -> Any:
    return SimpleNamespace(access_key=key, secret_key=secret, token=token)


def headers_of(request: bytes) -> dict[str, str]:
    _, *lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def by_botocore(body: bytes, operation: str, of: Endpoint, frozen: Any, date: str) -> str:
    target = f"DynamoDB_20120810.{operation}"
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": target, "Host": of.host_header}
    request = AWSRequest("POST", f"{of.scheme}://{of.host_header}{of.path}", headers, body)
    request.context["timestamp"] = date
    if frozen.token:
        request.headers["X-Amz-Security-Token"] = frozen.token
    request.headers["X-Amz-Date"] = date
    auth = SigV4Auth(frozen, of.signing_name, of.region)
    canonical = auth.canonical_request(request)
    return str(auth.signature(auth.string_to_sign(request, canonical), request))


@pytest.mark.parametrize("token", [None, "t/o+k=en"])
@pytest.mark.parametrize(
    "of",
    [
        endpoint(),
        endpoint(scheme="http", host="127.0.0.1", port=4566),
        endpoint(host="111122223333.ddb.us-gov-west-1.amazonaws.com", region="us-gov-west-1"),
        endpoint(path="/behind/a/gateway"),
    ],
)
@given(body=st.binary(max_size=60))
def test_a_request_carries_the_signature_botocore_would_make(of: Endpoint, token: str | None, body: bytes) -> None:
    frozen = credentials(token)
    signer = Signer(of, credentials=lambda: frozen, now_s=lambda: NOW_S)
    for operation in OPERATIONS * 2:
        request = signer.request(body, operation)
        headers = headers_of(request)
        signature = headers["authorization"].partition("Signature=")[2]
        assert signature == by_botocore(body, operation, of, frozen, headers["x-amz-date"])
        assert request.endswith(b"\r\n\r\n" + body)
        assert (headers["content-length"], headers.get("x-amz-security-token")) == (str(len(body)), token)


def test_refreshed_credentials_are_used_from_the_next_second_on() -> None:
    given, times = [credentials(key="OLD"), credentials(key="NEW")], [1.0, 1.9, 2.0]
    signer = Signer(endpoint(), credentials=lambda: given.pop(0), now_s=lambda: times.pop(0))
    keys = [
        headers_of(signer.request(b"{}", "PutItem"))["authorization"].partition("Credential=")[2][:3] for _ in range(3)
    ]
    assert keys == ["OLD", "OLD", "NEW"]
