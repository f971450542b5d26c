"""What is wrong or unusual in a file, and in what share of its rows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.contract import Reason
from loadtest.workload.faults import BadRecipe

# Rows that are rejected, by the reason they are rejected for.
REJECTED = tuple(
    reason
    for name, reason in vars(Reason).items()
    if name.isupper() and reason not in (Reason.UNTERMINATED_QUOTE, Reason.REFUSED_BY_DYNAMODB)
)
QUOTES = "quotes"  # of the cells of free text: with quotes and delimiters in them
LINE_BREAKS = "line_breaks"  # of the cells of free text: with line ends in them
BLANK_LINES = "blank_lines"  # of the rows: a blank line follows
DUPLICATES = "duplicates"  # of the rows: with the key of an earlier one
UNUSUAL = (QUOTES, LINE_BREAKS, BLANK_LINES, DUPLICATES)
MOST = {DUPLICATES: 0.96}


@dataclass(frozen=True, slots=True)
class Defects:
    """Shares by kind: of the rows, or of the cells of free text."""

    shares: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, shares: Mapping[str, float | str]) -> "Defects":
        """Return defects by kind."""
        for kind, share in shares.items():
            if kind not in REJECTED + UNUSUAL:
                raise BadRecipe(f"defects {kind!r}: accepted are {', '.join(REJECTED + UNUSUAL)}.")
            if not re.fullmatch(r"[0-9]*\.?[0-9]+(e-?[0-9]+)?", str(share)) or float(share) > MOST.get(kind, 1):
                raise BadRecipe(f"defects {kind} = {share}: a share is 0 to {MOST.get(kind, 1)}.")
        defects = cls(tuple((kind, float(share)) for kind, share in sorted(shares.items()) if float(share)))
        if defects.rejected > 1:
            raise BadRecipe(f"the shares of rejected rows add up to {defects.rejected:g}, more than all.")
        return defects

    def share(self, kind: str) -> float:
        """Return the share of one kind."""
        return dict(self.shares).get(kind, 0.0)

    @property
    def rejects(self) -> tuple[tuple[str, float], ...]:
        """The kinds that are rejected, with their shares."""
        return tuple((kind, share) for kind, share in self.shares if kind in REJECTED)

    @property
    def rejected(self) -> float:
        """The share of rows that are rejected."""
        return sum(share for _, share in self.rejects)


CLEAN = Defects()
