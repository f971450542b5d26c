"""The `aws` command line, to test the commands in the docs: pinned, in an environment of its own."""

import os
import subprocess
from pathlib import Path

from infra import bundle
from infra.local import environments
from infra.local.stack import environment

REQUIREMENTS = Path(__file__).parent / "awscli.txt"


def install(build: Path = bundle.BUILD) -> Path:
    """Return the path of the program, installed on first use or when its pins have changed."""
    return environments.made(build / "awscli", REQUIREMENTS) / "aws"


def run(endpoint_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `aws ARGUMENTS` against an emulator, without the user's AWS settings."""
    found = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.devnull, **environment(endpoint_url)}
    command = [str(install()), *arguments]
    return subprocess.run(command, env=found, capture_output=True, text=True, timeout=120, check=False)
