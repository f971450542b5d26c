"""Run ministack for as long as the process that started us lives. A script for ministack's own Python; import nothing.

If our standard input is a pipe, only the starter holds it. When it ends, in whatever way, the pipe closes and we stop:
so even a starter that was killed outright leaves no emulator, no function and no folder behind.
"""

import os
import signal
import stat
import subprocess
import sys
import threading


def _watch() -> None:
    sys.stdin.buffer.read()
    # The folder was made for this run. A process of another group removes it, as ours may be unpacking code into it.
    subprocess.Popen(["rm", "-rf", os.environ["TMPDIR"]], start_new_session=True)
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    from ministack import app  # type: ignore[import-not-found, unused-ignore]

    app._port_is_bindable = lambda *_: False  # with TLS it would take port 443, too, if it may
    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=_watch, daemon=True).start()
    app.main()
