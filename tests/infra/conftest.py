"""Templates of the stack, synthesised once per run with a tiny zip in place of the function's."""

import os
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra import node
from infra.settings import Settings
from ingest.feeds.feed import Feeds
from ingest.feeds.parse import parse_feeds

# The CDK starts Node.js on its first use, with the environment of that moment.
os.environ.update({name: node.environment()[name] for name in ("PATH", "JSII_NODE", *node.QUIET)})

FEEDS = """
[feeds.orders]
prefix = "orders/"
table = "Orders"
partition_key = "customer_id"
sort_key = "order_no"
columns = { order_no = "N" }

[feeds.returns]
prefix = "returns/"
table = "Orders"
partition_key = "customer_id"
sort_key = "order_no"
columns = { order_no = "N" }

[feeds.events]
prefix = "in*coming/"
table = "my-events.v2"
partition_key = "EVENT#{id}"

[feeds.old]
prefix = "old/"
table = "Legacy"
partition_key = "id"
existing = true
"""


@pytest.fixture(scope="session")
def zip_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("code") / "function.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ingest/worker/handler.py", "")
    return path


@pytest.fixture(scope="session")
def synthesised(zip_path: Path) -> Callable[..., dict[str, Any]]:
    """Return a function from settings and feeds to a template."""
    from aws_cdk import App
    from aws_cdk.assertions import Template

    from infra.stack import IngestStack

    @cache
    def template(settings: Settings = Settings(), feeds: str = FEEDS) -> dict[str, Any]:  # noqa: B008  frozen
        parsed: Feeds = parse_feeds(feeds)
        stack = IngestStack(App(), settings.name, settings=settings, feeds=parsed, code=zip_path)
        return dict(Template.from_stack(stack).to_json())

    return template


@pytest.fixture(scope="session")
def template(synthesised: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The template of the default settings and four feeds."""
    return synthesised()
