"""What must become of a file, as its generator knows. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.contract import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must become of one file.

    Attributes:
        rows: its rows; `rejected` of them by reason, and from `superseded[0]` to `superseded[1]` replaced by a later
            row with the same key: a later segment's rows replace those of an earlier one without being counted so.
        items: how many it leaves in the table; no other file has their keys.
        checksum: of these items.
    """

    key: str
    table: str
    size: int
    rows: int
    items: int
    checksum: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    superseded: tuple[int, int] = (0, 0)
    status: str = Status.COMPLETE
