"""What the zip's libraries need, without an arm64 processor; and the runtime API, with a client in this Python."""

import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

from infra import bundle
from infra.arm64 import elf, machine
from infra.arm64.elf import Needs, Version
from infra.arm64.machine import Machine
from infra.arm64.sandbox import FunctionError, RuntimeApi, running
from infra.local.stack import FEEDS
from ingest.errors import SettingsFault

# What Amazon Linux 2023 has for a function, beside what is in its zip.
NEWEST: dict[str, Version] = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13), "GCC": (11,)}
SYSTEM = {
    *("ld-linux-aarch64.so.1", "libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0"),
    *("librt.so.1", "libstdc++.so.6"),
}
CLIENT = """
import json, os, sys, urllib.request
sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
import handler
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as event:
        request, deadline = (event.headers["Lambda-Runtime-" + name] for name in ("Aws-Request-Id", "Deadline-Ms"))
        word, answer = handler.handle(json.load(event), int(deadline))
    urllib.request.urlopen(api + request + "/" + word, json.dumps(answer).encode()).close()
"""
HANDLER = """
import os, sys, time
def handle(event, deadline_ms):
    if event == "end":
        sys.exit("the disk is full")
    left_s = round(deadline_ms / 1000 - time.time())
    return ("error" if event == "fail" else "response"), [event, left_s, os.environ["MINE"]]
"""


@pytest.fixture(scope="module")
def libraries() -> dict[str, Needs]:
    """The libraries in the zip that is deployed."""
    return elf.libraries_in(bundle.build(bundle.ARM64, FEEDS))


def missing(libraries: dict[str, Needs]) -> set[str]:
    """Return the libraries that are neither in the zip nor on the system."""
    shipped = {Path(name).name for name in libraries}
    return {name for need in libraries.values() for name in need.libraries} - shipped - SYSTEM


def too_new(libraries: dict[str, Needs]) -> dict[str, Version]:
    """Return the versions of symbols that the system does not have, by family."""
    needed = elf.newest(version for need in libraries.values() for version in need.versions)
    return {family: version for family, version in needed.items() if version > NEWEST.get(family, ())}


def test_each_library_in_the_zip_is_for_arm64(libraries: dict[str, Needs]) -> None:
    assert {name for name, need in libraries.items() if need.machine != elf.AARCH64} == set()
    assert {"libarrow.so.2600", "libarrow_python.so.2600"} <= {Path(name).name for name in libraries}


def test_each_library_that_one_in_the_zip_is_linked_against_is_in_the_zip_or_on_the_system(
    libraries: dict[str, Needs],
) -> None:
    assert missing(libraries) == set()
    without_one = {name: need for name, need in libraries.items() if "libparquet" not in name}
    assert missing(without_one) == {"libparquet.so.2600"}


def test_no_library_needs_newer_symbols_than_lambdas_system_has(libraries: dict[str, Needs]) -> None:
    assert too_new(libraries) == {}
    newer = Needs(elf.AARCH64, frozenset(), frozenset({"GLIBC_2.35", "GLIBC_2.4", "CXXABI_1.3.13", "LIBX_1.0"}))
    assert too_new({"newer": newer}) == {"GLIBC": (2, 35), "LIBX": (1, 0)}


def test_what_a_library_needs_is_read_from_its_file(libraries: dict[str, Needs]) -> None:
    (found,) = [need for name, need in libraries.items() if name.startswith("msgspec/")]
    versions = frozenset({"GLIBC_2.17"})
    assert found == Needs(elf.AARCH64, frozenset({"libc.so.6", "libm.so.6", "libpthread.so.0"}), versions)


@pytest.mark.parametrize("content", [b"", b"\x7fELF\x01\x01" + bytes(64), b"#!/bin/sh"], ids=["empty", "32", "script"])
def test_a_file_that_is_not_such_a_library_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a 64-bit"):
        elf.needs_of(content)


class ThisMachine(Machine):
    """This machine's own Python, with a runtime client of ours."""

    @property
    def python(self) -> list[str]:
        return [sys.executable, "-B"]


@pytest.fixture
def here(tmp_path: Path) -> Machine:
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime/awslambdaric.py").write_text(CLIENT)
    return ThisMachine(tmp_path)


def zipped(folder: Path, handler: str) -> Path:
    with zipfile.ZipFile(folder / "function.zip", "w") as archive:
        archive.writestr("handler.py", handler)
    return folder / "function.zip"


@pytest.mark.enable_socket
def test_a_function_answers_one_event_after_the_other(here: Machine, tmp_path: Path) -> None:
    with running(here, zipped(tmp_path, HANDLER), {"MINE": "kept"}, tmp_path) as function:
        assert function.answer("ü", 60) == ["ü", 60, "kept"]
        assert function.answer({"Records": []}, 30) == [{"Records": []}, 30, "kept"]
    assert function.process.returncode


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("event", "said"),
    [("fail", r'says error: \["fail", 60, ""\]'), ("end", "ended with 1; .*the disk is full")],
    ids=["fails", "ends"],
)
def test_a_function_that_fails_or_ends_is_reported_with_its_words(
    here: Machine, tmp_path: Path, event: str, said: str
) -> None:
    with (
        running(here, zipped(tmp_path, HANDLER), {"MINE": ""}, tmp_path) as function,
        pytest.raises(FunctionError, match=f"(?s){said}"),
    ):
        function.answer(event, 60)


@pytest.mark.enable_socket
def test_an_answer_is_heard_before_the_client_can_ask_for_the_next_event() -> None:
    with RuntimeApi() as api, api.served():
        for _ in range(100):
            urllib.request.urlopen(f"http://{api.address}/request/error", b"{}").close()
            assert api.heard.get_nowait() == ("error", b"{}")


@pytest.mark.enable_socket
def test_a_function_that_does_not_start_is_reported_with_the_end_of_its_log(here: Machine, tmp_path: Path) -> None:
    with (
        pytest.raises(FunctionError, match=r"(?s)ended with 1; .*No module named 'no_such'"),
        running(here, zipped(tmp_path, "import no_such"), {}, tmp_path),
    ):
        pass


def test_a_machine_without_apt_is_refused_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsFault, match="apt-get is not on this machine: `make arm64` needs Debian or Ubuntu"):
        machine.made(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_machine_whose_apt_knows_no_debian_archive_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, printed in (("apt-get", "mirror/ubuntu\nmirror/debian-security"), ("dpkg-deb", ""), ("dpkg", "amd64")):
        (tmp_path / name).write_text(f"#!/bin/sh\nprintf '{printed}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(SettingsFault, match="do not name Debian's archive"):
        machine.made(tmp_path / "build")


def test_a_machine_is_kept_until_one_of_its_parts_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(machine, "_packages", lambda scratch: fetched.append(machine.SUITE) or [])
    monkeypatch.setattr(machine, "_unpack", lambda packages, home: home.mkdir())
    monkeypatch.setattr(bundle, "install_wheels", lambda *arguments, what: None)
    kept = [machine.made(tmp_path), machine.made(tmp_path)]
    assert (kept[0], fetched) == (kept[1], [machine.SUITE])
    monkeypatch.setattr(machine, "SUITE", "unstable")
    machine.made(tmp_path)
    assert fetched == ["testing", "unstable"]
