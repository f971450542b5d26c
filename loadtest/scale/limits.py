"""What can bound a stack of many workers, each with its published figure, its source and what raises it."""

from dataclasses import dataclass

# Rows a second for each unit of a limit depend on the work: see `model.caps`.
NEW_TABLE_WRITE_UNITS = 4_000  # a second, on demand, when new; AWS: "pre-warming on-demand capacity mode"
TABLE_QUOTA_WRITE_UNITS = 40_000  # a second and table, by default; AWS: "on-demand capacity mode"
PARTITION_WRITE_UNITS = 1_000  # a second and partition, whatever the table has; AWS: "warm throughput scenarios"
STACK_CONCURRENCY = 10  # `max_concurrency`, the stack's own default
ACCOUNT_CONCURRENCY = 1_000  # functions at once, Lambda's default quota for an account
MAPPING_CONCURRENCY = 1_250  # functions at once for one SQS mapping; AWS: "configuring scaling behavior for SQS"
STREAM_BYTES = 90e6  # a second that one reader gets from S3: AWS's guidance is 85 to 90 MB; not measured here


@dataclass(frozen=True, slots=True)
class Table:
    """What the table takes."""

    name: str
    write_units: int  # a second
    how: str  # what one has to do for it


NEW = Table("new table", NEW_TABLE_WRITE_UNITS, "nothing: what a new on-demand table takes at first")
DEFAULT = Table("default quota", TABLE_QUOTA_WRITE_UNITS, "warm throughput of 40,000 write units, or a warmed-up table")
TENFOLD = Table("ten times the quota", 400_000, "a higher quota for the table, and warm throughput of 400,000")
ENDLESS = Table("without a limit", 10**9, "no such table: shows what would bound the rest")
TABLES = (NEW, DEFAULT, TENFOLD, ENDLESS)
