"""The function's zip. Wheels come from pip's cache or the package index on the first run, from build/ afterwards."""

import ast
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

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
import msgspec, aws_lambda_powertools.metrics, aws_lambda_powertools.utilities.batch
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
    assert not [name for name in held if "__pycache__" in name or name.startswith("bin/")]
    assert len(held) == len(set(held))


def test_each_module_in_it_is_reached_from_the_handler_and_none_that_is_reached_is_missing(archive: Path) -> None:
    held = {name for name in names(archive) if name.startswith("ingest/")}
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


def test_libraries_are_those_of_the_functions_platform(platform: Platform, archive: Path) -> None:
    (library,) = [name for name in names(archive) if name.startswith("pyarrow/lib.")]
    expected = "cpython-314-aarch64" if platform == ARM64 else f"cpython-3{sys.version_info.minor}-"
    assert expected in library


@pytest.mark.e2e
def test_trimmed_wheels_still_do_what_the_function_asks_of_them(tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle.build(HOST, FEEDS)) as opened:
        opened.extractall(tmp_path)
    # -S: nothing of this environment's own packages can help out.
    command = [sys.executable, "-I", "-S", "-W", "error", "-c", PROBE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    pinned = bundle.REQUIREMENTS.read_text()
    for name, version in zip(("pyarrow", "boto3"), done.stdout.split(), strict=True):
        assert f"{name}=={version}\n" in pinned


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
