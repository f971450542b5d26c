"""The function's zip: pinned wheels for its platform, trimmed, plus `ingest` and the feeds file. No Docker.

Wheels and code are cached under build/ by a hash of their inputs; adding another feeds file takes under a second. If
this Python has the function's version, the zip includes bytecode, so that a cold start compiles nothing.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.util import cache_from_source
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Literal

from infra import setup, trim
from ingest import contract
from ingest.errors import SettingsFault

Platform = Literal["arm64", "host"]
ARM64: Platform = "arm64"  # what Lambda runs
HOST: Platform = "host"  # this machine and Python: for the local stack, and to test that the trimmed wheels work

PYTHON = "3.14"  # the function's version; `infra.worker` uses the same runtime
ARM64_WHEELS = ("--python-version", PYTHON, "--python-platform", "aarch64-manylinux_2_28")
ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / "requirements-function.txt"
BUILD = ROOT / "build"
MAX_ZIPPED_MB = 60
MAX_UNPACKED_MB = 200  # Lambda allows 250 including layers; the rest is left for layers that users add
TASK = "/var/task"  # where Lambda unpacks the zip: the path in tracebacks
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the oldest date in a zip; a fixed one, so that equal contents give equal zips


def build(platform: Platform, feeds: Path, *, root: Path = ROOT, build_folder: Path = BUILD) -> Path:
    """Return the zip for a platform, including this feeds file; equal inputs give equal bytes.

    Raises:
        SettingsFault: the zip would be too large, or the wheels cannot be downloaded.
    """
    build_folder.mkdir(parents=True, exist_ok=True)
    dependencies, code = _dependencies(platform, build_folder), _code(platform, root, build_folder)
    feeds_text = feeds.read_bytes()
    name = f"function-{platform}-{hashlib.sha256(feeds_text).hexdigest()[:8]}.zip"
    with tempfile.TemporaryDirectory(dir=build_folder) as scratch:
        draft = Path(scratch) / name
        shutil.copyfile(dependencies, draft)
        with zipfile.ZipFile(draft, "a") as archive, zipfile.ZipFile(code) as added:
            for entry in added.namelist():
                _add(archive, entry, added.read(entry))
            _add(archive, contract.FEEDS_FILE, feeds_text)
        _refuse_large(draft)
        done = draft.replace(build_folder / name)
    forget_old(build_folder, f"function-{platform}-*.zip")
    return done


def has_bytecode(platform: Platform) -> bool:
    """Return whether the zip gets bytecode, which only the minor version of Python that compiled it can read."""
    return platform == HOST or sys.implementation.cache_tag == f"cpython-{PYTHON.replace('.', '')}"


def sizes_mb(archive: Path) -> tuple[float, float]:
    """Return the size of a zip in MB (10^6 bytes), zipped and unpacked."""
    with zipfile.ZipFile(archive) as opened:
        unpacked = sum(entry.file_size for entry in opened.infolist())
    return archive.stat().st_size / 1e6, unpacked / 1e6


def forget_old(folder: Path, pattern: str, *, keep: int = 4) -> None:
    """Remove all but the newest results of earlier builds; keep a few, as tests use other feeds than the demo."""
    found = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
    for old in found[:-keep]:
        if old.is_dir():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.unlink(missing_ok=True)


@cache  # takes a second, and a test process deploys several stacks
def _sources(root: Path) -> list[Path]:
    """Return the modules that run in Lambda: those of `ingest` that its handler imports, at once or in a function."""
    handler = root / "ingest/worker/handler.py"
    finder = ModuleFinder(path=[str(root)])  # reads imports without running code; the path excludes libraries
    finder.run_script(str(handler))
    files = [getattr(module, "__file__", None) for module in finder.modules.values()]
    found = {Path(file) for file in files if file}
    return sorted(path for path in found if path.is_relative_to(root / "ingest"))


def _code(platform: Platform, root: Path, build_folder: Path) -> Path:
    """Return the zip of `ingest`."""
    sources = {path.relative_to(root): path.read_bytes() for path in _sources(root)}

    def fill(tree: Path) -> None:  # a copy: unchecked bytecode must not be written beside the sources
        for name, content in sources.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes(content)

    parts = [part for name, content in sources.items() for part in (str(name).encode(), content)]
    return _kept(build_folder / "code", platform, parts, fill)


def _dependencies(platform: Platform, build_folder: Path) -> Path:
    """Return the zip of trimmed wheels."""
    return _kept(
        build_folder / "dependencies", platform, [REQUIREMENTS.read_bytes()], lambda tree: _install(platform, tree)
    )


def _kept(folder: Path, platform: Platform, parts: Iterable[bytes], fill: Callable[[Path], None]) -> Path:
    """Return the zip of the files that `fill` puts in a folder, or the cached zip of an earlier run with equal parts.

    Bytecode is added if the function can read it.
    """
    kept = folder / f"{platform}-{_fingerprint(platform, parts)}.zip"
    if kept.exists():
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        tree, draft = Path(scratch) / "tree", Path(scratch) / "draft.zip"
        fill(tree)
        files = [*_kept_files(tree)]
        files += compile_files(tree, files) if has_bytecode(platform) else []
        with zipfile.ZipFile(draft, "w") as archive:
            for path in sorted(files):
                _add(archive, path.relative_to(tree).as_posix(), path.read_bytes())
        done = draft.replace(kept)
    forget_old(folder, f"{platform}-*.zip")
    return done


def _fingerprint(platform: Platform, parts: Iterable[bytes]) -> str:
    python = sys.version if has_bytecode(platform) else PYTHON
    modules = [Path(module).read_bytes() for module in (__file__, trim.__file__)]
    return hashlib.sha256(b"\0".join([*parts, platform.encode(), python.encode(), *modules])).hexdigest()[:16]


def compile_files(tree: Path, files: Iterable[Path]) -> list[Path]:
    """Compile the sources among files of a tree; return the bytecode files. Equal sources give equal bytes.

    The bytecode is unchecked, as its source has another date in Lambda. A new process compiles it, because strings
    interned earlier would change the bytes.
    """
    sources = [path for path in files if path.suffix == ".py"]
    flags = ["-q", "-i", "-", "-s", str(tree), "-p", TASK, "--invalidation-mode", "unchecked-hash"]
    subprocess.run(
        [sys.executable, "-S", "-s", "-m", "compileall", *flags],
        input="\n".join(map(str, sources)),
        env={"PYTHONHASHSEED": "0"},
        text=True,
        check=True,
    )
    return [Path(cache_from_source(str(path))) for path in sources]


def _install(platform: Platform, tree: Path) -> None:
    install_wheels(
        REQUIREMENTS, tree, *(ARM64_WHEELS if platform == ARM64 else ()), what=f"the function's wheels for {platform}"
    )


def install_wheels(requirements: Path, tree: Path, *flags: str, what: str) -> None:
    """Install pinned wheels, and nothing else, in a folder.

    Raises:
        SettingsFault: uv could not install them; names `what` they are.
    """
    only = ["--quiet", "--no-deps", "--only-binary", ":all:", "--target", str(tree), "--requirement", str(requirements)]
    done = subprocess.run([*setup.uv(), "pip", "install", *only, *flags], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SettingsFault(f"uv could not get {what}: {done.stderr.strip()[-600:]}")


def _kept_files(tree: Path) -> Iterator[Path]:
    for path in sorted(path for path in tree.rglob("*") if path.is_file()):
        if trim.keeps(path.relative_to(tree)):
            yield path


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=LONG_AGO)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16  # Lambda runs as another user, which must have read permission
    archive.writestr(entry, content)


def _refuse_large(archive: Path) -> None:
    zipped, unpacked = sizes_mb(archive)
    if zipped > MAX_ZIPPED_MB or unpacked > MAX_UNPACKED_MB:
        raise SettingsFault(
            f"The function's zip has {zipped:.0f} MB, {unpacked:.0f} MB unpacked; accepted are at most "
            f"{MAX_ZIPPED_MB} and {MAX_UNPACKED_MB}. Remove a dependency, or trim more in infra/trim.py."
        )


def main() -> None:
    """Build both zips and print their sizes; with --host, print only the path of this machine's zip."""
    parser = argparse.ArgumentParser(prog="python -m infra.bundle", description=__doc__)
    parser.add_argument("--host", action="store_true", help="print the path of this machine's zip")
    if parser.parse_args().host:
        print(build(HOST, ROOT / contract.FEEDS_FILE))
        return
    for platform in (ARM64, HOST):
        archive = build(platform, ROOT / contract.FEEDS_FILE)
        zipped, unpacked = sizes_mb(archive)
        print(f"{platform:5}  {zipped:5.1f} MB zipped  {unpacked:6.1f} MB unpacked  {archive.relative_to(ROOT)}")


if __name__ == "__main__":
    try:
        main()
    except SettingsFault as fault:
        sys.exit(f"error: {fault}")
