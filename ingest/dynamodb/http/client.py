"""Signs requests and keeps many in flight over kept-alive connections, from one thread.

Signature Version 4 is applied many times a second, so all that does not depend on the body is prepared once a second.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import selectors
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import botocore.session
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from ingest.aws.errors import aws_call, translate
from ingest.contract import BATCH_GET_ITEM, BATCH_WRITE_ITEM
from ingest.dynamodb.http.connection import API, Connection, ConnectionLostError, Endpoint, find_endpoint
from ingest.dynamodb.http.response import Answer

T = TypeVar("T")
LOOK_EVERY_S = 0.1  # interval of the check for requests that timed out
MAX_IDLE_S = 15.0  # a function may be frozen between files, and intermediaries drop idle connections
REPEATABLE = (BATCH_WRITE_ITEM, BATCH_GET_ITEM)  # idempotent: sent twice, they have the effect of one


@dataclass(slots=True)
class _UnderWay(Generic[T]):
    ticket: T
    body: bytes
    operation: str
    until_s: float
    is_second_try: bool = False


class Exchange(Generic[T]):
    """Sends request bodies and returns the responses, each with the ticket of its request.

    Holds one connection for each request in flight, and per connection one request and one response. `sign` makes an
    HTTP request of a body and an operation. If a kept-alive connection turns out to be closed, the request is sent over
    a new one, once, if its operation is `REPEATABLE`: any other, perhaps conditional, may have been carried out.
    Idle connections stay registered: this saves two system calls a request, and shows when the other side closes one.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        sign: Callable[[bytes, str], bytes],
        *,
        connect_timeout_s: float = 5.0,
        answer_timeout_s: float = 10.0,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = endpoint
        self._tls = endpoint.tls()
        self._sign = sign
        self._connect_timeout_s = connect_timeout_s
        self._answer_timeout_s = answer_timeout_s
        self._now_s = now_s
        self._selector = selectors.DefaultSelector()
        self._idle: list[tuple[Connection, float]] = []
        self._busy: dict[Connection, _UnderWay[T]] = {}
        self._failed: list[tuple[T, ConnectionLostError]] = []
        self._look_at_s = 0.0

    @property
    def in_flight(self) -> int:
        """The number of requests whose outcome `poll` has not returned yet."""
        return len(self._busy) + len(self._failed)

    def start(self, ticket: T, body: bytes, operation: str = BATCH_WRITE_ITEM) -> None:
        """Start a request. A failure to send it, too, is returned by `poll`."""
        self._begin(_UnderWay(ticket, body, operation, self._now_s() + self._answer_timeout_s))

    def poll(self, timeout_s: float) -> list[tuple[T, Answer | ConnectionLostError]]:
        """Return the responses and failures since the last call, waiting at most `timeout_s` for the first."""
        done: list[tuple[T, Answer | ConnectionLostError]] = [*self._failed]
        self._failed.clear()
        for key, events in self._selector.select(0 if done else timeout_s):
            connection: Connection = key.data
            if connection not in self._busy:
                self._forget(connection)
            elif outcome := self._advance(connection, events):
                done.append(outcome)
        now_s = self._now_s()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_EVERY_S
            done += self._timed_out(now_s)
        return done

    def close(self) -> None:
        """Abandon the requests in flight, and close all connections."""
        for connection in [*self._busy, *(connection for connection, _ in self._idle)]:
            connection.close()
        self._busy.clear()
        self._idle.clear()
        self._selector.close()

    def _begin(self, work: _UnderWay[T]) -> None:
        try:
            connection = self._connection(fresh=work.is_second_try)
        except ConnectionLostError as error:
            self._failed.append((work.ticket, error))
            return
        self._busy[connection] = work
        try:
            connection.send(self._sign(work.body, work.operation))
        except ConnectionLostError as error:
            self._lose(connection, error)
        else:
            if connection.wants_to_write:
                self._selector.modify(connection, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)

    def _connection(self, *, fresh: bool) -> Connection:
        while self._idle and not fresh:
            connection, since_s = self._idle.pop()
            if self._now_s() - since_s < MAX_IDLE_S:
                return connection
            self._end(connection)
        connection = Connection(self._endpoint, self._tls, timeout_s=self._connect_timeout_s)
        self._selector.register(connection, selectors.EVENT_READ, connection)
        return connection

    def _advance(self, connection: Connection, events: int) -> tuple[T, Answer] | None:
        try:
            if events & selectors.EVENT_WRITE:
                connection.push()
                if not connection.wants_to_write:
                    self._selector.modify(connection, selectors.EVENT_READ, connection)
            answer = connection.pull()
        except ConnectionLostError as error:
            self._lose(connection, error)
            return None
        if answer is None:
            return None
        return self._release(connection, keep=answer.keeps_alive and not connection.wants_to_write), answer

    def _release(self, connection: Connection, *, keep: bool) -> T:
        if keep:
            self._idle.append((connection, self._now_s()))
        else:
            self._end(connection)
        return self._busy.pop(connection).ticket

    def _forget(self, connection: Connection) -> None:
        """Close an idle connection that is readable: the other side closed it or sent unrequested bytes."""
        self._idle = [(other, since_s) for other, since_s in self._idle if other is not connection]
        self._end(connection)

    def _end(self, connection: Connection) -> None:
        self._selector.unregister(connection)
        connection.close()

    def _lose(self, connection: Connection, error: ConnectionLostError) -> None:
        work = self._busy[connection]
        is_stale = connection.answers > 0 and not connection.has_received
        self._release(connection, keep=False)
        if is_stale and work.operation in REPEATABLE and not work.is_second_try:
            work.is_second_try = True
            self._begin(work)
        else:
            self._failed.append((work.ticket, error))

    def _timed_out(self, now_s: float) -> list[tuple[T, ConnectionLostError]]:
        late = [connection for connection, work in self._busy.items() if work.until_s < now_s]
        error = ConnectionLostError(f"no answer came within {self._answer_timeout_s:.0f} s")
        return [(self._release(connection, keep=False), error) for connection in late]


class AwsSession(Protocol):
    """The part of `boto3.Session` that is used; a substitute provides it where boto3 is not imported."""

    @property
    def region_name(self) -> str | None:
        """The region of clients."""

    @property
    def client(self) -> Callable[..., Any]:
        """Makes a client."""

    @property
    def resource(self) -> Callable[..., Any]:
        """Makes one of boto3's resources."""

    def get_credentials(self) -> Credentials | None:
        """Return the credentials, if there are any."""


def table_exchange(session: AwsSession, client: Any, table: str) -> Exchange[Any]:
    """Return an exchange for a table, with the endpoint that `client` would use.

    Raises:
        IngestError: there are no credentials or no region, or a setting is wrong.
    """
    try:
        credentials = session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        ca_bundle = botocore.session.get_session().get_config_variable("ca_bundle")
        endpoint = find_endpoint(client, table, ca_bundle=ca_bundle)
    except (BotoCoreError, ClientError) as error:
        raise translate(error, f"preparing to write to table {table}") from error

    def current() -> ReadOnlyCredentials:
        """Return the credentials; botocore renews them shortly before they expire, which may fail."""
        with aws_call(f"renewing the credentials to write to table {table}"):
            return credentials.get_frozen_credentials()

    return Exchange(endpoint, Signer(endpoint, credentials=current).request)


CONTENT_TYPE = "application/x-amz-json-1.0"
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))  # of HMAC (RFC 2104)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The parts that the requests of one operation share for a second: hashes up to where the body's hash is added, and
    the head up to the signature.

    Copying a hash takes half the time of creating one. `inner` and `outer` are HMAC's two hashes: copying both takes
    half the time of one `hmac` object.
    """

    canonical: "hashlib._Hash"
    inner: "hashlib._Hash"
    outer: "hashlib._Hash"
    head: bytes


class Signer:
    """Signs POST requests to an endpoint. `credentials` is called once a second, so that renewed ones are used."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        credentials: Callable[[], ReadOnlyCredentials],
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        self._now_s = now_s
        self._second = -1
        self._prepared: dict[str, _Prepared] = {}  # by operation

    def request(self, body: bytes, operation: str) -> bytes:
        """Return the whole HTTP request for an operation's body: head and body as one bytes object."""
        second = int(self._now_s())
        if second != self._second:
            self._prepared, self._second = {}, second
        ready = self._prepared.get(operation) or self._prepare(operation)
        canonical, inner, outer = ready.canonical.copy(), ready.inner.copy(), ready.outer.copy()
        canonical.update(hashlib.sha256(body).hexdigest().encode())
        inner.update(canonical.hexdigest().encode())
        outer.update(inner.digest())
        return b"%s%s\r\nContent-Length: %d\r\n\r\n%s" % (ready.head, outer.hexdigest().encode(), len(body), body)

    def _prepare(self, operation: str) -> _Prepared:
        credentials = self._credentials()
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._second))
        scope = f"{date[:8]}/{self._endpoint.region}/{self._endpoint.signing_name}/aws4_request"
        headers = {
            "content-type": CONTENT_TYPE,
            "host": self._endpoint.host_header,
            "x-amz-date": date,
            **({"x-amz-security-token": credentials.token} if credentials.token else {}),
            "x-amz-target": f"{API}.{operation}",
        }
        signed = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={signed}, Signature="
        )
        head = [f"POST {self._endpoint.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        head += [f"user-agent: {self._endpoint.user_agent}", f"authorization: {authorization}"]
        key = _signing_key(credentials.secret_key or "", scope).ljust(64, b"\0")  # 32 bytes to a block
        prepared = self._prepared[operation] = _Prepared(
            canonical=hashlib.sha256(f"POST\n{self._endpoint.path}\n\n{lines}\n{signed}\n".encode()),
            inner=hashlib.sha256(key.translate(_INNER) + f"AWS4-HMAC-SHA256\n{date}\n{scope}\n".encode()),
            outer=hashlib.sha256(key.translate(_OUTER)),
            head="\r\n".join(head).encode(),
        )
        return prepared


def _signing_key(secret: str, scope: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
