"""microburst, a proxy that makes AWS answers fail, as a process of its own."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

Rule = dict[str, Any]
START_S = 120.0
SERVICES = ["dynamodb", "s3"]
# With the first request microburst reads the models of all services, which takes seconds; it needs those of ours alone.
PROGRAM = f"""
import sys
from botocore.session import Session
from microburst.cli import main
Session.get_available_services = lambda *_, **__: {SERVICES}
sys.exit(main())
"""
# Its first request reads these models; this one belongs to no test.
FIRST = {"Authorization": "AWS4-HMAC-SHA256 Credential=k/20261122/us-east-1/dynamodb/aws4_request, Signature=0"}
FIRST |= {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}


class Chaos:
    """A running microburst. Without rules it hands everything on."""

    def __init__(self, url: str) -> None:
        self.url = url

    def follow(self, *rules: Rule) -> None:
        """Follow these rules from now on, and no others."""
        self._ask("rules", json.dumps(rules).encode())

    def fired(self) -> Counter[str]:
        """Return how often each rule's fault happened, by operation and fault."""
        return Counter(f"{event['operation']} {event['action']}" for event in self._ask("fired?limit=2000"))

    def forget(self) -> None:
        """Drop all rules and what they did."""
        self.follow()
        self._ask("fired", method="DELETE")

    def _ask(self, what: str, data: bytes | None = None, method: str | None = None) -> Any:
        request = urllib.request.Request(f"{self.url}/_microburst/{what}", data, method=method)
        with _direct.open(request, timeout=5) as answer:
            return json.load(answer)


_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def chaos(upstream: str) -> Iterator[Chaos]:
    """Give a microburst in front of an endpoint for the length of the block."""
    port = free_port()
    command = [sys.executable, "-c", PROGRAM, "--upstream", upstream, "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    try:
        proxy = Chaos(f"http://127.0.0.1:{port}")
        until = time.monotonic() + START_S
        while not _is_up(proxy):
            assert process.poll() is None, "microburst did not start"
            assert time.monotonic() < until, "microburst does not answer"
            time.sleep(0.05)
        _send_first(proxy)
        yield proxy
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _send_first(proxy: Chaos) -> None:
    with suppress(urllib.error.HTTPError):
        _direct.open(urllib.request.Request(proxy.url, b"{}", FIRST), timeout=START_S).close()


def _is_up(proxy: Chaos) -> bool:
    try:
        return bool(proxy._ask("health"))
    except OSError:
        return False
