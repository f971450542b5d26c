"""The table of imports: arrows point one way, and the core stays pure."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FEEDS = {"ingest.feeds", "ingest.columns", "ingest.dialect"}
PURE = {"ingest.core", *FEEDS, "ingest.errors", "ingest.contract"}
VALUES = {"ingest.contract", "ingest.errors", *FEEDS}
AWS = {"boto3", "botocore", "aws_lambda_powertools", "mypy_boto3_dynamodb", "mypy_boto3_events", "mypy_boto3_s3"}
AWS |= {"mypy_boto3_lambda", "mypy_boto3_sqs"}
AWS |= {"mypy_boto3_cloudwatch", "mypy_boto3_logs"}
NO_WORLD = {"os", "time", "random", "logging", "threading", "datetime", "pathlib", "socket", "subprocess", "secrets"}

# importer (the longest name that fits counts) -> what it may import besides the standard library
MAY_IMPORT: dict[str, set[str]] = {
    "ingest": set(),  # a new module must find its place in this table
    "ingest.contract": set(),
    "ingest.errors": set(),
    "ingest.checked": {"ingest.errors", "msgspec"},
    "ingest.columns": {"msgspec"},
    "ingest.dialect": {"msgspec"},
    "ingest.feeds": {"ingest.columns", "ingest.dialect", "ingest.errors", "msgspec"},
    "ingest.feeds_file": {*FEEDS, "ingest.feeds_rules", "ingest.errors", "ingest.checked", "msgspec"},
    "ingest.feeds_rules": {*FEEDS, "ingest.errors"},
    "ingest.core": {*PURE, "pyarrow"},
    "ingest.core.times": {*PURE, "datetime"},  # calendars; a test below forbids the clock in it
    "ingest.ports": {"ingest.core", "ingest.errors", *FEEDS},
    "ingest.edges": {*PURE, *AWS, "ingest.edges"},
    "ingest.pipeline": {*PURE, "ingest.ports"},
    "ingest.hold": {*PURE, "ingest.ports"},
    "ingest.teller": {*PURE, "ingest.ports"},
    "ingest.split": {*PURE, "ingest.ports", "ingest.hold"},
    "ingest.account": {*PURE, "ingest.ports", "ingest.hold", "ingest.teller"},
    "ingest.task": {*PURE, "ingest.ports", "ingest.account", "ingest.hold", "ingest.pipeline", "ingest.split"},
    "ingest.worker": {*PURE, "ingest.ports", "ingest.account", "ingest.closing", "ingest.hold", "ingest.pipeline"}
    | {"ingest.split", "ingest.task", "ingest.teller"},
    "ingest.reconcile": {*PURE, "ingest.ports", "ingest.teller"},
    "ingest.intake": {*PURE, "ingest.ports", "ingest.hold", "ingest.task", "ingest.teller", "ingest.worker"},
    "ingest.assembly": {*PURE, "ingest.ports", "ingest.hold", "ingest.intake", "ingest.pipeline", "ingest.reconcile"}
    | {"ingest.teller", "ingest.worker"},
    "ingest.function": {"ingest", "aws_lambda_powertools"},
    "ingest.handler": {"ingest", *AWS},
    "ingest.closing": {*PURE, "ingest.ports", "ingest.teller"},
    "ingest.backfill": {*PURE, "ingest.ports", "ingest.reconcile"},
    "ingest.redrive": {*PURE, "ingest.ports"},
    "ingest.retry": {*PURE, "ingest.ports", "ingest.teller"},
    "ingest.cli": {"ingest", "typer"},
    "ingest.commands": {"ingest", "typer", "rich"},
    "ingest.commands.aws": {"ingest.edges", "ingest.errors", "boto3", "botocore"},
    "ingest.commands.stack": {"ingest", "botocore"},
    "ingest.commands.plan_read": {"ingest", "msgspec"},
    "ingest.__main__": {"ingest.cli"},
    "infra": {"infra", *VALUES, "ingest.feeds_file", "ingest.checked", "aws_cdk", "constructs", "msgspec"},
    "infra.monitoring": {"infra", *VALUES, "aws_cdk", "constructs", "numpy", "matplotlib"},
    "infra.lint": {"infra", "cfnlint"},
    "infra.nag": {"infra", "ingest.feeds", "aws_cdk", "cdk_nag", "constructs"},
    "infra.plain.text": {"yaml"},
    "infra.local": {"infra", *VALUES, "ingest.feeds_file", "boto3", "botocore", "rich", "ministack"}
    | {"mypy_boto3_cloudformation", "mypy_boto3_dynamodb", "mypy_boto3_lambda", "mypy_boto3_logs", "mypy_boto3_s3"}
    | {"mypy_boto3_sqs", "mypy_boto3_ssm"},
    "loadtest": {"loadtest", "ingest.contract", "boto3", "botocore"},  # the judge does not use the judged
    "loadtest.generate": {"loadtest.generate", "ingest.contract", "numpy", "boto3", "botocore", "rich"},
    "loadtest.generate.bench": {"loadtest"},
    "loadtest.generate.bench_command": {"loadtest"},
    "loadtest.generate.compression": {"pyarrow"},  # its zstd: Python has none before 3.14
    "loadtest.report": {"loadtest", "jinja2", "markupsafe", "matplotlib"},
    "loadtest.scale": {"loadtest", "ingest.contract", "matplotlib"},
    "loadtest.sink": {"loadtest.sink"},  # an endpoint of its own: no SDK in it
    "loadtest.sink.certificate": {"cryptography"},
    "loadtest.run": {"loadtest", "ingest.contract", "infra.local", "rich"},  # where the product is deployed, too
    "loadtest.run.aws": {"loadtest", "ingest.contract", "boto3", "botocore"},
    "loadtest.verdict": {"loadtest", "ingest.contract", "numpy"},
    "loadtest.chaos.stack": {
        "infra.local.stack",
        "ingest.contract",
        "loadtest.rejects",
        "boto3",
    },  # where the product is deployed
    "loadtest.chaos.worker": {
        "ingest.function",
        "ingest.handler",
        "ingest.contract",
        "ingest.edges.clock",
        "boto3",
    },  # measured, too
    "loadtest.observed": {"loadtest", "infra.local.stack", "ingest.contract"},  # where the product is deployed
    "loadtest.transcript": {"loadtest", "infra.local", "infra.bundle", "ingest.contract"},
    "loadtest.readers": {"pyarrow", "pandas"},  # the measured parties, each started as a process of its own
    "loadtest.readers.ingest_columns": {"ingest.core", "ingest.edges.files", *FEEDS, "ingest.feeds_file"},
    "loadtest.readers.ingest_plan": {"ingest.core", "ingest.edges.files", *FEEDS},
    "loadtest.writers": {"loadtest.writers", "boto3", "botocore", "awscrt"},  # measured parties too
    "loadtest.writers.ingest_fixed": {"ingest"},
    "loadtest.writers.ready_lean": {"loadtest.writers", "ingest.edges.http", "boto3"},
    "loadtest.cold_start.probe": {"ingest.handler"},
    "app": {"infra", "ingest.errors", "ingest.feeds_file", "aws_cdk"},
}


def violations(module: str, source: str) -> list[str]:
    """Return the imports of a module that the table does not allow, those inside functions too."""
    rule = max((name for name in MAY_IMPORT if f"{module}.".startswith(f"{name}.")), key=len)
    return [name for name in imports(source) if not is_allowed(rule, name)]


def is_allowed(rule: str, name: str) -> bool:
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return not (rule.startswith("ingest.core") and top in NO_WORLD - MAY_IMPORT[rule])
    return any(f"{name}.".startswith(f"{allowed}.") for allowed in MAY_IMPORT[rule])


def imports(source: str) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += ["." * node.level + (node.module or "") + "." + alias.name for alias in node.names]
    return names


def sources() -> list[tuple[str, Path]]:
    files = [ROOT / "app.py", *(path for top in ("ingest", "infra", "loadtest") for path in (ROOT / top).rglob("*.py"))]
    return [(".".join(path.relative_to(ROOT).with_suffix("").parts), path) for path in sorted(files)]


@pytest.mark.parametrize(("module", "path"), sources(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_module_imports_only_what_the_table_allows(module: str, path: Path) -> None:
    assert violations(module.removesuffix(".__init__"), path.read_text(encoding="utf-8")) == []


def test_the_core_knows_calendars_but_never_the_time() -> None:
    for path in sorted((ROOT / "ingest/core").glob("*.py")):
        names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert names & {"now", "utcnow", "today", "fromtimestamp"} == set(), path.name


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ingest.contract", "from ingest import errors"),
        ("ingest.errors", "import msgspec"),
        ("ingest.feeds", "from ingest.core import rows"),
        ("ingest.core.rows", "import os"),
        ("ingest.core.rows", "from datetime import datetime"),
        ("ingest.core.rows", "import os.path"),
        ("ingest.core.rows", "def f():\n    import time"),
        ("ingest.core.rows", "import boto3"),
        ("ingest.core.rows", "from ingest.edges.clock import Clock"),
        ("ingest.core.rows", "from ingest import pipeline"),
        ("ingest.core.rows", "from ..edges import clock"),
        ("ingest.core.rows", "from . import items"),
        ("ingest.core.rows", "import ingest"),
        ("ingest.ports", "from ingest.edges.s3 import Objects"),
        ("ingest.pipeline", "from ingest.edges.s3 import Objects"),
        ("ingest.pipeline", "import boto3"),
        ("ingest.intake", "from ingest import handler"),
        ("ingest.edges.s3", "from ingest.handler import build"),
        ("ingest.edges.s3", "from ingest.pipeline import Load"),
        ("ingest.edges.s3", "if TYPE_CHECKING:\n    from ingest.ports import Objects"),
        ("ingest.handler", "from infra import stack"),
        ("ingest.cli", "import infra.local"),
        ("ingest.commands.view", "import boto3"),
        ("infra.stack", "from ingest.core import items"),
        ("infra.stack", "from ingest import handler"),
        ("infra.stack", "from ingest import contract, pipeline"),
        ("infra.local.demo", "from ingest.pipeline import Load"),
        ("loadtest.mixed", "from ingest.core.items import Items"),
        ("loadtest.mixed", "from ingest import errors"),
        ("loadtest.mixed", "from infra.local import ministack"),
        ("loadtest.generate.block", "from ingest.core.items import Items"),
        ("loadtest.generate.columns", "import pyarrow"),
        ("loadtest.read_bench", "import pyarrow"),
        ("loadtest.readers.pyarrow_whole", "from ingest.core.rows import Rows"),
        ("loadtest.readers.ingest_columns", "from ingest.pipeline import Load"),
        ("loadtest.writing.parts", "from ingest.core.flow import Flow"),
        ("loadtest.writers.boto3_loop", "from ingest.feeds_file import read_feeds"),
        ("loadtest.writers.ready_lean", "from ingest.edges.batch_writer import BatchWriter"),
        ("loadtest.cold_start.measuring", "from ingest import handler"),
        ("app", "from ingest.handler import handle"),
    ],
)
def test_a_planted_violation_is_caught(module: str, source: str) -> None:
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ingest.core.rows", "import io, json, re, decimal"),
        ("ingest.core.rows", "import pyarrow.compute as pc"),
        ("ingest.core.rows", "from ingest.core.items import Items"),
        ("ingest.edges.clock", "import time, random"),
        ("ingest.handler", "from ingest.edges.clock import Clock"),
        ("infra.stack", "from ingest import contract"),
        ("infra.local.demo", "from ingest.contract import Output"),
    ],
)
def test_what_the_table_allows_is_no_violation(module: str, source: str) -> None:
    assert violations(module, source) == []


@pytest.mark.parametrize("package", ["ingest", "ingest/core", "ingest/edges", "ingest/commands"])
def test_packages_are_empty_so_that_words_can_be_imported_alone(package: str) -> None:
    assert (ROOT / package / "__init__.py").read_text(encoding="utf-8") == ""


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("ingest.contract", ["msgspec", "boto3", "pyarrow", "aws_cdk"]),
        ("ingest.feeds_file", ["boto3", "pyarrow", "aws_cdk"]),
        ("ingest.pipeline", ["boto3", "botocore", "aws_lambda_powertools", "typer"]),
        ("ingest.handler", ["typer", "rich", "aws_cdk", "moto", "ingest.core.sniffing"]),
    ],
)
def test_importing_a_module_in_an_empty_environment_brings_nothing_unwanted(module: str, unwanted: list[str]) -> None:
    program = f"import sys, {module}; print(*(name for name in {unwanted!r} if name in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.stdout.strip(), run.stderr, run.returncode) == ("", "", 0)
