"""The template of a stage, as written by app.py and cached until one of its inputs changes."""

import contextlib
import fcntl
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from infra import bundle, node
from infra.local.ministack import EmulatorFault

ROOT = bundle.ROOT
STAGE = "local"
KEPT = 16  # more than the number of feeds files in a test run


def synthesise(feeds: Path, *, code: Path | None = None, stage: str = STAGE, root: Path = ROOT) -> Path:
    """Return a cdk.out folder with the stack for a stage and feeds file. `code` is its zip; by default Lambda's.

    The folder does not contain the zip. Concurrent processes with equal inputs wait for the first, as app.py takes
    seconds. Most of that is the CDK's own validation, which runs only if `code` is not given, as in `make check`.

    Raises:
        EmulatorFault: app.py failed; has its output.
    """
    is_checked = code is None
    code = code or bundle.build(bundle.ARM64, feeds)
    folder = root / "build" / "local" / "assembly" / _fingerprint(root, stage, feeds, code)
    with _alone(folder):
        if not folder.exists():
            _run_app(root, stage, feeds, code, folder, is_checked=is_checked)
            bundle.forget_old(folder.parent, "*", keep=KEPT)
    return folder


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold an exclusive lock for a folder during the block; the lock of a killed process is released."""
    locks = folder.parent.parent / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / folder.name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fingerprint(root: Path, stage: str, feeds: Path, code: Path) -> str:
    """Return a hash of the template's inputs. The zip includes `ingest`, which app.py also uses."""
    files = [root / "app.py", root / "cdk.json", root / "requirements-demo.txt", feeds, code]
    files += sorted((root / "infra").rglob("*.py"))
    digest = hashlib.sha256(stage.encode())
    for path in files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _run_app(root: Path, stage: str, feeds: Path, code: Path, folder: Path, *, is_checked: bool) -> None:
    context = json.loads((root / "cdk.json").read_text())["context"]
    context |= {"stage": stage, "feeds": str(feeds.resolve()), "code": str(code)}
    folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent.parent) as scratch:
        draft = Path(scratch) / "cdk.out"
        variables = {"CDK_OUTDIR": str(draft), "CDK_CONTEXT_JSON": json.dumps(context)}
        variables |= {} if is_checked else {"CDK_VALIDATION": "false"}
        command = [sys.executable, "app.py"]
        done = subprocess.run(
            command, cwd=root, env=node.environment() | variables, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise EmulatorFault(f"app.py failed: {done.stderr.strip() or done.stdout.strip()}")
        for copy in draft.glob("asset.*.zip"):
            copy.unlink()
        draft.rename(folder)
