"""What loading costs, item by item."""

from dataclasses import dataclass
from math import ceil

from ingest.contract import Price
from ingest.estimate.duration import Fleet

GET_BYTES = 8 * 1024 * 1024  # of a ranged read, as in `ingest.aws.s3`
LEDGER_UNITS_OF_A_FILE = 7  # measured by `python -m loadtest huge` (README)
LEDGER_UNITS_OF_A_SEGMENT = 6
CHECKPOINT_S = 5.0  # as infra.settings has it
LOG_BYTES_OF_A_CHECKPOINT = 2_000
SQS_REQUESTS_OF_A_MESSAGE = 3  # sent, received, deleted
HEARTBEAT_S = 20.0  # a message is kept hidden anew so often


@dataclass(frozen=True, slots=True)
class Load:
    """What is loaded, and how."""

    files: int
    size_bytes: int
    segments: int
    workers: int
    seconds: float
    table_units: float
    index_units: float
    reject_parts: int = 0  # cells of files with rejects in them
    splits: bool = False  # then all bytes are read once more, to find where segments begin


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of the bill: so many of something, at a price each."""

    what: str
    quantity: float
    price: float

    @property
    def dollars(self) -> float:
        """What it comes to."""
        return self.quantity * self.price


def charges(load: Load, fleet: Fleet) -> list[Charge]:
    """Return what is charged once for loading, on demand; not what is charged by the month."""
    beats = load.workers * load.seconds
    segments = load.segments if load.splits else 0
    ledger = load.files * LEDGER_UNITS_OF_A_FILE + segments * LEDGER_UNITS_OF_A_SEGMENT + beats / CHECKPOINT_S
    messages = load.files + segments
    invocations = messages + load.workers * int(load.seconds // fleet.run_s)
    reads = ceil(load.size_bytes / GET_BYTES) * (2 if load.splits else 1) + 2 * max(load.segments, load.files)
    return [
        Charge("write units of the table", load.table_units, Price.WRITE_UNIT),
        Charge("write units of indexes", load.index_units, Price.WRITE_UNIT),
        Charge("write units of the ledger", ledger, Price.WRITE_UNIT),
        Charge("Lambda GB-seconds", beats * fleet.memory_mb / 1024, Price.LAMBDA_GB_SECOND),
        Charge("Lambda requests", invocations, Price.LAMBDA_REQUEST),
        Charge("SQS requests", invocations * SQS_REQUESTS_OF_A_MESSAGE + beats / HEARTBEAT_S, Price.SQS_REQUEST),
        Charge("S3 reads", reads, Price.S3_GET),
        Charge("S3 writes of rejects", 2 * load.reject_parts, Price.S3_PUT),
        Charge("CloudWatch Logs GB", beats / CHECKPOINT_S * LOG_BYTES_OF_A_CHECKPOINT / 1e9, Price.LOG_GB),
    ]


def provisioned_dollars(units: float, capacity: int, seconds: float) -> float:
    """Return what the same write units cost where so many a second are provisioned, for as many whole hours.

    >>> round(provisioned_dollars(36_000_000, 10_000, 3600), 2)
    6.5
    """
    hours = ceil(max(seconds, units / capacity) / 3600)
    return hours * capacity * Price.PROVISIONED_UNIT_HOUR
