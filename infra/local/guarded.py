"""Run ministack for as long as the process that started us lives. A script for ministack's own Python; import nothing.

Our standard input is a pipe that only the starter holds. When it ends, in whatever way, the pipe closes and we stop: so
even a starter that was killed outright leaves no emulator, no function and no folder behind.
"""

import os
import signal
import subprocess
import sys
import threading


def _watch() -> None:
    sys.stdin.buffer.read()
    # The folder was made for this run. A process of another group removes it, as ours may be unpacking code into it.
    subprocess.Popen(["rm", "-rf", os.environ["TMPDIR"]], start_new_session=True)
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    from ministack.app import main  # type: ignore[import-not-found, unused-ignore]

    threading.Thread(target=_watch, daemon=True).start()
    main()
