"""The `ingest` command, run in this process."""

import json
from typing import Any

import pytest

from ingest.cli import main as cli

NOON = 1_795_348_800.0  # 2026-11-22T12:00:00Z
FEEDS = """
[feeds.orders]
prefix = "orders/"
table = "Orders"
partition_key = "id"
[feeds.visits]
prefix = "visits/"
table = "Visits"
partition_key = "id"
"""


class Ran:
    """One run of the command."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
        self.code = cli.run(list(arguments))
        self.out, self.err = capsys.readouterr()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The one line on stderr, without the command's name."""
        assert self.out == ""
        (line,) = self.err.splitlines()
        assert line.startswith("ingest: ")
        assert "Traceback" not in line
        return line.removeprefix("ingest: ")
