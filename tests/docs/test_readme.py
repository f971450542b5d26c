"""The README's feed is one, its costs are those of docs/deploy.md, its demo is what the demo prints."""

import re

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
