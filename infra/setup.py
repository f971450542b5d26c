"""`python3 -m infra.setup demo|dev`: install what a make target needs into .venv; prints each step and its duration.

It runs on the machine's own Python, so it imports only the standard library and uses syntax that an old Python can
read. uv installs the packages: the one on PATH, else the one from PyPI, in .venv.
"""

from __future__ import annotations  # Python 3.8 must get as far as its error message

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time

OLDEST = (3, 11)
UV = "uv==0.13.9"
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
# Each set includes the one before it.
SETS = {
    "demo": ("requirements-demo.txt", "the command line, the CDK and what the local stack needs", "10 to 40 s"),
    "dev": ("requirements-dev.txt", "what tests, linters and load tests need", "10 to 60 s"),
}


class SetupError(Exception):
    """One sentence: what is missing and how to get it."""


def main() -> None:
    """Install the sets up to the one named, except those already installed."""
    wanted = sys.argv[1] if sys.argv[1:] else "demo"
    started = time.monotonic()
    check_machine()
    done = [install_set(name) for name in list(SETS)[: list(SETS).index(wanted) + 1]]
    if wanted == "dev" and any(done):
        say("installing the emulator and the aws command line, each in an environment of its own (10 to 30 s)")
        run([PYTHON, "-m", "infra.local", "install"])
    if any(done):
        say(f"ready after {time.monotonic() - started:.0f} s")


def check_machine() -> None:
    """Raise SetupError if this machine cannot run the project; it names what to install."""
    if sys.version_info < OLDEST:
        version = ".".join(map(str, sys.version_info[:2]))
        raise SetupError(
            f"Python 3.11 or newer is needed, this is {version}; install it and name it: make PYTHON=python3.11 demo"
        )
    if not os.path.exists(PYTHON) and not shutil.which("uv") and importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            "This Python cannot make virtual environments; install the package python3-venv (Debian, Ubuntu), or uv."
        )


def install_set(name: str) -> bool:
    """Install a set of requirements, unless the same pins are already installed; return whether it installed them."""
    requirements, what, lasts = SETS[name]
    stamp = os.path.join(VENV, "installed-" + name)
    pins = fingerprint(requirements)
    if os.path.exists(stamp) and read(stamp) == pins:
        return False
    make_environment()
    say(f"installing {what} ({lasts})")
    install = [*uv(), "pip", "install", "--quiet", "--python", PYTHON]
    run([*install, "--requirement", os.path.join(ROOT, requirements)])
    run([*install, "--no-deps", "--editable", ROOT])
    run([PYTHON, "-m", "infra.node", "--install"])
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(pins)
    return True


def make_environment() -> None:
    """Create .venv, and install uv in it unless uv is on PATH."""
    if not os.path.exists(PYTHON):
        say("making a virtual environment in .venv (about 5 s)")
        if shutil.which("uv"):
            run(["uv", "venv", "--quiet", "--python", sys.executable, VENV])
        else:
            run([sys.executable, "-m", "venv", VENV])
    if not shutil.which("uv") and not os.path.exists(os.path.join(VENV, "bin", "uv")):
        run([PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV])


def uv() -> list[str]:
    """Return the command line that starts uv."""
    return [shutil.which("uv") or os.path.join(VENV, "bin", "uv")]


def run(command: list[str]) -> None:
    """Run a step.

    Raises:
        SetupError: it failed; it has printed its own error to stderr.
    """
    if subprocess.run(command, check=False).returncode:
        raise SetupError(
            f"{os.path.basename(command[0])} failed, see above; a package index must be reachable (PyPI, or the one "
            "that UV_DEFAULT_INDEX or pip's settings name)."
        )


def fingerprint(requirements: str) -> str:
    """Return a hash of a set's pins, the project's entry points and this Python's version."""
    texts = [read(os.path.join(ROOT, name)) for name in ("requirements-function.txt", requirements, "pyproject.toml")]
    return hashlib.sha256("\0".join([*texts, sys.version]).encode()).hexdigest()


def read(path: str) -> str:
    """Return a file's text."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def say(sentence: str) -> None:
    """Print a step immediately."""
    print("setup: " + sentence, flush=True)


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        sys.exit("setup: " + str(error))
