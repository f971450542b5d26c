"""TLS of endpoints that run side by side."""

import ssl
import urllib.error
import urllib.request

import pytest

from loadtest.s3_server import ObjectServer
from loadtest.simulator import Settings, Simulator

pytestmark = pytest.mark.enable_socket


def test_a_client_may_trust_several_endpoints_at_once() -> None:
    with Simulator(Settings(tls=True)) as simulator, ObjectServer(None, tls=True) as s3:
        assert simulator.ca_file and s3.ca_file
        trusted = ssl.create_default_context(cadata=simulator.ca_file.read_text() + s3.ca_file.read_text())
        for endpoint in (simulator, s3):
            with pytest.raises(urllib.error.HTTPError):  # an answer, and no error of TLS
                urllib.request.urlopen(endpoint.url, context=trusted)
