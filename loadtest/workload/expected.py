"""What must be found of generated files: in the ledger, in the rejects, in the table."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import reduce
from typing import Any

MODULUS = 1 << 64


@dataclass(frozen=True, slots=True)
class KnownOutcome:
    """What becomes of one file, or of several whose keys differ.

    Attributes:
        rows: the rows read.
        rejected: how many of them are rejected, by reason.
        superseded: how many of them are replaced by a later row of their key, at least and at most.
        items: how many items the table holds afterwards.
        checksum: of these items (`loadtest.workload.checksum`).
        bytes: of the file as it was delivered.
        text_bytes: of its text, before compression.
        not_summed: attributes that are not in the checksum, because they are about the load and not the file.
    """

    rows: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    superseded: tuple[int, int] = (0, 0)
    items: int = 0
    checksum: int = 0
    bytes: int = 0
    text_bytes: int = 0
    not_summed: tuple[str, ...] = ()

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

    @classmethod
    def of_files(cls, known_outcomes: Iterable["KnownOutcome"]) -> "KnownOutcome":
        """Return the known outcome of several files of one table, made under different `Recipe.file` numbers."""
        return reduce(cls.plus, known_outcomes, cls())

    def document(self) -> dict[str, Any]:
        """Return the known outcome as JSON takes it; the checksum is hexadecimal, as JSON's numbers are not exact."""
        least, most = self.superseded
        return asdict(self) | {"superseded": {"min": least, "max": most}, "checksum": f"{self.checksum:016x}"}
