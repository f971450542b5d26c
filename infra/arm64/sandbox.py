"""Runs the function on an emulated machine, with our own runtime API and the services named in its variables."""

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from infra import bundle
from infra.arm64.machine import Machine
from ingest import contract

HOST = "127.0.0.1"
NAME = "arm64"
INIT_S = 300.0  # an emulated processor takes 20 s for what takes Lambda one second
POLL_S = 0.2
NEXT, RESPONSE = "next", "response"


class FunctionError(RuntimeError):
    """The function ended, or returned an error; has its message."""


class RuntimeApi(ThreadingHTTPServer):
    """Lambda's runtime API for the runtime client: it delivers one event at a time, on 127.0.0.1.

    `heard` has the requests received, in order: the last part of the path (next, response or error), and the body.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Answers)
        self.events: queue.Queue[tuple[bytes, float] | None] = queue.Queue()  # None: close the connection
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()

    @property
    def address(self) -> str:
        """Host and port, as AWS_LAMBDA_RUNTIME_API has them."""
        return f"{HOST}:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do not report a connection closed by the function's end."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @contextlib.contextmanager
    def served(self) -> Iterator[None]:
        """Serve during a `with` block."""
        thread = threading.Thread(target=self.serve_forever)
        thread.start()
        try:
            yield
        finally:
            self.events.put(None)
            self.shutdown()
            thread.join()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # buffered: a response in one packet is not delayed for an acknowledgement
    server: RuntimeApi

    def do_GET(self) -> None:
        """Respond to `invocation/next` once there is an event."""
        self.server.heard.put((NEXT, b""))
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
        else:
            self._send(200, *event)

    def do_POST(self) -> None:
        """Record the response to an event, or an error, before the client requests the next on another connection."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.heard.put((self.path.rpartition("/")[2], body))
        self._send(202, b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def _send(self, status: int, body: bytes, left_s: float = 0.0) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Lambda-Runtime-Aws-Request-Id", f"request-{time.monotonic_ns()}")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(round(1000 * (time.time() + left_s))))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", f"arn:aws:lambda:local:000000000000:function:{NAME}")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


@dataclass(slots=True)
class EmulatedFunction:
    """A running function. `init_s`: emulated seconds from its start to its first request for an event."""

    process: subprocess.Popen[bytes]
    api: RuntimeApi
    log: Path
    init_s: float = 0.0

    def answer(self, event: Mapping[str, Any], left_s: float) -> Any:
        """Return the handler's response to an event; `left_s` is the remaining time that the handler sees.

        Raises:
            FunctionError: the function did not respond.
        """
        self.api.events.put((json.dumps(event).encode(), left_s))
        answer = self.wait_for(RESPONSE, left_s)
        self.wait_for(NEXT, left_s)
        return json.loads(answer)

    def wait_for(self, wanted: str, patience_s: float) -> bytes:
        """Return the body of the runtime client's next request, which must be of the wanted kind.

        Raises:
            FunctionError: it sent another kind of request, or none.
        """
        until_s = time.monotonic() + patience_s
        while time.monotonic() < until_s and self.process.poll() is None:
            with contextlib.suppress(queue.Empty):
                kind, body = self.api.heard.get(timeout=POLL_S)
                if kind == wanted:
                    return body
                raise FunctionError(f"The runtime client says {kind}: {body.decode(errors='replace')[:2000]}")
        state = "is not done yet" if self.process.poll() is None else f"ended with {self.process.returncode}"
        raise FunctionError(f"The function {state}; the end of its log: {self.log.read_text(errors='replace')[-2000:]}")


@contextlib.contextmanager
def running(machine: Machine, code: Path, variables: Mapping[str, str], folder: Path) -> Iterator[EmulatedFunction]:
    """Yield the function in a zip, ready for events; it ends with the block. Its code and log go to `folder`.

    Raises:
        FunctionError: it does not start.
    """
    task, log = folder / "task", folder / "function.log"
    with zipfile.ZipFile(code) as archive:
        archive.extractall(task)
    command = [*machine.python, "-m", "awslambdaric", contract.HANDLER]
    with RuntimeApi() as api, api.served(), log.open("wb") as output:
        env, begun_s = {**variables, **environment(machine, task, api.address)}, time.monotonic()
        with subprocess.Popen(
            command, env=env, cwd=task, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        ) as process:
            function = EmulatedFunction(process, api, log)
            try:
                function.wait_for(NEXT, INIT_S)
                function.init_s = time.monotonic() - begun_s
                yield function
            finally:
                process.kill()


def environment(machine: Machine, task: Path, api: str) -> dict[str, str]:
    """Return the variables that Lambda itself sets."""
    return {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{bundle.PYTHON}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048",
        "AWS_LAMBDA_FUNCTION_NAME": NAME,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_RUNTIME_API": api,
        "LAMBDA_TASK_ROOT": str(task),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(machine.runtime),
        "TZ": ":UTC",
        "_HANDLER": contract.HANDLER,
    }
