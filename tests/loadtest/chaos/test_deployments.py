"""Deployments of a chaos run: other settings each, that cut files elsewhere and mean the same by their rows."""

from pathlib import Path

from ingest.contract import Env
from ingest.feeds.parse import read_feeds
from ingest.reading.blocks import block_bytes
from loadtest.chaos.uploads import FEEDS, PREFIX, ChaosSettings

SETTINGS = ChaosSettings(seconds=1, seed=3)


def test_deployments_differ_in_name_blocks_and_segments_and_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    deployments = [SETTINGS.deployment(number, tmp_path) for number in range(20)]
    again = [SETTINGS.deployment(number, tmp_path / "again") for number in range(20)]
    assert [one[Env.SEGMENT_BYTES] for one in deployments] == [one[Env.SEGMENT_BYTES] for one in again]
    feeds = [read_feeds(Path(one["CHAOS_ROOT"]) / FEEDS.name).for_key(f"{PREFIX}a.csv") for one in deployments]
    assert len({name for name, _ in feeds}) == 2
    assert len({block_bytes(feed.csv) for _, feed in feeds}) == 3
    assert len({one[Env.SEGMENT_BYTES] for one in deployments}) == 3
    assert min(int(one[Env.SEGMENT_BYTES]) for one in deployments) == SETTINGS.segment_bytes


def test_the_rows_mean_the_same_in_each(tmp_path: Path) -> None:
    _, meant = read_feeds(FEEDS).for_key(f"{PREFIX}a.csv")
    for number in range(5):
        folder = Path(SETTINGS.deployment(number, tmp_path)["CHAOS_ROOT"])
        _, feed = read_feeds(folder / FEEDS.name).for_key(f"{PREFIX}a.csv")
        assert (feed.columns, feed.table, feed.key_attributes()) == (meant.columns, meant.table, meant.key_attributes())
