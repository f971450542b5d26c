"""The simulator and the object endpoint as processes of their own, and the environment in which a party finds them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[3]


class Endpoint:
    """One endpoint for the length of a `with` block. Its `statistics` are there when it has ended."""

    def __init__(self, *arguments: str, tls: bool = False) -> None:
        self._command = [sys.executable, "-m", "loadtest", *arguments, *(["--tls"] if tls else [])]
        self._is_tls = tls
        self.statistics: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self.url = self._line()
        self.ca_file = Path(self._line()) if self._is_tls else None
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self.statistics = json.loads(self._process.communicate(timeout=60)[0])

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"an endpoint did not start: exit code {self._process.wait()}")
        return line


@contextmanager
def environment(folder: Path, *, s3: Endpoint, dynamodb: Endpoint) -> Iterator[dict[str, str]]:
    """Give what a process finds the endpoints by, and nothing else that AWS clients look at."""
    found: dict[str, str] = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and not name.lower().endswith("_proxy")
    }
    found |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
    found |= {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": os.devnull}
    found |= {"AWS_SHARED_CREDENTIALS_FILE": os.devnull, "PYTHONPATH": str(ROOT)}
    found |= {"AWS_ENDPOINT_URL_S3": s3.url, "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url}
    authorities = [endpoint.ca_file for endpoint in (s3, dynamodb) if endpoint.ca_file]
    if authorities:
        bundle = folder / "ca.pem"
        bundle.write_text("".join(path.read_text() for path in authorities))
        found["AWS_CA_BUNDLE"] = str(bundle)
    yield found
