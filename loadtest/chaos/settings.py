"""What a chaos run is to do."""

from dataclasses import dataclass, field
from pathlib import Path

from ingest.contract import Env
from loadtest.harness.world import WorldSettings
from loadtest.simulator import Faults, Key, Table

FEEDS = Path(__file__).parent / "feeds.toml"
FEED, TABLE, PREFIX, NO_FEED_PREFIX = "drops", "ChaosRows", "drops/", "no-feed/"
TABLES = {TABLE: Table(Key("customer"), Key("id"))}
KB, MB = 1_000, 1_000_000
SIZES = (KB, KB, 5 * KB, 20 * KB, 100 * KB, 300 * KB, MB, 2 * MB, 5 * MB, 9 * MB, 20 * MB)
CUT_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosSettings:
    """What a chaos run is to do.

    Attributes:
        seconds: how long files are dropped and troubles made; then all is left to settle, for `patience_s` at most.
        kill_every_s: the mean time between two kills; `freeze_every_s` the same for workers stopped for longer than a
            lease.
        open_bytes: no more is dropped while this many bytes of files have not ended.
        sizes: file sizes to choose from; each as likely as the others.
        throttled: the share of BatchWriteItem requests that are throttled, half of them in part; it does not depend on
            how much is sent.
        max_receive_count: more than the stack's 5, because workers live for half a minute here, and each that is killed
            has spent a delivery of all its messages.
    """

    seconds: float
    seed: int
    kill_every_s: float = 5.0
    freeze_every_s: float = 40.0
    open_bytes: int = 60 * MB
    sizes: tuple[int, ...] = SIZES
    skews_s: tuple[float, ...] = (0.0, 0.0, 15.0, -15.0)
    throttled: float = 0.3
    segment_bytes: int = 9 * MB
    function_s: float = 40.0
    lease_s: float = 10.0
    stuck_s: float = 60.0
    reconcile_every_s: float = 20.0
    max_receive_count: int = 15
    patience_s: float = 600.0
    worker: str = "loadtest.harness.worker"
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def world(self) -> WorldSettings:
        """Return what stands around the workers."""
        return WorldSettings(
            feeds=FEEDS,
            tables=TABLES,
            skews_s=self.skews_s,
            function_s=self.function_s,
            seed=self.seed,
            lease_s=self.lease_s,
            segment_bytes=self.segment_bytes,
            redeliver=0.05,
            max_receive_count=self.max_receive_count,
            visibility_s=self.function_s + self.lease_s,
            table_faults=self._table_faults,
            ledger_faults=self._ledger_faults,
            cut_share=CUT_SHARE,
            variables={Env.STUCK_S: str(self.stuck_s), **self.variables},
            worker=self.worker,
        )

    @property
    def _table_faults(self) -> Faults:
        """Return what goes wrong with BatchWriteItem."""
        return Faults(
            seed=self.seed,
            throttled=self.throttled / 2,
            throttled_items=self.throttled / 2,
            internal_error=0.02,
            reset_before=0.005,
            reset_after=0.005,
            truncated=0.005,
            wrong_crc32=0.005,
            slow=0.002,
            slow_s=1.5,
        )

    @property
    def _ledger_faults(self) -> Faults:
        """Return what goes wrong with all other requests to DynamoDB."""
        return Faults(
            seed=self.seed + 1, throttled=0.03, internal_error=0.02, reset_before=0.01, reset_after=0.03, truncated=0.01
        )
