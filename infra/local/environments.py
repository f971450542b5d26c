"""Python environments for tools with separate pins: created on first use, and again when the pins change."""

import hashlib
import subprocess
import sys
from pathlib import Path

from infra import setup


def made(home: Path, requirements: Path) -> Path:
    """Return the folder of an environment's programs; create the environment first if the pins have changed."""
    pins = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    stamp = home / "installed"
    if not (stamp.exists() and stamp.read_text() == pins):
        python = str(home / "bin" / "python")
        subprocess.run([*setup.uv(), "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], check=True)
        flags = ["--quiet", "--no-deps", "--python", python, "--requirement", str(requirements)]
        subprocess.run([*setup.uv(), "pip", "install", *flags], check=True)
        stamp.write_text(pins)
    return home / "bin"
