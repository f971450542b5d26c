"""The function's zip. Wheels come from pip's cache or the package index on the first run, from build/ afterwards."""

import ast
import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra import bundle
from infra.bundle import ARM64, HOST, Platform
from ingest import contract
from ingest.errors import SettingsFault

ROOT = Path(__file__).parents[2]
FEEDS = ROOT / "feeds.toml"

PROBE = """
import sys
sys.path.insert(0, sys.argv[1])
import gzip
import pyarrow as pa, pyarrow.csv, pyarrow.compute as pc
assert pa.__file__.startswith(sys.argv[1])
table = pa.csv.read_csv(pa.CompressedInputStream(pa.py_buffer(gzip.compress(b"a,b\\n1,x\\n2,y\\n")), "gzip"))
assert pc.binary_join_element_wise(pc.cast(table["a"], pa.string()), table["b"], "-").to_pylist() == ["1-x", "2-y"]
assert table.filter(pc.field("a") > 1).num_rows == 1
import boto3
for service in ("dynamodb", "events", "s3", "sqs", "sts"):
    boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
boto3.resource("dynamodb", region_name="us-east-1")
import msgspec
from aws_lambda_powertools import Logger
Logger(service="tried").append_keys(file="x")
from importlib.metadata import version
print(version("pyarrow"), version("boto3"))
"""


@pytest.fixture(scope="module", params=[ARM64, HOST])
def platform(request: pytest.FixtureRequest) -> Platform:
    chosen: Platform = request.param
    return chosen


@pytest.fixture(scope="module")
def archive(platform: Platform) -> Path:
    return bundle.build(platform, FEEDS)


def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()


def test_it_fits_lambda_with_room_to_spare(archive: Path) -> None:
    zipped, unpacked = bundle.sizes_mb(archive)
    assert zipped < bundle.MAX_ZIPPED_MB
    assert unpacked < bundle.MAX_UNPACKED_MB


def test_it_holds_the_function_and_the_feeds_but_not_the_command_line(archive: Path) -> None:
    held = names(archive)
    assert {"ingest/contract.py", "ingest/feeds/parse.py", contract.FEEDS_FILE} <= set(held)
    not_shipped = tuple(f"ingest/{package}/" for package in ("sniff", "estimate", "recovery", "cli"))
    assert not [name for name in held if name.startswith((*not_shipped, "infra/", "tests/"))]
    assert not [name for name in held if name.startswith("bin/")]
    assert len(held) == len(set(held))


def test_each_module_in_it_is_reached_from_the_handler_and_none_that_is_reached_is_missing(archive: Path) -> None:
    held = {name for name in names(archive) if name.startswith("ingest/") and name.endswith(".py")}
    reached: set[str] = set()
    waiting = ["ingest/worker/handler.py"]
    while waiting:
        name = waiting.pop()
        if name not in reached and (ROOT / name).is_file():
            reached.add(name)
            waiting += imported_files(name)
    assert held == reached


def imported_files(name: str) -> Iterator[str]:
    """Yield what a module's imports may mean: a package's own file, a module, a name in one."""
    for node in ast.walk(ast.parse((ROOT / name).read_bytes())):
        if isinstance(node, ast.ImportFrom):
            whole = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
            for dotted in whole:
                path = dotted.replace(".", "/")
                yield f"{path}.py"
                yield f"{path}/__init__.py"
    yield from (f"{folder}/__init__.py" for folder in Path(name).parents if folder != Path())


def test_a_second_build_takes_the_wheels_of_the_first_and_has_the_same_bytes(
    platform: Platform, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(bundle, "_install", lambda *_: pytest.fail("wheels are fetched again"))
    again = bundle.build(platform, FEEDS)
    assert (again, hashlib.sha256(again.read_bytes()).hexdigest()) == (archive, before)


def test_it_has_bytecode_of_each_module_where_the_function_can_read_it_and_none_else(
    platform: Platform, archive: Path
) -> None:
    with zipfile.ZipFile(archive) as opened:
        held = {name: opened.read(name) for name in opened.namelist() if name.endswith((".py", ".pyc"))}
    sources = {name for name in held if name.endswith(".py")}
    expected = {cache_from_source(name) for name in sources} if bundle.has_bytecode(platform) else set()
    compiled = held.keys() - sources
    assert compiled == expected
    for name in compiled:  # not compared with its source: neither by date nor by content
        magic, flags = held[name][:4], int.from_bytes(held[name][4:8], "little")
        assert (magic, flags) == (MAGIC_NUMBER, 0b01)


@pytest.mark.parametrize(("tag", "expected"), [("cpython-314", True), ("cpython-313", False), ("pypy314", False)])
def test_lambdas_zip_gets_bytecode_of_its_own_python_only(
    tag: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(cache_tag=tag))
    assert bundle.has_bytecode(ARM64) is expected


def test_bytecode_is_the_same_wherever_and_after_whatever_it_is_compiled(tmp_path: Path) -> None:
    found = []
    for name in ("one", "other"):
        tree = tmp_path / name
        shutil.copytree(ROOT / "ingest/feeds", tree, ignore=shutil.ignore_patterns("__pycache__"))
        compiled = bundle.compile_files(tree, sorted(tree.glob("*.py")))
        found.append([path.read_bytes() for path in compiled])
    assert len(found[0]) > 5
    assert found[0] == found[1]


def test_libraries_are_those_of_the_functions_platform(platform: Platform, archive: Path) -> None:
    (library,) = [name for name in names(archive) if name.startswith("pyarrow/lib.")]
    expected = "cpython-314-aarch64" if platform == ARM64 else f"cpython-3{sys.version_info.minor}-"
    assert expected in library


@pytest.mark.e2e
def test_trimmed_wheels_still_do_what_the_function_asks_of_them(tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle.build(HOST, FEEDS)) as opened:
        opened.extractall(tmp_path)
    # -S: nothing of this environment's own packages can help out; -B: none writes bytecode, as in Lambda.
    command = [sys.executable, "-I", "-S", "-B", "-W", "error", "-c", PROBE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    pinned = bundle.REQUIREMENTS.read_text()
    for name, version in zip(("pyarrow", "boto3"), done.stdout.split(), strict=True):
        assert f"{name}=={version}\n" in pinned


def test_python_takes_the_bytecode_of_the_zip_whatever_the_date_of_its_source(tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle.build(HOST, FEEDS)) as opened:
        opened.extractall(tmp_path, [name for name in opened.namelist() if name.startswith("ingest/")])
    (tmp_path / "ingest/contract.py").write_text("raise RuntimeError('compiled anew')")
    command = [
        sys.executable,
        "-I",
        "-S",
        "-B",
        "-c",
        "import sys; sys.path.insert(0, sys.argv[1]); import ingest.contract",
    ]
    subprocess.run([*command, str(tmp_path)], check=True)


def test_other_feeds_make_another_zip(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(FEEDS.read_text() + "\n# changed\n")
    archive = bundle.build(HOST, other)
    try:
        assert archive != bundle.build(HOST, FEEDS)
        with zipfile.ZipFile(archive) as opened:
            assert opened.read(contract.FEEDS_FILE) == other.read_bytes()
    finally:
        archive.unlink()


def test_a_zip_that_lambda_would_refuse_is_refused_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_UNPACKED_MB", 5)
    with pytest.raises(SettingsFault, match="accepted are at most 60 and 5"):
        bundle.build(HOST, FEEDS)


def test_wheels_that_cannot_be_had_are_reported_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path / "requirements.txt"
    nowhere.write_text("no-such-package-of-ours @ file:///nowhere/x-1.0-py3-none-any.whl\n")
    monkeypatch.setattr(bundle, "REQUIREMENTS", nowhere)
    with pytest.raises(SettingsFault, match="uv could not get the function's wheels for host"):
        bundle.build(HOST, FEEDS, build_folder=tmp_path)
