"""What a run would have cost on AWS, from what it did here: list prices of us-east-1. Pure.

On demand; without S3 storage, transfer and the free tier. A worker's CPU seconds stand for the time its function would
have run: functions here share cores, and their waiting is not what they would wait for there.
"""

from dataclasses import dataclass

from ingest.contract import Price

GIB_MB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What was used."""

    write_units: float  # of tables and ledger
    worker_seconds: float
    invocations: int
    queue_requests: int
    objects_put: int
    object_reads: int
    memory_mb: int = 1769

    @property
    def usd(self) -> float:
        """The price of all."""
        return (
            self.write_units * Price.WRITE_UNIT
            + self.worker_seconds * self.memory_mb / GIB_MB * Price.LAMBDA_GB_SECOND
            + self.invocations * Price.LAMBDA_REQUEST
            + self.queue_requests * Price.SQS_REQUEST
            + self.objects_put * Price.S3_PUT
            + self.object_reads * Price.S3_GET
        )

    def usd_per_million(self, rows: int) -> float | None:
        """Return the price of a million rows such as these; None without rows."""
        return round(1e6 * self.usd / rows, 4) if rows else None
