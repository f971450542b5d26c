import sys

import pytest

from loadtest.harness.process import run


def test_a_run_reports_output_and_exit_code() -> None:
    ran = run([sys.executable, "-c", "print('x' * 1_000_000); raise SystemExit(3)"])
    assert (ran.exit_code, len(ran.output)) == (3, 1_000_001)


def test_a_run_reports_what_the_process_took_and_not_what_its_parent_did() -> None:
    held = b"x" * 150_000_000  # the parent's own memory
    idle = run([sys.executable, "-c", "import time; time.sleep(0.3)"])
    busy = run([sys.executable, "-c", "b'y' * 100_000_000; sum(range(10_000_000))"])
    assert idle.cpu_seconds < 0.2 < idle.seconds
    assert busy.cpu_seconds > idle.cpu_seconds
    assert idle.peak_resident_bytes < 60_000_000
    assert 100_000_000 < busy.peak_resident_bytes < len(held)


@pytest.mark.parametrize("program", ["import time; time.sleep(60)", "while True: pass"])
def test_a_process_is_stopped_at_its_time_limit_idle_or_busy(program: str) -> None:
    ran = run([sys.executable, "-c", program], time_limit_s=0.1)
    assert ran.exit_code is None
    assert ran.seconds < 10
