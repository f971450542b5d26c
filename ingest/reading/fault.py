"""What is wrong with a row: a value, never an exception."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a record of a block is rejected. `record` counts the block's records from 0, blank lines not counted."""

    record: int
    reason: str
    message: str
    column: str | None = None
    value: str | None = None
