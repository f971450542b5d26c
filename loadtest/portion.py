"""Some rows of a generated file."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Portion:
    """Some whole rows of a file, encoded."""

    data: bytes
    rows: int
