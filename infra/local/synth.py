"""The template of a stage, as app.py writes it; reused until one of its inputs changes."""

import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from infra import bundle, node
from infra.local.ministack import EmulatorFault

ROOT = bundle.ROOT
STAGE = "local"


def synthesise(feeds: Path, *, code: Path | None = None, stage: str = STAGE, root: Path = ROOT) -> Path:
    """Return a cdk.out folder with the stack for a stage and feeds file, with `code` as its zip, or Lambda's.

    Raises:
        EmulatorFault: app.py failed; with its output.
    """
    code = code or bundle.build(bundle.ARM64, feeds)
    folder = root / "build" / "local" / "assembly" / _fingerprint(root, stage, feeds, code)
    if not (folder / "manifest.json").exists():
        _run_app(root, stage, feeds, code, folder)
        bundle.forget_old(folder.parent, "*")
    return folder


def _fingerprint(root: Path, stage: str, feeds: Path, code: Path) -> str:
    """Return a hash of the template's inputs. The zip has `ingest`, which app.py uses too."""
    files = [root / "app.py", root / "cdk.json", root / "requirements-demo.txt", feeds, code]
    files += sorted((root / "infra").rglob("*.py"))
    digest = hashlib.sha256(stage.encode())
    for path in files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _run_app(root: Path, stage: str, feeds: Path, code: Path, folder: Path) -> None:
    context = json.loads((root / "cdk.json").read_text())["context"]
    context |= {"stage": stage, "feeds": str(feeds.resolve()), "code": str(code)}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent.parent) as scratch:
        draft = Path(scratch) / "cdk.out"
        variables = {"CDK_OUTDIR": str(draft), "CDK_CONTEXT_JSON": json.dumps(context)}
        command = [sys.executable, "app.py"]
        done = subprocess.run(
            command, cwd=root, env=node.environment() | variables, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise EmulatorFault(f"app.py failed: {done.stderr.strip() or done.stdout.strip()}")
        with contextlib.suppress(OSError):  # another process was faster, with the same result
            draft.rename(folder)
