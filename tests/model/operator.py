"""An operator who retries, cancels and undoes files, and may be cut off before any call to something outside.

`recovery.retry` and `recovery.undo` run as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingest.contract import Status
from ingest.errors import IngestError, InternalFault, ObjectSuperseded, Unavailable
from ingest.file import FileVersion
from ingest.ledger.work_item import Entry, is_open
from ingest.recovery.retry import From, Retried, Retry, cancel_file
from ingest.recovery.undo import Undo, Undoing
from ingest.rejects.reject import DUPLICATES
from ingest.worker.ports import Services
from tests.model.services import Bucket, Clock, Parts, ReportedOutcome, listed
from tests.support.fakes import RecordingMetrics
from tests.support.memory_ledger import MemoryEntry, MemoryLedger

KINDS = ("", DUPLICATES)  # of parts


@dataclass
class Operator:
    """Retries, cancels or undoes a file at one moment."""

    ledger: MemoryLedger
    queue: Any
    bucket: Bucket
    parts: Parts
    reported: list[ReportedOutcome]
    clock: Clock
    calls_left: int = 0

    def retry(self, url: str, start: From, *, most_calls: int) -> Retried | str:
        """Retry the version that lies in the bucket, if it is known, or the one seen last; return what came of it."""
        self.calls_left = most_calls
        try:
            return Retry(self._services(), self).run(self._attempts(url), start)
        except InternalFault:
            raise
        except IngestError as error:
            return f"{start} of {url}: {error}"

    def look(self, url: str) -> Undoing:
        """Look at what undoing that version would do, and change nothing.

        Raises:
            IngestError: it cannot be undone, or not yet.
        """
        self.calls_left = 0
        return Undo(self._services(), self._find).look(self._attempts(url))

    def undo(self, undoing: Undoing, *, most_calls: int) -> FileVersion:
        """Undo what was looked at; return the attempt.

        Raises:
            StillLoading: it is loaded again meanwhile.
            Unavailable: the operator was cut off.
        """
        self.calls_left = most_calls
        return Undo(self._services(), self._find).run(undoing)

    def _attempts(self, url: str) -> list[Entry]:
        entries = [entry for entry in self.ledger.files() if entry.work.file.url == url]
        last = max(entries, key=self._age).work.file.first_version
        works = [entry.work for entry in entries if entry.work.file.first_version == last]
        return [entry for entry in map(self.ledger.queries.entry, works) if entry]

    def _find(self, file: FileVersion) -> FileVersion:
        if self.bucket.objects[file.key].etag != file.etag:
            raise ObjectSuperseded(f"{file.url} was overwritten.")
        return file

    def cancel(self, url: str, *, most_calls: int) -> bool:
        """Cancel what is open of a file; return whether anything was ended, be it reported or not."""
        self.calls_left = most_calls
        works = [entry.work for entry in self.ledger.files() if entry.work.file.url == url and is_open(entry.status)]
        try:
            for entry in filter(None, map(self.ledger.queries.entry, works)):
                cancel_file(self._services(), entry)
        except InternalFault:
            raise
        except IngestError:
            pass  # cut off, or it ended meanwhile
        return any(self.ledger.queries.file_status(work.file).status == Status.FAILED for work in works)

    def _age(self, entry: MemoryEntry) -> tuple[bool, float, str]:
        file = entry.work.file
        return self.bucket.objects[file.key].etag == file.etag, entry.first_seen_s or 0.0, file.version

    def _services(self) -> Services:
        return Services(
            ledger=Cut(self.ledger, self._call),  # type: ignore[arg-type]
            listing=self,
            queue=Cut(self.queue, self._call),  # type: ignore[arg-type]
            rejects_url=lambda file: "s3://rejects/",
            metrics=RecordingMetrics(),
            events=self,
            clock=self.clock,
            log=lambda message, fields: None,
        )

    def _call(self) -> None:
        self.calls_left -= 1
        if self.calls_left < 0:
            raise Unavailable("The operator's connection is gone.")

    def is_readable(self, file: FileVersion) -> bool:
        return True

    def under(self, bucket: str, prefix: str, *, after: str = "") -> Any:
        return listed(self.bucket, bucket, prefix)

    def any_of(self, file: FileVersion) -> bool:
        return any(self.parts.get((file.url, file.version + kind)) for kind in KINDS)

    def copy(self, old: FileVersion, new: FileVersion, *, wanted: Callable[[int], bool]) -> None:
        for kind in KINDS:
            kept = self.parts.setdefault((new.url, new.version + kind), {})
            for first, offsets in self.parts.get((old.url, old.version + kind), {}).items():
                self._call()
                if wanted(first):
                    kept[first] = offsets

    def file_ended(self, file: FileVersion, feed: str, outcome: Any) -> None:
        self._call()
        self.reported.append(ReportedOutcome(file, feed, outcome))


UNDOES = ("keep_settings", "undo")


class Cut:
    """Something outside, to which the connection may be gone before a call. Looking up costs nothing."""

    def __init__(self, thing: Any, call: Callable[[], None]) -> None:
        self._thing = thing
        self._call = call

    def __getattr__(self, name: str) -> Any:
        if name in ("leases", "transitions", "queries"):
            return self
        if name in ("retry", "carry_over", "add_segment", "end_early", "give_up", "note_reported", "send", *UNDOES):
            self._call()
        return getattr(self._thing, name)
