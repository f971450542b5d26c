"""Certificates of endpoints that run side by side."""

import ssl
from pathlib import Path

from loadtest.simulator import certificate


def test_a_client_may_trust_several_endpoints_at_once(tmp_path: Path) -> None:
    servers = []
    for name in ("simulator", "s3"):
        (tmp_path / name).mkdir()
        servers.append(certificate.make(tmp_path / name))
    trusted = ssl.create_default_context(cadata="".join(ca_file.read_text() for _, ca_file in servers))
    for context, _ in servers:
        shake_hands(trusted, context)


def shake_hands(client_context: ssl.SSLContext, server_context: ssl.SSLContext) -> None:
    """Let both sides speak until the client has accepted the server's certificate.

    Raises:
        ssl.SSLCertVerificationError: it does not.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.getpeercert()
