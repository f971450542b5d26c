"""Layout, layers and purity: which package may import which, and which modules may reach outside the process."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Bottom to top: a package imports itself and those of lower lines.
LAYERS = (
    ("contract", "errors", "file"),
    ("feeds",),
    ("reading",),
    ("items", "aws"),
    ("rejects", "ledger", "sniff"),
    ("queue", "metrics"),
    ("dynamodb",),
    ("worker",),
    ("recovery", "estimate"),
    ("cli",),
)
LEVELS = {package: level for level, packages in enumerate(LAYERS) for package in packages}
LOADTEST_LAYERS = (
    ("workload",),
    ("checker",),
    ("simulator",),
    ("s3_server",),
    ("harness",),
    ("bench", "chaos", "generate"),
    ("scenarios",),
)
LOADTEST_LEVELS = {package: level for level, packages in enumerate(LOADTEST_LAYERS) for package in packages}
NOT_SHIPPED = {"sniff", "estimate", "recovery", "cli"}

# The modules that have a client, a clock, randomness, threads or logging. All others have none.
REACH_OUTSIDE = {
    "aws": "clock errors s3",
    "cli": "*",
    "dynamodb": "budget.holder request_loop updates writers http.client http.connection",
    "ledger": "queries store table transitions",
    "metrics": "cloudwatch emf events",
    "queue": "operating sqs",
    "rejects": "bucket",
    "worker": "batch handler",
}
OUTSIDE = {"os", "time", "random", "logging", "threading", "socket", "subprocess", "secrets", "select"}
CLOCK = {"now", "utcnow", "today", "fromtimestamp"}  # attributes of datetime's classes
AWS = {"boto3", "botocore", "aws_lambda_powertools"}

# Libraries, by the longest name that fits. Modules that reach outside may also use the AWS SDK.
LIBRARIES = {
    "ingest": set(),
    "ingest.feeds": {"msgspec"},
    "ingest.reading": {"pyarrow"},
    "ingest.items": {"pyarrow"},
    "ingest.dynamodb": {"pyarrow"},
    "ingest.sniff": {"msgspec", "pyarrow"},
    "ingest.estimate": {"msgspec", "pyarrow"},
    "ingest.cli": {"msgspec", "rich", "typer"},
    "infra": {"aws_cdk", "boto3", "botocore", "constructs", "msgspec"},
    "infra.lint": {"cfnlint"},
    "infra.local": {"boto3", "botocore", "ministack", "rich"},
    "infra.monitoring": {"PIL", "aws_cdk", "constructs", "matplotlib", "numpy"},
    "infra.nag": {"aws_cdk", "cdk_nag", "constructs"},
    "infra.plain": {"aws_cdk", "constructs", "msgspec", "yaml"},
    "loadtest": {"boto3", "botocore", "rich"},
    "loadtest.bench": {"boto3", "botocore", "msgspec", "pyarrow"},
    "loadtest.checker": {"numpy"},
    "loadtest.generate": {"boto3", "botocore", "msgspec", "rich"},
    "loadtest.s3_server": {"urllib3"},
    "loadtest.scenarios": {"boto3", "botocore", "msgspec", "numpy", "rich"},
    "loadtest.scenarios.report": {"jinja2", "matplotlib", "numpy"},
    "loadtest.simulator": {"msgspec", "numpy", "trustme"},
    "loadtest.workload": {"msgspec", "numpy", "pyarrow"},
    "app": {"aws_cdk"},
}

# What the other programs of this repository may import of it.
MAY_IMPORT = {
    "infra": {"infra", "ingest.contract", "ingest.errors", "ingest.feeds"},
    "loadtest": {"loadtest", "ingest", "infra.bundle", "infra.cdk", "infra.local"},
    "loadtest.checker": {"loadtest", "ingest.contract"},  # the judge does not use the judged
    "loadtest.workload": {"loadtest.workload", "ingest.contract"},
    "app": {"infra", "ingest.errors", "ingest.feeds"},
}


def violations(module: str, source: str) -> list[str]:
    """Return the imports of a module that the tables do not allow, those inside functions too."""
    return [name for name in imports(source) if not is_allowed(module, name)]


def is_allowed(module: str, name: str) -> bool:
    top = name.partition(".")[0]
    if top in ("ingest", "infra", "loadtest"):
        return is_below(module, name)
    if top in sys.stdlib_module_names:
        return top not in OUTSIDE or not module.startswith("ingest.") or reaches_outside(module)
    is_sdk = (top in AWS or top.startswith("mypy_boto3")) and (
        reaches_outside(module) or not module.startswith("ingest")
    )
    return is_sdk or top in LIBRARIES[longest(LIBRARIES, module)]


def is_below(module: str, name: str) -> bool:
    if module.startswith("loadtest.") and name.startswith("loadtest."):
        return is_below_in_loadtest(domain(module), domain(name))
    if not module.startswith("ingest"):
        return any(f"{name}.".startswith(f"{allowed}.") for allowed in MAY_IMPORT[longest(MAY_IMPORT, module)])
    mine, other = domain(module), domain(name)
    if mine in ("", "__main__"):  # `python -m ingest`
        return mine == "__main__" and other == "cli"
    return name.startswith("ingest.") and (mine == other or LEVELS[other] < LEVELS[mine])


def is_below_in_loadtest(mine: str, other: str) -> bool:
    return mine in (other, "__main__") or LOADTEST_LEVELS[other] < LOADTEST_LEVELS[mine]


def domain(module: str) -> str:
    return [*module.split("."), ""][1]


def longest(table: dict[str, set[str]], module: str) -> str:
    return max((name for name in table if f"{module}.".startswith(f"{name}.")), key=len)


def reaches_outside(module: str) -> bool:
    allowed = REACH_OUTSIDE.get(domain(module), "").split()
    return "*" in allowed or ".".join(module.split(".")[2:]) in allowed


def imports(source: str) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += ["." * node.level + (node.module or "") + "." + alias.name for alias in node.names]
    return names


def sources(*tops: str) -> Iterator[tuple[str, Path]]:
    for top in tops:
        for path in sorted((ROOT / top).rglob("*.py")):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path


PACKAGES = sorted({module.rpartition(".")[0] for module, _ in sources("ingest", "infra", "loadtest")})


@pytest.mark.parametrize("package", PACKAGES)
def test_a_module_imports_only_what_the_tables_allow(package: str) -> None:
    modules = [("app", ROOT / "app.py"), *sources("ingest", "infra", "loadtest")]
    texts = {
        module: path.read_text(encoding="utf-8") for module, path in modules if module.rpartition(".")[0] == package
    }
    found = {module: violations(module, text) for module, text in texts.items()}
    assert {module: names for module, names in found.items() if names} == {}


def test_only_modules_that_reach_outside_ask_what_time_it_is() -> None:
    for module, path in sources("ingest"):
        if not reaches_outside(module):
            names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
            assert names & CLOCK == set(), module


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ingest.contract", "from ingest.feeds import feed"),
        ("ingest.errors", "import msgspec"),
        ("ingest.feeds.feed", "from ingest.reading import rows"),
        ("ingest.reading.rows", "import os.path"),
        ("ingest.reading.rows", "def f():\n    import time"),
        ("ingest.reading.rows", "import boto3"),
        ("ingest.reading.rows", "from ingest.items.items import Items"),
        ("ingest.reading.rows", "from ..aws import clock"),
        ("ingest.reading.rows", "import ingest"),
        ("ingest.items.items", "from ingest.aws.clock import Clock"),  # beside it, not below
        ("ingest.ledger.claims", "import boto3"),
        ("ingest.worker.load", "import logging"),
        ("ingest.worker.load", "from mypy_boto3_s3 import S3Client"),
        ("ingest.aws.s3", "from ingest.worker.load import Load"),
        ("ingest.aws.s3", "if TYPE_CHECKING:\n    from ingest.worker.ports import Objects"),
        ("ingest.worker.handler", "from infra import stack"),
        ("ingest.worker.handler", "import typer"),
        ("ingest.recovery.retry", "from ingest.estimate.cost import charges"),
        ("infra.stack", "from ingest.items import items"),
        ("infra.stack", "from ingest.worker import handler"),
        ("loadtest.workload.stream", "from ingest.items.items import Items"),
        ("loadtest.checker.judge", "from ingest.rejects.reject import Reject"),
        ("loadtest.checker.judge", "import boto3.session, msgspec"),
        ("loadtest.checker.judge", "from loadtest.simulator import requests"),
        ("loadtest.workload.stream", "from loadtest.harness import process"),
        ("loadtest.harness.testbed", "from loadtest.chaos.uploads import ChaosSettings"),
        ("loadtest.chaos.run", "from loadtest.bench.measuring import Goal"),  # beside it, not below
        ("loadtest.bench.read", "from infra import stack"),
        ("app", "from ingest.worker.handler import handle"),
    ],
)
def test_a_planted_violation_is_caught(module: str, source: str) -> None:
    assert len(violations(module, source)) >= 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ingest.reading.rows", "import io, json, re, decimal, datetime"),
        ("ingest.reading.rows", "import pyarrow.compute as pc"),
        ("ingest.items.items", "from ingest.reading.rows import Rows"),
        ("ingest.aws.clock", "import time, random"),
        ("ingest.worker.handler", "from ingest.aws.clock import Clock"),
        ("infra.stack", "from ingest import contract"),
        ("infra.local.demo", "from ingest.contract import Output"),
    ],
)
def test_what_the_tables_allow_is_not_a_violation(module: str, source: str) -> None:
    assert violations(module, source) == []


def packages() -> list[Path]:
    return sorted({path.parent for _, path in sources("ingest")} - {ROOT / "ingest"})


def test_the_packages_of_ingest_are_those_of_the_layers() -> None:
    found = {
        path.name for path in (ROOT / "ingest").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert {name.removesuffix(".py") for name in found} - {"__init__", "__main__"} == set(LEVELS)


def test_the_packages_of_loadtest_are_those_of_its_layers() -> None:
    found = {module.split(".")[1] for module, _ in sources("loadtest") if module != "loadtest"}
    assert found - {"__main__"} == set(LOADTEST_LEVELS)


@pytest.mark.parametrize("package", packages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_says_what_is_in_it_and_what_is_not_and_has_3_to_13_modules(package: Path) -> None:
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert "Not in here: " in docstring
    modules = [path for path in package.glob("*.py") if path.stem != "__init__"]
    assert 3 <= len(modules) <= (13 if package != ROOT / "ingest/cli" else 30)


def test_ingest_has_at_most_145_modules() -> None:
    assert len([path for _, path in sources("ingest") if path.stat().st_size]) <= 145


def test_loadtest_has_at_most_9_500_lines_in_70_modules() -> None:
    paths = [path for _, path in sources("loadtest")]
    assert len(paths) <= 70
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths) <= 9_500


def test_a_package_is_only_a_docstring() -> None:
    paths = (ROOT / "ingest").rglob("__init__.py")
    assert [str(path) for path in paths if len(ast.parse(path.read_text(encoding="utf-8")).body) != 1] == []


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("ingest.contract", ["msgspec", "boto3", "pyarrow", "aws_cdk"]),
        ("ingest.feeds.parse", ["boto3", "pyarrow", "aws_cdk"]),
        ("ingest.worker.load", ["boto3", "botocore", "aws_lambda_powertools", "typer"]),
        ("ingest.worker.handler", ["typer", "rich", "aws_cdk", "moto", *(f"ingest.{name}" for name in NOT_SHIPPED)]),
    ],
)
def test_importing_a_module_in_an_empty_environment_brings_nothing_unwanted(module: str, unwanted: list[str]) -> None:
    program = f"import sys, {module}; print(*(name for name in {unwanted!r} if name in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.stdout.strip(), run.stderr, run.returncode) == ("", "", 0)
