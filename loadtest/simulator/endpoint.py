"""The common base of the endpoints on this machine: a URL, a certificate for it, running in their own process."""

import json
import signal
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import trustme

_ENDS = (signal.SIGINT, signal.SIGTERM)


class Endpoint(ABC):
    """Listens on 127.0.0.1 during one `with` block; with TLS, it makes a certificate at the start."""

    def __init__(self, *, tls: bool) -> None:
        self._is_tls, self._ends = tls, ExitStack()
        self.ca_file: Path | None = None  # for clients of a TLS endpoint to trust, by AWS_CA_BUNDLE or the like

    def __enter__(self) -> Self:
        with self._ends as ends:
            context = ends.enter_context(self._certified()) if self._is_tls else None
            self._port = ends.enter_context(self._listening(context))
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *how: object) -> None:
        self._ends.close()

    @property
    def url(self) -> str:
        """The endpoint's URL, for AWS_ENDPOINT_URL or the like."""
        return f"{'https' if self._is_tls else 'http'}://127.0.0.1:{self._port}"

    @abstractmethod
    def _listening(self, context: ssl.SSLContext | None) -> AbstractContextManager[int]:
        """Return a context that listens, and yields the port."""

    @contextmanager
    def _certified(self) -> Iterator[ssl.SSLContext]:
        authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        with authority.cert_pem.tempfile() as path:
            self.ca_file = Path(path)
            yield context


def serve(endpoint: Endpoint, counts: Callable[[], Any]) -> int:
    """Run an endpoint until Ctrl-C or SIGTERM. Prints its URL at the start, and its counts as JSON at the end.

    With TLS, the second line printed is the path of the certificate for clients to trust.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    with endpoint:
        print(endpoint.url, flush=True)
        if endpoint.ca_file:
            print(endpoint.ca_file, flush=True)
        signal.sigwait(_ENDS)
    print(json.dumps(counts()), flush=True)
    return 0
