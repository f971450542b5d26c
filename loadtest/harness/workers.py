"""Worker processes that are started, killed, frozen for a while, and restarted."""

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parent.parent.parent
READY_S = 60.0
_BUG = "internal_fault"


class Fleet:
    """One worker for each environment, during a `with` block. `ended` counts how they ended."""

    def __init__(self, module: str, environments: list[dict[str, str]], folder: Path, chance: random.Random) -> None:
        self.ended: Counter[str] = Counter()
        self.freezes = self.deployments = 0
        self._module, self._environments, self._folder, self._chance = module, environments, folder, chance
        self._workers: list[subprocess.Popen[bytes]] = []
        self._killed: set[int] = set()
        self._thaw_s: dict[int, float] = {}

    def __enter__(self) -> Self:
        self._workers = [self._start(number) for number in range(len(self._environments))]
        return self

    def __exit__(self, *how: object) -> None:
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            worker.wait()
            if worker.stdin:
                worker.stdin.close()

    @property
    def pids(self) -> list[int]:
        """The process ids of the current workers."""
        return [worker.pid for worker in self._workers]

    def wait_until_ready(self, patience_s: float = READY_S) -> None:
        """Wait until each worker polls for messages, or raise TimeoutError with the reason why one does not."""
        until_s = time.monotonic() + patience_s
        while sum(parsed.get("worker") == "ready" for parsed in self.log()) < len(self._workers):
            if time.monotonic() > until_s or any(worker.poll() is not None for worker in self._workers):
                ends = [path.read_text(errors="replace")[-300:] for path in sorted(self._folder.glob("worker-*.log"))]
                end = next((end for end in ends if "ready" not in end), "").strip()
                raise TimeoutError(f"the workers did not start; the end of a log: {end}")
            time.sleep(0.05)

    def look(self) -> None:
        """Restart workers that have ended, and continue frozen ones whose time is over."""
        for number, worker in enumerate(self._workers):
            if worker.poll() is not None:
                self.ended[self._how(worker)] += 1
                if worker.stdin:
                    worker.stdin.close()
                self._workers[number] = self._start(number)
            elif self._thaw_s.get(worker.pid, math.inf) <= time.monotonic():
                del self._thaw_s[worker.pid]
                worker.send_signal(signal.SIGCONT)

    def kill_one(self) -> None:
        """Kill a random worker, whatever it is doing."""
        self._kill(self._chance.choice(self._workers))

    def deploy(self, variables: Mapping[str, str]) -> None:
        """Restart half of the workers with other variables; the others continue with theirs."""
        self.deployments += 1
        for number in self._chance.sample(range(len(self._workers)), (len(self._workers) + 1) // 2):
            self._environments[number] = {**self._environments[number], **variables}
            self._kill(self._workers[number])

    def freeze_one(self, seconds: float) -> None:
        """Freeze a random worker for a number of seconds; its connections stay open."""
        worker = self._chance.choice(self._workers)
        if worker.poll() is None and worker.pid not in self._thaw_s:
            self._thaw_s[worker.pid] = time.monotonic() + seconds
            self.freezes += 1
            worker.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Make all frozen workers due to continue at the next `look`."""
        self._thaw_s = dict.fromkeys(self._thaw_s, 0.0)

    def log(self) -> Iterator[dict[str, Any]]:
        """Yield the entries all workers have logged so far, without lines that a kill truncated."""
        for path in sorted(self._folder.glob("worker-*.log")):
            for line in path.read_text(errors="replace").splitlines():
                try:
                    parsed = json.loads(line)
                except ValueError:
                    continue
                if isinstance(parsed, dict):
                    yield parsed

    def troubles(self) -> list[str]:
        """Return a sentence for each kind of crash, and for each bug that a worker has logged."""
        crashes = [f"{count} workers {how}" for how, count in self.ended.items() if "crash" in how]
        return crashes + sorted({f"a bug: {line}" for line in self.log() if line.get("code") == _BUG})

    def _kill(self, worker: "subprocess.Popen[bytes]") -> None:
        if worker.poll() is None and worker.pid not in self._killed:
            self._killed.add(worker.pid)
            worker.kill()

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        environment = {"PATH": os.environ.get("PATH", os.defpath), **self._environments[number]}
        with (self._folder / f"worker-{number}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", self._module],
                env=environment,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def _how(self, worker: subprocess.Popen[bytes]) -> str:
        if worker.pid in self._killed:
            return "killed"
        return "out of time" if worker.returncode == -signal.SIGALRM else f"crashed ({worker.returncode})"
