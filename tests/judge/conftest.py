"""DynamoDB Local for the tests of this folder, which run only where they are asked for: `make judge`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.dynamodb_local import running
from tests.judge.judge import Judge


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the folder out of any other run."""
    return None if "judge" in (config.option.markexpr or "") else True


@pytest.fixture(scope="session")
def endpoint_url() -> Iterator[str]:
    """An empty DynamoDB Local."""
    with running() as url:
        yield url


@pytest.fixture
def judge(endpoint_url: str) -> Iterator[Judge]:
    """What loads files into it."""
    judge = Judge(endpoint_url)
    yield judge
    judge.close()
