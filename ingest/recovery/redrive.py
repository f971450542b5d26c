"""Dead letters: why each was dead-lettered, from its body and the ledger; and sending them back to the queue.

A message is sent first and deleted from the dead-letter queue after that: a crash may duplicate it, and never loses it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Protocol

from ingest.contract import Status
from ingest.errors import UnknownMessage
from ingest.ledger.work_item import Entry, WorkItem, is_open
from ingest.queue.messages import Reconcile, Several, read_message, works_of
from ingest.queue.operating import DeadLetter
from ingest.worker.ports import Queue

MOST_ENTRIES = 10
MOST_BYTES = 200_000  # of messages sent together; SQS accepts 1 MiB, or 256 KiB if a queue is configured so
UNKNOWN = UnknownMessage.code
NOT_BEGUN = "not_begun"
INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a message was dead-lettered: a code and a sentence. `work` is what it requests, `status` its ledger status.

    `helps`: whether sending it again may help.
    """

    reason: str
    why: str
    work: WorkItem | None = None
    status: str | None = None
    helps: bool = True


def diagnose(body: str, find: Callable[[WorkItem], Entry | None], *, dead_lettered_for: str | None = None) -> Diagnosis:
    """Return why a message was dead-lettered; `dead_lettered_for` is the function's reason, if it sent it there.

    >>> diagnose('{"no": "event"}', lambda work: None).reason
    'unknown_message'
    """
    try:
        asked = read_message(body)
    except UnknownMessage as fault:
        return Diagnosis(UNKNOWN, dead_lettered_for or str(fault), helps=False)
    if isinstance(asked, Several):
        return _most_helpful([diagnose(part, find) for part in asked.bodies])
    works = works_of(asked)
    if not works:
        what = "look for stuck files" if isinstance(asked, Reconcile) else "test the queue"
        return Diagnosis("not_needed", f"It asks to {what}, once: another such message has come since.", helps=False)
    return _most_helpful([_diagnose_work(work, find) for work in works])


def _most_helpful(found: list[Diagnosis]) -> Diagnosis:
    return next((diagnosis for diagnosis in found if diagnosis.helps), found[0])


def _diagnose_work(work: WorkItem, find: Callable[[WorkItem], Entry | None]) -> Diagnosis:
    file = find(WorkItem(work.file))
    entry = file if work.segment is None else find(work)
    if file is not None and not is_open(file.status):
        return _of_ended(work, file)
    if entry is None or (entry.attempts == 0 and not entry.error):
        return Diagnosis(
            NOT_BEGUN,
            "No worker has begun it: the function could not start, or failed before it had claimed anything.",
            work,
            entry.status if entry else None,
        )
    if entry.error:
        return Diagnosis(entry.error_code or INTERRUPTED, entry.error, work, entry.status)
    return Diagnosis(
        INTERRUPTED,
        "Its worker was stopped without an error: killed, out of memory, or out of time.",
        work,
        entry.status,
    )


def _of_ended(work: WorkItem, file: Entry) -> Diagnosis:
    if file.status == Status.FAILED:
        why = f"{file.error or 'The file has FAILED.'} Only `ingest retry` loads it again."
        return Diagnosis(file.error_code or "failed", why, work, file.status, helps=False)
    why = f"The file is {file.status} by now: the message asks for nothing more."
    return Diagnosis(file.status.lower(), why, work, file.status, helps=False)


class DeadLetterSource(Protocol):
    """The dead-letter queue."""

    def take(self) -> Iterator[DeadLetter]:
        """Yield each dead letter, hidden from other receivers."""

    def delete(self, letters: Iterable[DeadLetter]) -> None:
        """Delete dead letters for good."""

    def release(self, letters: Iterable[DeadLetter]) -> None:
        """Make dead letters visible again."""


@dataclass(frozen=True)
class Choice:
    """Which dead letters to choose. `feed_of` returns the feed of a key, and is needed with `feed`."""

    reason: str | None = None
    feed: str | None = None
    file: str | None = None
    before_s: float | None = None
    limit: int | None = None
    feed_of: Callable[[str], str | None] = field(default=lambda key: None)

    def takes(self, letter: DeadLetter, diagnosis: Diagnosis) -> bool:
        """Return whether a message is chosen. One of an unknown kind is chosen only by its reason."""
        if self.reason != diagnosis.reason and (self.reason is not None or diagnosis.reason == UNKNOWN):
            return False
        if self.before_s is not None and letter.sent_s > self.before_s:
            return False
        return (self.feed is None and self.file is None) or (diagnosis.work is not None and self._is_of(diagnosis.work))

    def _is_of(self, work: WorkItem) -> bool:
        if self.feed is not None and self.feed_of(work.file.key) != self.feed:
            return False
        return self.file is None or any(fnmatchcase(name, self.file) for name in (work.file.key, work.file.url))


@dataclass(frozen=True, slots=True)
class Found:
    """A dead letter, why it is one, and whether it is chosen."""

    letter: DeadLetter
    diagnosis: Diagnosis
    is_chosen: bool


class Redrive:
    """Looks at dead letters and sends or discards them. All that were looked at stay hidden until `close`."""

    def __init__(
        self,
        *,
        letters: DeadLetterSource,
        queue: Queue,
        find: Callable[[WorkItem], Entry | None],
        feed_of: Callable[[str], str | None] = lambda key: None,
    ) -> None:
        """`feed_of` returns the feed of a key, for dead letters without a message group."""
        self._feed_of = feed_of
        self._letters = letters
        self._queue = queue
        self._find = find
        self._held: dict[str, DeadLetter] = {}

    def look(self, choice: Choice) -> Iterator[Found]:
        """Yield the dead letters with their reasons, until the choice's limit is reached."""
        chosen = 0
        for letter in self._letters.take():
            self._held[letter.message_id] = letter
            diagnosis = diagnose(letter.body, self._find, dead_lettered_for=letter.reason)
            is_chosen = choice.takes(letter, diagnosis)
            chosen += is_chosen
            yield Found(self._with_group(letter, diagnosis), diagnosis, is_chosen)
            if choice.limit is not None and chosen >= choice.limit:
                return

    def _with_group(self, letter: DeadLetter, diagnosis: Diagnosis) -> DeadLetter:
        """Return a dead letter with its feed as message group if it has none, such as those that S3 sent."""
        if letter.group or not diagnosis.work:
            return letter
        return replace(letter, group=self._feed_of(diagnosis.work.file.key))

    def send(self, letters: Iterable[DeadLetter]) -> Iterator[int]:
        """Send dead letters to the queue and delete them here; yield the number after each batch."""
        for portion in portions(letters):
            self._queue.send([letter.body for letter in portion], feed=portion[0].group)
            yield self._done(portion)

    def discard(self, letters: Iterable[DeadLetter]) -> Iterator[int]:
        """Delete dead letters for good; yield the number after each batch."""
        for portion in portions(letters):
            yield self._done(portion)

    def close(self) -> None:
        """Make all that were not deleted visible again."""
        self._letters.release(self._held.values())
        self._held = {}

    def _done(self, letters: list[DeadLetter]) -> int:
        self._letters.delete(letters)
        for letter in letters:
            del self._held[letter.message_id]
        return len(letters)


def portions(letters: Iterable[DeadLetter]) -> Iterator[list[DeadLetter]]:
    """Yield batches of dead letters that may be sent together, each of one message group."""
    portion: list[DeadLetter] = []
    size = 0
    for letter in letters:
        more = len(letter.body.encode())
        is_full = len(portion) == MOST_ENTRIES or size + more > MOST_BYTES
        if portion and (is_full or portion[0].group != letter.group):
            yield portion
            portion, size = [], 0
        portion.append(letter)
        size += more
    if portion:
        yield portion
