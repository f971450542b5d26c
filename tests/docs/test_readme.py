"""The README's feed is one, its costs are those of docs/deploy.md, its demo is what the demo prints."""

import re
import subprocess
from pathlib import Path

from ingest.feeds.parse import parse_feeds
from tests.docs.pages.all import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
DEPLOY = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")


def test_the_feeds_file_it_shows_is_one() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    assert list(parse_feeds(text).feeds) == ["orders"]


def test_its_costs_are_those_of_the_page_that_computes_them() -> None:
    rows = re.findall(r"^\| ([\d,]+ bytes) \| \$([\d.]+) \| \$([\d.]+) \|$", README, re.MULTILINE)
    assert len(rows) >= 3
    for size, million, per_gb in rows:
        assert re.search(rf"^\| {size} \|.*\| {million} \| {per_gb} \|$", DEPLOY, re.MULTILINE), size
        assert size != "100 bytes" or f"costs about ${per_gb}" in README


def test_what_its_commands_write_in_the_checkout_is_not_committed() -> None:
    project = re.findall(r"ingest init (\S+)", README)
    loaded = [Path(name).name for name in re.findall(r"ingest (?:load|drop|check) (\S+)", README)]
    rejects = [f"{name}.rejects.{kind}" for name in loaded for kind in ("jsonl", "csv", "jsonl.partial", "csv.partial")]
    written = [*(f"{name}/feeds.toml" for name in project), *rejects, *re.findall(r"\bdist/\S+", README)]
    assert len(project) == 1 and len(rejects) > 4 and len(written) > len(rejects) + 2
    ignored = subprocess.run(
        ["git", "check-ignore", "--stdin"],
        cwd=ROOT,
        input="\n".join(written),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ignored.stdout.split() == written
