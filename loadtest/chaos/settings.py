"""What a chaos run is to do."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingest.contract import Env
from loadtest.harness.testbed import TestbedSettings
from loadtest.simulator import Faults, Key, Table
from loadtest.workload.changes import NOT_SUMMED

FEEDS = Path(__file__).parent / "feeds.toml"
FEED, TABLE, PREFIX, NO_FEED_PREFIX = "drops", "ChaosRows", "drops/", "no-feed/"
CHANGES_TABLE, CHANGES_PREFIX = "ChaosChanges", "changes/"
KB, MB = 1_000, 1_000_000
RECORD_BYTES = (1 << 20, 6 << 20, 12 << 20)  # blocks are 4 MiB, and no smaller than a record may be
SEGMENT_FACTORS = (1, 2, 3)
TABLES = {TABLE: Table(Key("customer"), Key("id")), CHANGES_TABLE: Table(Key("account"), Key("entry"))}
SIZES = (KB, KB, 5 * KB, 20 * KB, 100 * KB, 300 * KB, MB, 2 * MB, 5 * MB, 9 * MB, 20 * MB)


@dataclass(frozen=True, kw_only=True)
class ChaosSettings(TestbedSettings):
    """What a chaos run is to do. `_every_s` are mean times between two such troubles."""

    seconds: float  # how long files are dropped and troubles made; then all is left to settle
    feeds: Path = FEEDS
    tables: Mapping[str, Table] = field(default_factory=lambda: dict(TABLES))
    kept: frozenset[str] = frozenset({CHANGES_TABLE})
    not_summed: frozenset[str] = NOT_SUMMED
    skews_s: tuple[float, ...] = (0.0, 0.0, 15.0, -15.0)
    function_s: float = 40.0
    segment_bytes: int = 9 * MB
    redeliver: float = 0.05
    # More than the stack's 5: workers live for half a minute, and each that is killed has spent a delivery of each.
    max_receive_count: int = 15
    cut_share: float = 0.1
    kill_every_s: float = 5.0
    freeze_every_s: float = 40.0  # a worker is stopped for longer than a lease
    deploy_every_s: float = 30.0  # half of the workers get other settings; 0: never
    open_bytes: int = 60 * MB  # no more is dropped while this many bytes of files have not ended
    sizes: tuple[int, ...] = SIZES  # to choose from; each as likely as the others
    # Files of changes that share their keys: the rows of each, and by how much they are longer: such files are split.
    histories: tuple[tuple[int, int], ...] = ((50, 0), (2_000, 0), (8_000, 1_500))
    throttled: float = 0.3  # the share of write requests, half of them in part; however much is sent
    stuck_s: float = 60.0
    reconcile_every_s: float = 20.0

    def environment(self) -> dict[str, str]:
        """Return what the workers' variables say beside those of the deployed function, or otherwise."""
        return {**super().environment(), Env.STUCK_S: str(self.stuck_s)}

    def deployment(self, number: int, folder: Path) -> dict[str, str]:
        """Write the feeds file of a deployment to a folder; return what its workers' variables say otherwise.

        Files are cut elsewhere by each: segments have other sizes, and so have blocks, as larger records are allowed.
        One deployment in two has the feed under another name.
        """
        chance = random.Random(f"{self.seed} {number}")
        name = chance.choice([FEED, f"{FEED}_renamed"])
        section = f"[feeds.{name}.csv]\nmax_record_bytes = {chance.choice(RECORD_BYTES)}\n"
        text = self.feeds.read_text(encoding="utf-8").replace(f"[feeds.{FEED}", f"[feeds.{name}") + section
        (folder := folder / f"deployment-{number}").mkdir()
        (folder / self.feeds.name).write_text(text, encoding="utf-8")
        segment_bytes = self.segment_bytes * chance.choice(SEGMENT_FACTORS)
        return {"CHAOS_ROOT": str(folder), Env.SEGMENT_BYTES: str(segment_bytes)}

    def faults(self) -> tuple[Faults, Faults]:
        """Return what goes wrong with requests about rows, and with all other requests to DynamoDB."""
        half, seed = self.throttled / 2, self.seed
        rare = dict.fromkeys(("reset_before", "reset_after", "truncated", "wrong_crc32"), 0.005)
        of_rows = {**rare, "throttled": half, "throttled_items": half, "internal_error": 0.02, "slow": 0.002}
        of_others = {"throttled": 0.03, "internal_error": 0.02, "reset_before": 0.01, "reset_after": 0.03}
        return Faults(seed=seed, slow_s=1.5, **of_rows), Faults(seed=seed + 1, truncated=0.01, **of_others)
