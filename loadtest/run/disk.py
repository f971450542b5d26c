"""Made files on disk, for targets that drop from there."""

from collections.abc import Iterable
from pathlib import Path


def write_file(path: Path, portions: Iterable[bytes]) -> None:
    """Write a file; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(portions)
