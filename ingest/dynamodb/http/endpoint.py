"""Where DynamoDB is, as botocore would find it: settings, endpoint rules, certificates, proxies."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from ingest.contract import BATCH_WRITE_ITEM


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a connection and a signature must know of a service."""

    scheme: str
    host: str
    port: int
    path: str
    region: str
    signing_name: str
    user_agent: str
    proxy: str | None = None
    authorities: str | None = None  # path of the certificates that TLS trusts

    @property
    def host_header(self) -> str:
        """The Host header: with its port, unless that is the scheme's."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"

    def tls(self) -> ssl.SSLContext | None:
        """Return what TLS needs; None for plain HTTP."""
        if self.scheme != "https":
            return None
        context = ssl.create_default_context(cafile=self.authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


API = "DynamoDB_20120810"
_PORTS = {"http": 80, "https": 443}


def find_endpoint(client: Any, table: str, *, ca_bundle: str | None = None) -> Endpoint:
    """Return where botocore's client would send what it writes to a table.

    Asked of botocore itself, by a request that is prepared and signed and then not sent: whatever its settings are
    (AWS_ENDPOINT_URL, FIPS, dual stack, endpoints by account), they count. `ca_bundle` is its setting of that name.

    Raises:
        BotoCoreError: no region, no credentials, or a wrong setting.
    """
    request = _prepared(client, table)
    url = urlsplit(str(request.url))
    _, _, region, service, _ = _scope(request)
    proxies = client.meta.config.proxies or get_environ_proxies(request.url)
    return Endpoint(
        scheme=url.scheme,
        host=url.hostname or "",
        port=url.port or _PORTS[url.scheme],
        path=url.path or "/",
        region=region,
        signing_name=service,
        user_agent=client.meta.config.user_agent,
        proxy=proxies.get(url.scheme),
        authorities=ca_bundle or str(get_cert_path(True)),
    )


def _prepared(client: Any, table: str) -> AWSPreparedRequest:
    """Return a request as it would be sent, by the documented event that may answer in place of the service."""
    seen: list[AWSPreparedRequest] = []

    def instead_of_sending(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        seen.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), _Nothing())

    event = f"before-send.dynamodb.{BATCH_WRITE_ITEM}"
    client.meta.events.register_first(event, instead_of_sending)
    try:
        client.batch_write_item(RequestItems={table: [{}]})  # not sent: what it would write does not matter
    finally:
        client.meta.events.unregister(event, instead_of_sending)
    return seen[0]


class _Nothing:
    """The body of an answer that was never sent."""

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield b"{}"


def _scope(request: AWSPreparedRequest) -> list[str]:
    """Return key id, date, region, service and the word aws4_request."""
    authorization = request.headers["Authorization"]
    text = authorization.decode() if isinstance(authorization, bytes) else str(authorization)
    return text.partition("Credential=")[2].partition(",")[0].split("/")
