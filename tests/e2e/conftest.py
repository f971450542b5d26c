"""One local stack for all end-to-end tests."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import dynamodb_local
from infra.local.stack import local_stack
from ingest.feeds.parse import read_feeds
from tests.e2e.stack_under_test import StackUnderTest

FEEDS = Path(__file__).parent / "feeds.toml"
FEED_TABLE = re.compile(r"^\[feeds\.(\w+)\]$", re.MULTILINE)


@pytest.fixture(scope="session")
def feeds(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feeds file of this run: feeds.toml, or the same with the writer of --writer where it can."""
    writer = pytestconfig.getoption("writer")
    if not writer:
        return FEEDS
    found = read_feeds(FEEDS)
    declared = found.feeds
    text = re.sub(r"^writer = .*\n", "", FEEDS.read_text(encoding="utf-8"), flags=re.MULTILINE)

    def with_writer(section: re.Match[str]) -> str:
        feed = declared[section[1]]
        is_fast = feed.is_conditional or feed.skip_unchanged or feed.table in found.tables
        return section[0] if is_fast else f'{section[0]}\nwriter = "{writer}"'

    changed = tmp_path_factory.mktemp("feeds") / "feeds.toml"
    changed.write_text(FEED_TABLE.sub(with_writer, text), encoding="utf-8")
    return changed


@pytest.fixture(scope="session")
def stack(feeds: Path, pytestconfig: pytest.Config) -> Iterator[StackUnderTest]:
    tables = dynamodb_local.running() if pytestconfig.getoption("dynamodb") else contextlib.nullcontext()
    with (
        tables as dynamodb_url,
        local_stack(feeds, iam=pytestconfig.getoption("iam"), dynamodb_url=dynamodb_url) as deployed,
        contextlib.closing(StackUnderTest(deployed)) as stack_client,
    ):
        yield stack_client
