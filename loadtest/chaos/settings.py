"""What a chaos run is to do."""

from dataclasses import dataclass
from pathlib import Path

from loadtest.simulator import Faults, Key, Table

FEEDS = Path(__file__).parent / "feeds.toml"
PREFIX = "drops/"
NO_FEED_PREFIX = "no-feed/"
TABLE = "ChaosRows"
TABLES = {TABLE: Table(Key("customer"), Key("id"))}
KB, MB = 1_000, 1_000_000
SIZES = (KB, KB, 5 * KB, 20 * KB, 100 * KB, 300 * KB, MB, 2 * MB, 5 * MB, 9 * MB, 20 * MB)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosSettings:
    """What a chaos run is to do.

    Attributes:
        seconds: how long files are dropped and troubles made; then all is left to settle, for `patience_s` at most.
        kill_every_s: the mean time between two kills; `freeze_every_s` the same for workers stopped for longer than a
            lease.
        open_bytes: no more is dropped while this many bytes of files have not ended.
        sizes: file sizes to choose from; each as likely as the others.
        skews_s: by how much the clock of each worker is off, and so how many workers there are.
        redeliver: the share of messages that come back while their worker lives.
        throttled: the share of BatchWriteItem requests that are throttled, half of them in part; it does not depend on
            how much is sent.
        max_receive_count: deliveries before the dead-letter queue; more than the stack's 5, because workers live for
            half a minute here, and each that is killed has spent a delivery of all its messages.
        worker: the module that is run as a worker.
    """

    seconds: float
    seed: int
    kill_every_s: float = 5.0
    freeze_every_s: float = 40.0
    open_bytes: int = 60 * MB
    sizes: tuple[int, ...] = SIZES
    skews_s: tuple[float, ...] = (0.0, 0.0, 15.0, -15.0)
    redeliver: float = 0.05
    throttled: float = 0.3
    segment_bytes: int = 9 * MB
    function_s: float = 40.0
    lease_s: float = 10.0
    stuck_s: float = 60.0
    reconcile_every_s: float = 20.0
    max_receive_count: int = 15
    patience_s: float = 600.0
    worker: str = "loadtest.harness.worker"

    @property
    def table_faults(self) -> Faults:
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
    def ledger_faults(self) -> Faults:
        """Return what goes wrong with all other requests to DynamoDB."""
        return Faults(
            seed=self.seed + 1, throttled=0.03, internal_error=0.02, reset_before=0.01, reset_after=0.03, truncated=0.01
        )

    @property
    def cut_share(self) -> float:
        """Return the share of answers of S3 that end in their middle."""
        return 0.1
