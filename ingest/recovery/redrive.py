"""Dead letters back to the queue: sent there first, and taken out then. A crash doubles a message, and loses none."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol

from ingest.ledger.work_item import Entry, WorkItem
from ingest.queue.dead_letters import DeadLetter
from ingest.recovery.diagnosis import UNKNOWN, Diagnosis, diagnose
from ingest.worker.ports import Queue

MOST_ENTRIES = 10
MOST_BYTES = 200_000  # of messages sent together; SQS takes 1 MiB, or 256 KiB where a queue says so


class DeadLetterSource(Protocol):
    """Where dead letters are."""

    def take(self) -> Iterator[DeadLetter]:
        """Yield each, hidden from others."""

    def delete(self, letters: Iterable[DeadLetter]) -> None:
        """Take them out for good."""

    def release(self, letters: Iterable[DeadLetter]) -> None:
        """Let them be seen again."""


@dataclass(frozen=True)
class Choice:
    """Which dead letters are meant. `feed_of` returns the feed of a key, where one is asked for."""

    reason: str | None = None
    feed: str | None = None
    file: str | None = None
    before_s: float | None = None
    limit: int | None = None
    feed_of: Callable[[str], str] = field(default=lambda key: "")

    def takes(self, letter: DeadLetter, diagnosis: Diagnosis) -> bool:
        """Return whether a message is meant. One of no known kind must be asked for by its reason."""
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
    """A dead letter, why it is one, and whether it is meant."""

    letter: DeadLetter
    diagnosis: Diagnosis
    is_chosen: bool


class Redrive:
    """Holds all dead letters it has looked at until `close`."""

    def __init__(self, *, letters: DeadLetterSource, queue: Queue, find: Callable[[WorkItem], Entry | None]) -> None:
        self._letters = letters
        self._queue = queue
        self._find = find
        self._held: dict[str, DeadLetter] = {}

    def look(self, choice: Choice) -> Iterator[Found]:
        """Yield the dead letters with their reasons, until as many are chosen as may be."""
        chosen = 0
        for letter in self._letters.take():
            self._held[letter.message_id] = letter
            diagnosis = diagnose(letter.body, self._find, dead_lettered_for=letter.reason)
            is_chosen = choice.takes(letter, diagnosis)
            chosen += is_chosen
            yield Found(letter, diagnosis, is_chosen)
            if choice.limit is not None and chosen >= choice.limit:
                return

    def send(self, letters: Iterable[DeadLetter]) -> Iterator[int]:
        """Put letters back in the queue, and take them out here; yield how many, each time some were."""
        for portion in portions(letters):
            self._queue.send([letter.body for letter in portion], feed=portion[0].group)
            yield self._done(portion)

    def discard(self, letters: Iterable[DeadLetter]) -> Iterator[int]:
        """Take letters out for good; yield how many, each time some were."""
        for portion in portions(letters):
            yield self._done(portion)

    def close(self) -> None:
        """Let go of all that were not taken out."""
        self._letters.release(self._held.values())
        self._held = {}

    def _done(self, letters: list[DeadLetter]) -> int:
        self._letters.delete(letters)
        for letter in letters:
            del self._held[letter.message_id]
        return len(letters)


def portions(letters: Iterable[DeadLetter]) -> Iterator[list[DeadLetter]]:
    """Yield as many at a time as may be sent together, of one message group."""
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
