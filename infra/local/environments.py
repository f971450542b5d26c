"""Python environments for tools with pins of their own: created on first use, and again when the pins change."""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path


def made(home: Path, requirements: Path) -> Path:
    """Return the folder of an environment's programs, after creating it if the pins have changed."""
    pins = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    stamp = home / "installed"
    if not (stamp.exists() and stamp.read_text() == pins):
        venv.create(home, with_pip=True, clear=True)
        flags = ["--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([home / "bin" / "python", "-m", "pip", "install", *flags, "-r", requirements], check=True)
        stamp.write_text(pins)
    return home / "bin"
