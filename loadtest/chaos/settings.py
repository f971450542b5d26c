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
    """What a chaos run is to do.

    Attributes:
        seconds: how long files are dropped and troubles made; then all is left to settle.
        kill_every_s: the mean time between two kills; `freeze_every_s` the same for workers stopped for longer than a
            lease.
        deploy_every_s: the mean time between two deployments of other settings to half of the workers; 0: none.
        open_bytes: no more is dropped while this many bytes of files have not ended.
        sizes: file sizes to choose from; each as likely as the others.
        histories: files of changes that share their keys: the rows of each, and by how much they are longer than they
            must be; so long a file is split.
        throttled: the share of write requests that are throttled, half of them in part; it does not depend on how much
            is sent.
        max_receive_count: more than the stack's 5, because workers live for half a minute here, and each that is killed
            has spent a delivery of all its messages.
    """

    seconds: float
    feeds: Path = FEEDS
    tables: Mapping[str, Table] = field(default_factory=lambda: dict(TABLES))
    kept: frozenset[str] = frozenset({CHANGES_TABLE})
    not_summed: frozenset[str] = NOT_SUMMED
    skews_s: tuple[float, ...] = (0.0, 0.0, 15.0, -15.0)
    function_s: float = 40.0
    segment_bytes: int = 9 * MB
    redeliver: float = 0.05
    max_receive_count: int = 15
    cut_share: float = 0.1
    kill_every_s: float = 5.0
    freeze_every_s: float = 40.0
    deploy_every_s: float = 30.0
    open_bytes: int = 60 * MB
    sizes: tuple[int, ...] = SIZES
    histories: tuple[tuple[int, int], ...] = ((50, 0), (2_000, 0), (8_000, 1_500))
    throttled: float = 0.3
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

    @property
    def table_faults(self) -> Faults:
        """Return what goes wrong with requests about rows."""
        half = self.throttled / 2
        return Faults(
            seed=self.seed,
            throttled=half,
            throttled_items=half,
            internal_error=0.02,
            reset_before=0.005,
            reset_after=0.005,
            truncated=0.005,
            wrong_crc32=0.005,
            slow=0.002,
            slow_s=1.5,
        )

    @property
    def ledger_faults(self) -> Faults:
        """Return what goes wrong with all other requests to DynamoDB."""
        return Faults(
            seed=self.seed + 1, throttled=0.03, internal_error=0.02, reset_before=0.01, reset_after=0.03, truncated=0.01
        )
