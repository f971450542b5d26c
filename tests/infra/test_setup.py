"""`python3 -m infra.setup`: what a machine lacks is one sentence that says what to install."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra import setup


def sentence(problem: pytest.ExceptionInfo[setup.SetupError]) -> str:
    return str(problem.value)


def test_an_old_python_is_named_with_the_way_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup.sys, "version_info", (3, 10, 4))
    with pytest.raises(setup.SetupError) as problem:
        setup.check_machine()
    assert sentence(problem) == (
        "Python 3.11 or newer is needed, this is 3.10; install it and name it: make PYTHON=python3.11 demo"
    )


def test_a_python_without_venv_is_reported_with_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(setup, "PYTHON", str(tmp_path / "none"))
    monkeypatch.setattr(setup.shutil, "which", lambda name: None)
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(setup.SetupError, match=r"install the package python3-venv .*, or uv"):
        setup.check_machine()


def test_a_step_that_fails_says_that_a_package_index_must_be_reachable() -> None:
    with pytest.raises(setup.SetupError, match="a package index must be reachable"):
        setup.run([sys.executable, "-c", "raise SystemExit(2)"])


def test_a_set_that_is_installed_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(setup, "VENV", str(tmp_path))
    monkeypatch.setattr(setup, "run", lambda command: pytest.fail(f"ran {command}"))
    (tmp_path / "installed-demo").write_text(setup.fingerprint("requirements-demo.txt"))
    assert setup.install_set("demo") is False


def test_the_sentence_ends_the_command_without_a_traceback() -> None:
    code = (
        "import runpy, sys; sys.version_info = (3, 9, 1); sys.argv[1:] = ['demo']; "
        "runpy.run_module('infra.setup', run_name='__main__')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert line.startswith("setup: Python 3.11 or newer is needed, this is 3.9;")
