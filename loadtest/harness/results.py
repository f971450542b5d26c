"""A measurement as a JSON file: the figures, and what is needed to reproduce them."""

import json
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent.parent / "results"


def write_document(path: Path, document: dict[str, object]) -> None:
    """Write a document as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def origin(*, seed: int, command: str | None = None) -> dict[str, object]:
    """Return what is needed to reproduce figures measured now; by default, the command is that of this process."""
    return {
        "command": command or command_line(),
        "seed": seed,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        ).stdout.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "versions": {name: version(name) for name in ("boto3", "pyarrow", "msgspec")},
    }


def command_line() -> str:
    """Return the command of this process without `--out`: where the result is written does not change it."""
    given = sys.argv[1:]
    if "--out" in given:
        at = given.index("--out")
        given = given[:at] + given[at + 2 :]
    return shlex.join(["python", "-m", "loadtest", *given])
