"""An emulated arm64 machine in a folder: QEMU's user mode, Python of the function's version, Lambda's runtime client.

QEMU and Python are Debian packages, which apt downloads to a folder of ours and verifies by Debian's signature: nothing
is installed, and root is not needed. Debian testing keeps only the newest versions, so they cannot be pinned; a run
reports them. The runtime client is pinned by hash.
"""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra import bundle
from ingest.errors import SettingsFault

SUITE = "testing"
EMULATOR = "qemu-user"
PACKAGES = (f"python{bundle.PYTHON}-minimal", f"libpython{bundle.PYTHON}-stdlib", "libstdc++6")
CLIENT = Path(__file__).parent / "runtime.txt"
CPU = "neoverse-n1"  # that of Graviton2, the oldest processor of Lambda: newer instructions must not be used
KEYRINGS = Path("/usr/share/keyrings")


@dataclass(frozen=True, slots=True)
class Machine:
    """A folder with the emulator, the root of its file system, and the runtime client (Lambda's /var/runtime)."""

    home: Path

    @property
    def runtime(self) -> Path:
        """The folder with Lambda's runtime client."""
        return self.home / "runtime"

    @property
    def python(self) -> list[str]:
        """The command that runs Python on this machine. It writes no bytecode: in Lambda, /var/task is read-only."""
        root = self.home / "root"
        emulator = [str(self.home / "usr/bin/qemu-aarch64"), "-cpu", CPU, "-L", str(root)]
        return [*emulator, str(root / "usr/bin" / f"python{bundle.PYTHON}"), "-B"]

    @property
    def versions(self) -> list[str]:
        """Its Debian packages, each with its version."""
        return (self.home / "versions").read_text().splitlines()


def made(build: Path = bundle.BUILD) -> Machine:
    """Return the machine, made on first use (20 s, 120 MB of downloads) or when its parts have changed.

    Raises:
        SettingsFault: this is not Debian or Ubuntu, or a download failed; says which.
    """
    home, stamp = build / "arm64", _fingerprint()
    if (kept := home / "made").exists() and kept.read_text() == stamp:
        return Machine(home)
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as scratch:
        draft = Path(scratch) / "arm64"
        _unpack(_packages(Path(scratch)), draft)
        flags = ("--require-hashes", *bundle.ARM64_WHEELS)
        bundle.install_wheels(CLIENT, draft / "runtime", *flags, what="Lambda's runtime client")
        (draft / "made").write_text(stamp)
        shutil.rmtree(home, ignore_errors=True)
        draft.rename(home)
    return Machine(home)


def _fingerprint() -> str:
    parts = [CLIENT.read_text(), SUITE, EMULATOR, *PACKAGES]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _packages(scratch: Path) -> list[Path]:
    """Return the package files: first the emulator's, for this machine, then those of the emulated machine."""
    for needed in ("apt-get", "dpkg-deb"):
        if not shutil.which(needed):
            raise SettingsFault(f"{needed} is not on this machine: `make arm64` needs Debian or Ubuntu, on Linux.")
    here = _run(["dpkg", "--print-architecture"]).strip()
    apt = ["apt-get", "--quiet", "--yes", *_options(scratch, _archive(), here)]
    _run([*apt, "update"])
    _run([*apt, "install", "--download-only", *PACKAGES])
    _run([*apt, "download", f"{EMULATOR}:{here}"], cwd=scratch)
    return [*scratch.glob(f"{EMULATOR}_*.deb"), *sorted((scratch / "cache/archives").glob("*.deb"))]


def _archive() -> str:
    """Return the URL of Debian's archive from this machine's apt settings."""
    sites = _run(["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]).split()
    found = next((site for site in sites if site.rstrip("/").endswith("/debian")), "")
    if not found:
        raise SettingsFault("apt's sources on this machine do not name Debian's archive, which has the arm64 Python.")
    return found


def _options(folder: Path, archive: str, here: str) -> list[str]:
    """Return the options with which apt uses only this folder, for an arm64 machine without installed packages."""
    for name in ("lists/partial", "cache/archives/partial", "none"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    keyring = next(KEYRINGS.glob("debian-archive-keyring.*"), None)
    if keyring is None:
        raise SettingsFault("Debian's keys are not on this machine; install the package debian-archive-keyring.")
    (folder / "sources").write_text(f"deb [arch=arm64,{here} signed-by={keyring}] {archive} {SUITE} main\n")
    settings = {
        "Dir::Etc::sourcelist": folder / "sources",
        "Dir::Etc::sourceparts": folder / "none",
        "Dir::Etc::preferencesparts": folder / "none",
        "Dir::State": folder,
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "APT::Architecture": "arm64",
        "APT::Architectures::": "arm64",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
    }
    flags = [f"{name}={value}" for name, value in settings.items()]
    flags += [f"APT::Architectures::={here}"]
    return [part for flag in flags for part in ("-o", flag)]


def _unpack(packages: Sequence[Path], home: Path) -> None:
    """Unpack the emulator for arm64, one of 40 in its package, and the file system of the machine."""
    (home / "root/usr/lib").mkdir(parents=True)
    (home / "root/lib").symlink_to("usr/lib")
    emulator, *others = packages
    with tempfile.NamedTemporaryFile(dir=home) as listing:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", str(emulator)], stdout=listing, check=True)
        _run(["tar", "--extract", f"--file={listing.name}", f"--directory={home}", "./usr/bin/qemu-aarch64"])
    for package in others:
        _run(["dpkg-deb", "--extract", str(package), str(home / "root")])
    names = ("_".join(package.name.replace("%3a", ":").split("_")[:2]) for package in packages)
    (home / "versions").write_text("\n".join(name.replace("_", " ") for name in names))


def _run(command: Sequence[str], cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SettingsFault(f"{' '.join(command[:1])} failed: {done.stderr.strip()[-600:]}")
    return done.stdout
