"""What `ingest sniff` says of a file, and what `check` and `preview` then find under its proposal."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ingest.cli import main as cli
from ingest.feeds.parse import parse_feeds


class Sniffed:
    """What sniff says of a file, and what check then finds under it."""

    def __init__(self, capsys: pytest.CaptureFixture[str], data: bytes, *flags: str, name: str = "any.csv") -> None:
        Path(name).write_bytes(data)
        code = cli.run(["sniff", name, *flags])
        self.toml, err = capsys.readouterr()
        assert (code, err) == (0, "")
        self.is_open = '\npartition_key = ""\n' in self.toml
        self.filled = self._filled()
        Path("proposed.toml").write_text(self.filled, encoding="utf-8")
        ((self.feed_name, self.feed),) = parse_feeds(self.filled).feeds.items()
        cli.run(["check", name, "--feed", self.feed_name, "--feeds", "proposed.toml", "--json"])
        self.found: dict[str, Any] = json.loads(capsys.readouterr().out)
        cli.run(["preview", name, "--feed", self.feed_name, "--feeds", "proposed.toml", "--json", "--all"])
        self.items = [json.loads(line) for line in capsys.readouterr().out.split("\n")[:-1]]
        if "# From all " in self.toml:
            self._check_remarks()

    def _check_remarks(self) -> None:
        """Remarks say what `check` then counts."""
        counts = [self.found[f"rows_{kind}"] for kind in ("written", "superseded")]
        if self.rows:
            tested = re.findall(
                r"^# Tested on these rows: ([\d,]+) would .*, ([\d,]+) superseded", self.toml, re.MULTILINE
            )
            assert [int(count.replace(",", "")) for count in tested[0]] == counts
            assert all(f"{count:,} {reason}" in self.toml for reason, count in self.reasons.items())
        if "# Unique in the " in self.toml:
            assert (counts[1], self.reasons.keys() & {"empty_key", "missing_value"}) == (0, set())
        bad_numbers = bool(self.reasons.keys() & {"bad_number", "number_out_of_range"})
        assert ("values cannot be read as a number" in self.toml) == bad_numbers
        assert ("values cannot be read as yes or no" in self.toml) == ("bad_boolean" in self.reasons)

    def _filled(self) -> str:
        """The proposal with its first candidate where it leaves the key open, as a user would fill it in."""
        if not self.is_open:
            return self.toml
        key = self.candidates[0] if self.candidates else f'partition_key = "{self.best}"'
        return self.toml.replace('partition_key = ""', key.replace(", sort_key", "\nsort_key"))

    @property
    def candidates(self) -> list[str]:
        return re.findall(r"^# Candidate: (.*) \(", self.toml, re.MULTILINE)

    @property
    def best(self) -> str:
        """The key with which an open proposal was tested."""
        return re.findall(r'That is with the key partition_key = "(.*)"\.', self.toml)[0]

    @property
    def rows(self) -> int:
        rows: int = self.found["rows_read"]
        return rows

    @property
    def reasons(self) -> dict[str, int]:
        reasons: dict[str, int] = self.found["reasons"]
        return reasons

    @property
    def types(self) -> dict[str, str]:
        return {name: self.feed.column(name).type for name in self.feed.columns}


def sniffed(capsys: pytest.CaptureFixture[str], text: str, *flags: str, encoding: str = "utf-8") -> Sniffed:
    return Sniffed(capsys, text.encode(encoding), *flags)


def written(rows: list[list[str]], **dialect: Any) -> str:
    stream = io.StringIO()
    csv.writer(stream, **dialect).writerows(rows)
    return stream.getvalue()
