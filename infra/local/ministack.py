"""Start and stop the emulator: its own pinned environment, 127.0.0.1, a free port, a temporary folder, no leftovers."""

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
START_TIMEOUT_S = 60.0  # it takes about one second; a loaded machine may need longer
STOP_TIMEOUT_S = 5.0


class EmulatorFault(IngestError):
    """The local stack could not be started, or refused the template."""

    code = "emulator_fault"


@dataclass(frozen=True)
class Emulator:
    """A running ministack. `home` holds its state and log and goes with it; its process leads a group of its own.

    With `iam` it asks of each request whether the caller's policies allow it, and speaks TLS alone, as AWS does: our
    buckets and queues refuse whoever comes without.
    """

    pid: int
    port: int
    home: Path
    iam: bool = False

    @property
    def endpoint_url(self) -> str:
        """Where every AWS service is to be found."""
        return f"{'https' if self.iam else 'http'}://{HOST}:{self.port}"

    @property
    def ca_bundle(self) -> Path | None:
        """The certificate it shows, made by itself at its start; None if it speaks without TLS."""
        return self.home / "ministack-tls" / "server.crt" if self.iam else None

    @property
    def log(self) -> Path:
        """What the emulator and the function print."""
        return self.home / "ministack.log"


def install(build: Path = BUILD) -> Path:
    """Return the Python of ministack's environment, made on first use or when its pins have changed."""
    return environments.made(build / "ministack", REQUIREMENTS) / "python"


@contextlib.contextmanager
def running(*, iam: bool = False) -> Iterator[Emulator]:
    """Give an emulator for the length of the block. It stops however the block ends, or this process."""
    emulator, guard = _start(stdin=subprocess.PIPE, iam=iam)
    try:
        yield emulator
    finally:
        _end(emulator)
        if guard:
            guard.close()


def start(*, iam: bool = False) -> Emulator:
    """Return an emulator that stays when this process ends; `stop` ends it."""
    return _start(stdin=subprocess.DEVNULL, iam=iam)[0]


def stop(emulator: Emulator) -> None:
    """End an emulator that `start` began, perhaps in another process. Nothing happens if it is gone."""
    if is_healthy(emulator):  # else its process number may be somebody else's by now
        _end(emulator)


def is_healthy(emulator: Emulator) -> bool:
    """Return whether it answers."""
    try:
        with _opener(emulator).open(f"{emulator.endpoint_url}/_ministack/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):  # no certificate yet, too
        return False


def _opener(emulator: Emulator) -> urllib.request.OpenerDirector:
    direct = urllib.request.ProxyHandler({})  # never by way of a proxy
    if emulator.ca_bundle is None:
        return urllib.request.build_opener(direct)
    trusting = ssl.create_default_context(cafile=str(emulator.ca_bundle))
    return urllib.request.build_opener(direct, urllib.request.HTTPSHandler(context=trusting))


def _start(*, stdin: int, iam: bool) -> tuple[Emulator, IO[bytes] | None]:
    """Return an emulator that answers, and the pipe that keeps it running if one was asked for."""
    if iam and not shutil.which("openssl"):
        raise EmulatorFault("IAM locally needs TLS, and ministack makes its certificate with openssl; install that.")
    python = install()
    home = Path(tempfile.mkdtemp(prefix="ingest-local-"))
    port = _free_port()
    with (home / "ministack.log").open("wb") as log:
        process = subprocess.Popen(
            [python, "-P", guarded.__file__],  # -P: this very folder has a module `ministack` too
            env=_environment(home, port, iam=iam),
            cwd=home,
            stdin=stdin,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a group of its own: the function's processes end with it, Ctrl-C is ours alone
        )
    emulator = Emulator(process.pid, port, home, iam)
    try:
        _wait_until_healthy(emulator, process)
    except BaseException:
        _end(emulator)
        raise
    process.returncode = 0  # `_end` waits for it, maybe in another process: subprocess need not warn that it runs
    return emulator, process.stdin


def _environment(home: Path, port: int, *, iam: bool = False) -> dict[str, str]:
    """Nothing is inherited but the PATH: the function gets all of this, and must not see anybody's credentials."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(home),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,  # its default is every interface
        "MINISTACK_HOST": HOST,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
        **({"AUTH": "true", "USE_SSL": "1"} if iam else {}),
        **CREDENTIALS,
    }


def _free_port() -> int:
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
    """Ask the whole group, give it a moment, then insist; and take the folder away."""
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
