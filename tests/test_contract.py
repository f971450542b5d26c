"""Each name of the contract is used on both sides: each metric is emitted, each output is written."""

from pathlib import Path

import pytest

from ingest import contract

ROOT = Path(__file__).parents[1]
INGEST = "".join(path.read_text() for path in (ROOT / "ingest").rglob("*.py") if path.name != "contract.py")
INFRA = "".join(path.read_text() for path in (ROOT / "infra").rglob("*.py"))


def names(group: type) -> list[str]:
    return [name for name in vars(group) if name.isupper()]


@pytest.mark.parametrize("name", names(contract.Metric))
def test_the_function_emits_every_metric(name: str) -> None:
    assert f"Metric.{name}" in INGEST


@pytest.mark.parametrize("name", names(contract.Env))
def test_the_stack_sets_and_the_handler_reads_every_variable(name: str) -> None:
    assert f"Env.{name}" in INGEST
    assert f"env.{name}" in INFRA


@pytest.mark.parametrize("name", names(contract.Output))
def test_the_stack_writes_every_output(name: str) -> None:
    assert f"output.{name}" in INFRA
