"""Run ministack for as long as the parent process lives. A script for ministack's own Python, without our modules.

If standard input is a pipe, only the parent holds it. When the parent ends, the pipe closes and we stop, so that even a
killed parent leaves no emulator, no function and no folder behind.

It also puts the function's metrics in CloudWatch, which ministack does not do: those in its log (embedded metric
format), and those of its invocations.

And the function's processes share one unpacked zip: unpacking and compiling it in each process takes seconds.
"""

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

REMOVE = 'n=0; while kill -s 0 -- "-$1" && [ $n -lt 100 ]; do n=$((n + 1)); sleep 0.1; done 2>/dev/null; rm -rf "$2"'


def _watch() -> None:
    sys.stdin.buffer.read()
    group = os.getpgid(0)
    # A process of another group removes the folder of this run once no process of our group writes to it.
    subprocess.Popen(["sh", "-c", REMOVE, "remove", str(group), os.environ["TMPDIR"]], start_new_session=True)
    os.killpg(group, signal.SIGKILL)


def put_metrics(line: str, store: Callable[..., None]) -> None:
    """Store the metrics in a log line, if it has any."""
    if '"_aws"' not in line:
        return
    try:
        found = json.loads(line)
        at_s = found["_aws"]["Timestamp"] / 1000
        for directive in found["_aws"]["CloudWatchMetrics"]:
            for metric in directive["Metrics"]:
                value = found[metric["Name"]]
                values = value if isinstance(value, list) else [value]
                for names in directive["Dimensions"]:
                    whose = {name: found[name] for name in names}
                    store(directive["Namespace"], metric["Name"], whose, at_s, metric["Unit"], None, values, None, None)
    except (ValueError, TypeError, KeyError):
        return  # not a valid line of metrics


def _put_metrics_of_invocations() -> None:
    """Make each invocation put the metrics in its output, and Lambda's metrics of the invocation.

    ministack itself puts the latter only for invocations by Lambda's API, not for those by a queue.
    """
    from ministack.services import cloudwatch, lambda_svc  # type: ignore[import-not-found, unused-ignore]

    write_log, count = lambda_svc._emit_lambda_logs, lambda_svc._emit_lambda_metrics

    def put_and_write(function: Any, request_id: str, text: str, error: bool, duration_ms: int, **more: Any) -> None:
        for line in (text or "").splitlines():
            put_metrics(line, cloudwatch._store_datum)
        name = (function.get("config") or function).get("FunctionName", "unknown")
        count(name, duration_ms=duration_ms, error=error, throttle=False)
        write_log(function, request_id, text, error, duration_ms, **more)

    def count_throttles(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        if throttle:
            count(name, duration_ms=duration_ms, error=error, throttle=True)

    lambda_svc._emit_lambda_logs = put_and_write
    lambda_svc._emit_lambda_metrics = count_throttles


class SharedZip(zipfile.ZipFile):
    """A zip that is unpacked once, in the emulator's folder; each extraction only creates a link to that."""

    def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
        entries = repr([(entry.filename, entry.CRC) for entry in self.infolist()])
        shared = Path(tempfile.gettempdir(), f"code-{hashlib.sha256(entries.encode()).hexdigest()[:16]}")
        with _unpacking:
            if not shared.exists():
                draft = tempfile.mkdtemp(dir=shared.parent)
                super().extractall(draft, members, pwd)
                Path(draft).rename(shared)
        Path(path).rmdir()
        Path(path).symlink_to(shared)


_unpacking = threading.Lock()


def _share_code() -> None:
    from ministack.core import lambda_runtime  # type: ignore[import-not-found, unused-ignore]

    class Zips:
        ZipFile = SharedZip
        BadZipFile, LargeFileError = zipfile.BadZipFile, zipfile.LargeZipFile

    lambda_runtime.zipfile = Zips


if __name__ == "__main__":
    from ministack import app  # type: ignore[import-not-found, unused-ignore]

    _put_metrics_of_invocations()
    _share_code()

    app._port_is_bindable = lambda *_: False  # with TLS it would also bind port 443 if it can
    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=_watch, daemon=True).start()
    app.main()
