"""Start and stop the emulator, in its own pinned environment, on a free port of 127.0.0.1, in a temporary folder."""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from infra.local import environments, guarded
from ingest.errors import IngestError

HOST = "127.0.0.1"
REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
BUILD = Path(__file__).parent.parent.parent / "build"
START_TIMEOUT_S = 60.0  # takes about one second; longer on a loaded machine
STOP_TIMEOUT_S = 5.0


class EmulatorFault(IngestError):
    """The local stack could not be started, or rejected the template."""

    code = "emulator_fault"


@dataclass(frozen=True)
class Emulator:
    """A running ministack. `home` has its state and log and is removed with it; its process leads its own group.

    With `iam` it evaluates the caller's policies for each request, and accepts only TLS, as AWS does: our buckets and
    queues deny requests without TLS. With `dynamodb_url` the function uses the tables there instead of ministack's.
    """

    pid: int
    port: int
    home: Path
    iam: bool = False
    dynamodb_url: str | None = None

    @property
    def endpoint_url(self) -> str:
        """The endpoint of all AWS services."""
        return f"{'https' if self.iam else 'http'}://{HOST}:{self.port}"

    @property
    def ca_bundle(self) -> Path | None:
        """The certificate that it generates at its start; None without TLS."""
        return self.home / "ministack-tls" / "server.crt" if self.iam else None

    @property
    def log(self) -> Path:
        """The output of the emulator and the function."""
        return self.home / "ministack.log"


def install(build: Path = BUILD) -> Path:
    """Return the Python executable of ministack's environment, created on first use or when its pins have changed."""
    return environments.made(build / "ministack", REQUIREMENTS) / "python"


@contextlib.contextmanager
def running(*, iam: bool = False, dynamodb_url: str | None = None) -> Iterator[Emulator]:
    """Yield an emulator. It stops when the block or this process ends, even if the process is killed."""
    emulator, guard = _start(stdin=subprocess.PIPE, iam=iam, dynamodb_url=dynamodb_url)
    try:
        yield emulator
    finally:
        _end(emulator)
        if guard:
            guard.close()


def start(*, iam: bool = False) -> Emulator:
    """Return an emulator that outlives this process; `stop` ends it."""
    return _start(stdin=subprocess.DEVNULL, iam=iam)[0]


def stop(emulator: Emulator) -> None:
    """Stop an emulator started by `start`, possibly in another process. It may have ended already."""
    if is_healthy(emulator):  # else its process id may belong to another process by now
        _end(emulator)


def is_healthy(emulator: Emulator) -> bool:
    """Return whether it responds."""
    try:
        with _opener(emulator).open(f"{emulator.endpoint_url}/_ministack/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):  # also while it has no certificate
        return False


def _opener(emulator: Emulator) -> urllib.request.OpenerDirector:
    direct = urllib.request.ProxyHandler({})  # never through a proxy
    if emulator.ca_bundle is None:
        return urllib.request.build_opener(direct)
    trusting = ssl.create_default_context(cafile=str(emulator.ca_bundle))
    return urllib.request.build_opener(direct, urllib.request.HTTPSHandler(context=trusting))


def _start(*, stdin: int, iam: bool, dynamodb_url: str | None = None) -> tuple[Emulator, IO[bytes] | None]:
    """Return an emulator that responds, and the pipe that keeps it running, if `stdin` requests one."""
    if iam and not shutil.which("openssl"):
        raise EmulatorFault(
            "IAM locally requires TLS, and ministack generates its certificate with openssl; install openssl."
        )
    python = install()
    home = Path(tempfile.mkdtemp(prefix="ingest-local-"))
    port = free_port()
    with (home / "ministack.log").open("wb") as log:
        process = subprocess.Popen(
            [python, "-P", guarded.__file__],  # -P: this folder has a module `ministack` too
            env=_environment(home, port, iam=iam, dynamodb_url=dynamodb_url),
            cwd=home,
            stdin=stdin,
            stdout=log,
            stderr=log,
            start_new_session=True,  # the function's processes end with the group, and Ctrl-C does not reach it
        )
    emulator = Emulator(process.pid, port, home, iam, dynamodb_url)
    try:
        _wait_until_healthy(emulator, process)
    except BaseException:
        _end(emulator)
        raise
    process.returncode = 0  # `_end` waits for it, maybe in another process: prevents a warning of subprocess
    return emulator, process.stdin


def _environment(home: Path, port: int, *, iam: bool = False, dynamodb_url: str | None = None) -> dict[str, str]:
    """Return its environment. Only PATH is inherited: the function gets all of it, and must not see credentials."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(home),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,  # the default is all interfaces
        "MINISTACK_HOST": HOST,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
        **({"AUTH": "true", "USE_SSL": "1"} if iam else {}),
        **({"AWS_ENDPOINT_URL_DYNAMODB": dynamodb_url} if dynamodb_url else {}),
        **CREDENTIALS,
    }


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(emulator: Emulator, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_healthy(emulator):
        if process.poll() is not None or time.monotonic() > deadline:
            lines = emulator.log.read_text(errors="replace").splitlines()[-5:]
            raise EmulatorFault(f"ministack did not start: {' / '.join(lines) or 'it printed nothing'}")
        time.sleep(0.05)


def _end(emulator: Emulator) -> None:
    """Terminate the whole process group, kill it if it does not end in time, and remove the folder."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal(emulator.pid, number)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while not _is_gone(emulator.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
    shutil.rmtree(emulator.home, ignore_errors=True)


def _is_gone(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):  # not our child: started by an earlier `up`
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
