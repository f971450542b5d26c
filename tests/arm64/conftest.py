"""The function's zip on an emulated arm64 machine, for the tests of this folder, which run only by `make arm64`."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import bundle
from infra.arm64 import elf, machine, sandbox
from infra.local.stack import FEEDS, local_stack
from ingest.contract import Env
from tests.arm64.arm64_stack import FOUND, Arm64Stack

SEGMENT_BYTES = 4 * 1024 * 1024  # a block: segments are cut between two
STUCK_S = 1


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the folder out of any other run."""
    return None if "arm64" in (config.option.markexpr or "") else True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the run found. Seconds are those of an emulated processor, and no measure of Lambda's."""
    for line in FOUND:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def emulated() -> machine.Machine:
    """The machine, fetched on the first run."""
    made = machine.made()
    named = [version for version in made.versions if version.startswith(("qemu", "python", "libc6"))]
    FOUND.append(f"machine: {', '.join(named)}; processor {machine.CPU}")
    return made


@pytest.fixture(scope="session")
def archive() -> Path:
    """The zip that is deployed."""
    built = bundle.build(bundle.ARM64, FEEDS)
    needs = elf.libraries_in(built).values()
    newest = elf.newest(version for need in needs for version in need.versions)
    versions = (f"{family} {'.'.join(map(str, version))}" for family, version in sorted(newest.items()))
    FOUND.append(f"zip: {len(needs)} libraries; they need at most {', '.join(versions)}")
    return built


@pytest.fixture(scope="session")
def stack(emulated: machine.Machine, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arm64Stack]:
    """The local stack with the emulated function in the place of its own."""
    with local_stack(FEEDS) as deployed, contextlib.closing(Arm64Stack(deployed)) as stack, stack.function_off():
        changed = {Env.SEGMENT_BYTES: str(SEGMENT_BYTES), Env.STUCK_S: str(STUCK_S)}
        variables = {**stack.environment(), **changed}
        with sandbox.running(emulated, archive, variables, tmp_path_factory.mktemp("arm64")) as stack.function:
            FOUND.append(f"start, with all imports: {stack.function.init_s:.1f} s, emulated")
            yield stack
