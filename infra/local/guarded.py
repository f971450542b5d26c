"""Run ministack for as long as the parent process lives. A script for ministack's own Python, without our modules.

If standard input is a pipe, only the parent holds it. When the parent ends, the pipe closes and we stop: so even a
parent that is killed leaves no emulator, no function and no folder behind.
"""

import os
import signal
import stat
import subprocess
import sys
import threading


def _watch() -> None:
    sys.stdin.buffer.read()
    # The folder was created for this run. A process of another group removes it: ours may still write to it.
    subprocess.Popen(["rm", "-rf", os.environ["TMPDIR"]], start_new_session=True)
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    from ministack import app  # type: ignore[import-not-found, unused-ignore]

    app._port_is_bindable = lambda *_: False  # with TLS it would also bind port 443 if it can
    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=_watch, daemon=True).start()
    app.main()
