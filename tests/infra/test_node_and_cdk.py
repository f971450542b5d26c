import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra import cdk, node
from ingest.errors import SettingsFault


def fake_node(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "node"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "_packaged", lambda: None)


@pytest.mark.usefixtures("no_package")
@pytest.mark.parametrize(
    ("version", "is_taken"), [("v20.0.0", True), ("v24.19.0", True), ("v18.20.1", False), ("?", False)]
)
def test_the_node_on_the_path_is_taken_if_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, is_taken: bool
) -> None:
    program = fake_node(tmp_path, version)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert node.find() == (program if is_taken else None)


def test_else_the_one_of_the_package_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = fake_node(tmp_path / "wheel" / "bin", "v24.19.0")
    monkeypatch.setattr(node, "_packaged", lambda: packaged)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert node.find() == packaged
    reported = node.environment()
    assert reported["JSII_NODE"] == str(packaged)
    assert reported["PATH"].split(os.pathsep)[0] == str(packaged.parent)


def test_npm_is_the_one_beside_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = fake_node(tmp_path / "bin", "v24.19.0")
    script = tmp_path / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    script.parent.mkdir(parents=True)
    script.touch()
    monkeypatch.setattr(node, "_packaged", lambda: packaged)
    monkeypatch.setenv("PATH", "")
    assert node.npm() == [str(packaged), str(script)]


@pytest.mark.usefixtures("no_package")
def test_where_there_is_none_the_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsFault, match=r"python -m infra\.node --install"):
        node.environment()


def test_the_cdk_runs_app_py_with_this_python_and_gives_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / cdk.VERSION / "node_modules" / "aws-cdk" / "bin" / "cdk"
    script.parent.mkdir(parents=True)
    script.write_text("console.log(JSON.stringify(process.argv.slice(2))); process.exit(3)")
    monkeypatch.setattr(cdk, "HOME", tmp_path)
    ran: list[list[str]] = []
    real = subprocess.run

    def watched(command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        ran.append(command)
        return real(command, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(cdk.subprocess, "run", watched)
    assert cdk.main(["synth", "--quiet"]) == 3
    assert ran[-1][1:] == [str(script), "synth", "--quiet", "--app", f'"{sys.executable}" app.py']


def test_the_pinned_cdk_is_not_a_range() -> None:
    assert cdk.VERSION.count(".") == 2
    assert cdk.VERSION.replace(".", "").isdigit()
