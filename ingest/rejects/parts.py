"""Where a file's rejects are in their bucket: prefix, parts, and what makes writing a part twice harmless."""

import hashlib
from dataclasses import dataclass

from ingest.file import FileVersion

LINES, CSV = ".jsonl", ".csv"  # each part is two objects of one name
CELL_BYTES = 4 * 1024 * 1024
MAX_KEY_BYTES = 900  # S3 takes 1,024; the version and the part's name come behind
NAME_DIGITS = 15


@dataclass(frozen=True, slots=True)
class RejectCells:
    """Makes reject parts idempotent: whoever loads a file, from wherever, writes parts of the same name and content.

    A file is divided into cells of a fixed number of bytes, counted from its first byte. Rejects are written where a
    block ends in another cell than it began in, and nowhere else but where a full part ends: both depend on the bytes
    of the file alone, not on the worker, on the checkpoint it began at or on how often the file was tried. A part is
    named by the byte offset of its first reject. So rows that are loaded again write the same parts again, over those
    that are there; no reject is lost or doubled, and a checkpoint is allowed only where nothing is held back.
    """

    cell_bytes: int = CELL_BYTES

    def has_boundary(self, start_byte: int, end_byte: int) -> bool:
        """Return whether rejects are written behind what begins and ends at these bytes of the file.

        >>> RejectCells(100).has_boundary(0, 99), RejectCells(100).has_boundary(99, 100)
        (False, True)
        """
        return start_byte // self.cell_bytes != end_byte // self.cell_bytes


def part_name(first_byte: int) -> str:
    """Return the name of the part whose first reject is at that byte: of equal width, so that S3 lists them in order.

    >>> part_name(40)
    '000000000000040'
    """
    return f"{first_byte:0{NAME_DIGITS}d}"


def first_byte_of(name: str, kind: str) -> int | None:
    """Return the byte offset in the name of a part's object; None for one of another kind.

    >>> first_byte_of("000000000000040.csv", CSV), first_byte_of("000000000000040.csv", LINES), first_byte_of("a/b", "")
    (40, None, None)
    """
    offset = name.removesuffix(kind)
    return int(offset) if name.endswith(kind) and offset.isdecimal() else None


def rejects_prefix(file: FileVersion) -> str:
    """Return the key prefix of a file's rejects: the object's own key, or a hash of it where that is too long."""
    key = file.key
    if len(key.encode()) > MAX_KEY_BYTES:
        key = f"long-key-{hashlib.sha256(key.encode()).hexdigest()}"
    return f"{key}/{file.version}/"


def rejects_url(bucket: str, file: FileVersion) -> str:
    """Return where a file's rejects are, if it has any."""
    return f"s3://{bucket}/{rejects_prefix(file)}"
