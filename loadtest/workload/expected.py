"""What must be found of generated files: in the ledger, in the rejects, in the table."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

MODULUS = 1 << 64


@dataclass(frozen=True, slots=True)
class KnownOutcome:
    """What becomes of one file, or of several whose keys differ."""

    rows: int = 0
    rejected: dict[str, int] = field(default_factory=dict)  # how many of the rows, by reason
    superseded: tuple[int, int] = (0, 0)  # how many are replaced by a later row of their key, at least and at most
    items: int = 0  # in the table afterwards
    checksum: int = 0  # of these items (`loadtest.workload.checksum`)
    bytes: int = 0  # of the file as it was delivered
    text_bytes: int = 0  # before compression
    not_summed: tuple[str, ...] = ()  # attributes that are about the load and not the file: not in the checksum

    @property
    def rows_rejected(self) -> int:
        """All rejects."""
        return sum(self.rejected.values())

    @property
    def rows_kept(self) -> int:
        """Written and superseded together, which is exact where the superseded alone are not."""
        return self.rows - self.rows_rejected

    def plus(self, other: "KnownOutcome") -> "KnownOutcome":
        """Return the known outcome of both, whose keys differ."""
        return KnownOutcome(
            self.rows + other.rows,
            dict(sorted((Counter(self.rejected) + Counter(other.rejected)).items())),
            (self.superseded[0] + other.superseded[0], self.superseded[1] + other.superseded[1]),
            self.items + other.items,
            (self.checksum + other.checksum) % MODULUS,
            self.bytes + other.bytes,
            self.text_bytes + other.text_bytes,
            tuple(sorted({*self.not_summed, *other.not_summed})),
        )

    def document(self) -> dict[str, Any]:
        """Return the known outcome as JSON takes it; the checksum is hexadecimal, as JSON's numbers are not exact."""
        least, most = self.superseded
        return asdict(self) | {"superseded": {"min": least, "max": most}, "checksum": f"{self.checksum:016x}"}
