"""Each example of docs/feeds.md, run: these settings, this file, these items."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.cli.preview import change_lines
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, not_noted
from ingest.dynamodb.write_stats import NOTHING_WRITTEN
from ingest.feeds.column import Column, Extra
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed, Index, Lineage, Operation, RowLimit, Ttl
from ingest.feeds.parse import parse_feeds
from ingest.feeds.tables import TableLimits
from ingest.items.items import Items
from ingest.worker.load import Load
from tests.support.fakes import RecordingRejects, reading

PAGE = (Path(__file__).parents[2] / "docs/feeds.md").read_text(encoding="utf-8")
FILE_ID, ORDER = "3f1c5a90e27bd6480a1b", "00001795342272345"
EXAMPLES = re.findall(r"```toml\n(.*?)```\n```csv\n(.*?)```\n```jsonl\n(.*?)```", PAGE, re.DOTALL)


class Printed:
    """An `ItemWriter` that keeps what `preview --format jsonl` would print."""

    stats = NOTHING_WRITTEN

    def __init__(self, feed: Feed) -> None:
        self.items: list[Any] = []
        self._feed = feed

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        self.items += map(json.loads, change_lines(items, self._feed))
        return WriteResult()


@pytest.mark.parametrize(("settings", "file", "items"), EXAMPLES, ids=[e[0].split("]")[0][1:] for e in EXAMPLES])
def test_an_example_gives_the_items_shown(settings: str, file: str, items: str) -> None:
    (feed,) = parse_feeds(settings).feeds.values()
    printed, rejects = Printed(feed), RecordingRejects()
    data = file.encode(feed.csv.encoding)
    packed = gzip.compress(data) if feed.csv.compression == "gzip" else data
    url = f"s3://landing/{feed.prefix}a.csv"
    load = Load(feed=feed, writer=printed, rejects=rejects, file=url, file_id=FILE_ID, order=ORDER)
    load.run(reading(packed, 1 << 20))
    assert printed.items == [json.loads(line) for line in items.splitlines()]
    assert rejects.taken == []


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == PAGE.count("```toml") >= 5


def test_the_globs_shown_match_what_the_table_says() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| ((?:`in/\S+` ?)+) \| ((?:`in/\S+` ?)+) \|$", PAGE, re.MULTILINE)
    assert len(rows) >= 7
    for glob, *columns in rows:
        feed = Feed("in/", "T", "id", exclude=(glob,))
        for text, is_matched in zip(columns, (True, False), strict=True):
            for key in re.findall("`([^`]+)`", text):
                assert feed.ignores(key) == is_matched, (glob, key)


STRUCTS = [Feed, Operation, Csv, Column, Extra, RowLimit, Ttl, Lineage, Index, TableLimits]


def unused(struct: type[msgspec.Struct], toml: str) -> list[str]:
    """Return the settings that a feeds file does not set."""
    names = [field.name for field in msgspec.structs.fields(struct)]
    return [name for name in names if not re.search(rf"(^|[{{,.] ?){name}( = |[.\]])", toml, re.MULTILINE)]


@pytest.mark.parametrize("struct", STRUCTS)
def test_every_setting_is_explained_and_has_an_example(struct: type[msgspec.Struct]) -> None:
    assert [field.name for field in msgspec.structs.fields(struct) if f"{field.name}`" not in PAGE] == []
    assert unused(struct, "\n".join(settings for settings, _, _ in EXAMPLES)) == []


@pytest.mark.parametrize("struct", STRUCTS)
def test_every_setting_is_used_end_to_end(struct: type[msgspec.Struct]) -> None:
    assert unused(struct, (Path(__file__).parents[1] / "e2e/feeds.toml").read_text()) == []
