"""`python -m infra.audit`: check the pinned packages against PyPI's advisory database. Not part of CI.

pip-audit has its own environment, so that its dependencies are not among the project's pins.
"""

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from infra.bundle import BUILD, ROOT
from ingest.errors import SettingsFault

PACKAGE = "pip-audit==2.10.1"
PINS = tuple(
    ROOT / name
    for name in (
        "requirements-function.txt",
        "requirements-demo.txt",
        "requirements-dev.txt",
        "infra/local/requirements.txt",
    )
)
CLEAN, VULNERABLE, NOT_ASKED = 0, 1, 2


def result(packages: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """Return the exit code for what pip-audit reports on packages, and the lines that explain it.

    pip-audit itself reports a package it could not look up as clean.

    >>> result([{"name": "a", "version": "1", "vulns": []}])
    (0, ['No advisory is known against the 1 pinned packages.'])
    """
    known = [_advisory(package, advisory) for package in packages for advisory in package.get("vulns", [])]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    lines = [*known, *_not_asked(skipped, len(packages))]
    code = VULNERABLE if known else NOT_ASKED if skipped else CLEAN
    return code, lines or [f"No advisory is known against the {len(packages)} pinned packages."]


def _not_asked(skipped: list[str], count: int) -> list[str]:
    if not skipped:
        return []
    which = "" if len(skipped) == count else f": {', '.join(sorted(set(skipped)))}"
    return [f"{len(skipped)} of {count} packages could not be looked up in PyPI's advisory database{which}."]


def _advisory(package: dict[str, Any], advisory: dict[str, Any]) -> str:
    fixed = ", ".join(advisory.get("fix_versions", [])) or "none yet"
    return f"{package['name']} {package['version']}: {advisory['id']}; fixed in {fixed}"


def _installed(home: Path) -> Path:
    python = home / "bin" / "python"
    stamp = home / "installed"
    if not (stamp.exists() and stamp.read_text() == PACKAGE):
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE], check=True)
        stamp.write_text(PACKAGE)
    return python


def _reported(python: Path, pins: Path) -> list[dict[str, Any]]:
    """Return pip-audit's report on each package in a file of pins.

    Raises:
        SettingsFault: pip-audit failed; has the last line it printed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "audit.json"
        options: list[str | Path] = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", "15"]
        command: list[str | Path] = [python, "-m", "pip_audit", "-r", pins, *options, "-f", "json", "-o", output]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not output.exists():
            raise SettingsFault(f"{pins.name} could not be audited: {(done.stderr.splitlines() or ['no reason'])[-1]}")
        return list(json.loads(output.read_bytes())["dependencies"])


def main() -> int:
    """Print the advisories for the pins; return 0 only if all pins were looked up and have none."""
    python = _installed(BUILD / "audit")
    code, lines = result([package for pins in PINS for package in _reported(python, pins)])
    print(*lines, sep="\n")
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SettingsFault as fault:
        sys.exit(f"error: {fault}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: pip could not install {PACKAGE} (exit code {error.returncode}).")
