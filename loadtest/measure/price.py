"""What a run would have cost on AWS, from what it did here: list prices of us-east-1. Pure.

On demand; without S3 storage, transfer and the free tier. A worker's CPU seconds stand for the time its function would
have run: functions here share cores, and their waiting is not what they would wait for there.
https://aws.amazon.com/dynamodb/pricing/on-demand/ https://aws.amazon.com/lambda/pricing/
https://aws.amazon.com/sqs/pricing/ https://aws.amazon.com/s3/pricing/ https://aws.amazon.com/cloudwatch/pricing/
"""

from dataclasses import dataclass

WRITE_UNIT, READ_UNIT = 0.625 / 1e6, 0.125 / 1e6
GB_SECOND_ARM64 = 0.0000133334
INVOCATION = 0.20 / 1e6
SQS_REQUEST = 0.40 / 1e6
S3_PUT, S3_GET = 0.005 / 1e3, 0.0004 / 1e3
S3_GB_MONTH = 0.023
LOG_GB = 0.50
METRIC_MONTH = 0.30  # paid by the hour
TRANSFER_OUT_GB = 0.09  # to the internet
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
            self.write_units * WRITE_UNIT
            + self.worker_seconds * self.memory_mb / GIB_MB * GB_SECOND_ARM64
            + self.invocations * INVOCATION
            + self.queue_requests * SQS_REQUEST
            + self.objects_put * S3_PUT
            + self.object_reads * S3_GET
        )

    def usd_per_million(self, rows: int) -> float | None:
        """Return the price of a million rows such as these; None without rows."""
        return round(1e6 * self.usd / rows, 4) if rows else None
