"""What the pipeline and the intake need of the world. The edges fit structurally; mypy checks it in the roots."""

from collections.abc import Iterator
from typing import Protocol

from ingest.core.claims import Closing, Lease, Standing
from ingest.core.faults import Refusal
from ingest.core.items import Items
from ingest.core.notification import FileVersion
from ingest.core.rejects import Reject
from ingest.dialect import Csv


class ItemWriter(Protocol):
    """Puts items in a table."""

    def write(self, items: Items) -> list[Refusal]:
        """Put all items; return, when the others are durable, those the table refused. Keys are distinct.

        Raises:
            ServiceFault: not all are written, and trying later may help.
        """


class RejectSink(Protocol):
    """Keeps rejects."""

    def begin(self, head: bytes, csv: Csv) -> None:
        """Take what stands before the rows, ahead of any reject."""

    def add(self, rejects: list[Reject]) -> None:
        """Take a block's rejects, in file order."""

    def close(self) -> None:
        """Return when all rejects are durable."""


class Objects(Protocol):
    """Where files are."""

    def find(self, file: FileVersion) -> FileVersion:
        """Return the file with size and eTag."""

    def portions(self, file: FileVersion) -> Iterator[bytes]:
        """Yield the bytes of exactly this version."""


class Ledger(Protocol):
    """What is known of files."""

    def note_newest(self, file: FileVersion) -> bool:
        """Return False if a newer version of the key is known."""

    def claim(self, file: FileVersion, *, feed: str, lease: Lease, now_s: float) -> Standing | None:
        """Take the lease; return None, or what stands against it."""

    def close(self, file: FileVersion, lease: Lease, closing: Closing, *, now_s: float) -> None:
        """Write how an attempt ended, if the lease still holds."""


class FileRejects(RejectSink, Protocol):
    """The rejects of one file."""

    @property
    def url(self) -> str | None:
        """Where they are; None while there is none."""


class DeadLetters(Protocol):
    """Where messages go that nobody understands."""

    def bury(self, body: str, *, code: str, reason: str) -> None:
        """Keep a message with the reason."""


class MetricSink(Protocol):
    """Where counts go."""

    def put(self, feed: str, values: dict[str, float]) -> None:
        """Publish values of one feed."""


class IntakeClock(Protocol):
    """What the intake needs of a clock."""

    def now_s(self) -> float:
        """Return epoch seconds."""

    def monotonic_s(self) -> float:
        """Return seconds that never jump."""
