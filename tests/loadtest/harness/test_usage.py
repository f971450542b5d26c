"""/proc itself is the fake here: the process that is looked at is one of our own."""

import os
import subprocess
import sys

from loadtest.harness.process import Usage, members

BUSY = "import sys\nsum(range(3_000_000))\nprint(flush=True)\nsys.stdin.read()"


def test_cpu_and_memory_of_workers_are_seen_and_those_of_ended_ones_stay_counted() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        usage = Usage()
        usage.look([worker.pid])
        assert usage.workers == 1
        assert 0 < usage.resident_bytes <= usage.peak_bytes
        took = usage.cpu_seconds
        assert took > 0
    usage.look([worker.pid])
    assert (usage.workers, usage.resident_bytes, usage.cpu_seconds) == (0, 0, took)


def test_the_members_of_a_group_are_all_but_its_leader() -> None:
    command = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(flush=True); input()'])"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", command], stdin=pipe, stdout=pipe, start_new_session=True) as leader:
        assert leader.stdout is not None
        leader.stdout.readline()
        assert len(members(leader.pid)) == 1
        assert os.getpid() not in members(leader.pid)
        leader.communicate(b"\n")
