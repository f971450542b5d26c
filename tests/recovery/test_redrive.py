"""Dead letters back to the queue: sent before they are taken out, and what is not chosen stays."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from ingest.errors import Unavailable
from ingest.file import FileVersion
from ingest.ledger.work_item import Entry, WorkItem
from ingest.queue.messages import body_of
from ingest.queue.operating import DeadLetter
from ingest.recovery.redrive import MOST_BYTES, Choice, Redrive, portions
from tests.support.fakes import RecordingQueue

ALL = Choice()


@dataclass
class FakeLetters:
    """A dead-letter queue."""

    letters: list[DeadLetter]
    deleted: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)

    def take(self) -> Iterator[DeadLetter]:
        yield from self.letters

    def delete(self, letters: Iterable[DeadLetter]) -> None:
        self.deleted += [letter.message_id for letter in letters]

    def release(self, letters: Iterable[DeadLetter]) -> None:
        self.released += [letter.message_id for letter in letters]


def letter(name: str, *, sent_s: float = 100.0, key: str = "", body: str = "") -> DeadLetter:
    work = WorkItem(FileVersion("landing", key or f"orders/{name}.csv", etag="e"))
    return DeadLetter(name, f"r-{name}", body or body_of(work), received=4, sent_s=sent_s)


LETTERS = [
    letter("a"),
    letter("b", key="visits/b.csv"),
    letter("c", sent_s=900.0),
    letter("stranger", body="hello"),
]


class RedriveSetup:
    """A dead-letter queue, a queue and a ledger."""

    def __init__(self, letters: list[DeadLetter]) -> None:
        self.letters = FakeLetters(letters)
        self.queue = RecordingQueue()
        self.run = Redrive(letters=self.letters, queue=self.queue, find=self.find)

    def find(self, work: WorkItem) -> Entry | None:
        failing = Entry(work, "WAITING", attempts=3, error="No table.", error_code="table_missing")
        return failing if work.file.key.startswith("visits/") else None

    def chosen(self, choice: Choice) -> list[str]:
        return [found.letter.message_id for found in self.run.look(choice) if found.is_chosen]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (ALL, ["a", "b", "c"]),
        (Choice(reason="table_missing"), ["b"]),
        (Choice(reason="unknown_message"), ["stranger"]),
        (Choice(file="orders/*"), ["a", "c"]),
        (Choice(file="s3://landing/visits/?.csv"), ["b"]),
        (Choice(file="*"), ["a", "b", "c"]),
        (Choice(feed="visits", feed_of=lambda key: key.partition("/")[0]), ["b"]),
        (Choice(before_s=500.0), ["a", "b"]),
        (Choice(reason="not_begun", before_s=500.0), ["a"]),
        (Choice(limit=2), ["a", "b"]),
        (Choice(reason="unknown_message", file="*"), []),
    ],
)
def test_what_is_chosen(choice: Choice, names: list[str]) -> None:
    assert RedriveSetup(LETTERS).chosen(choice) == names


def test_what_is_chosen_is_sent_and_taken_out_and_the_others_are_let_go() -> None:
    setup = RedriveSetup(LETTERS)
    found = list(setup.run.look(Choice(file="orders/*")))
    assert sum(setup.run.send(one.letter for one in found if one.is_chosen)) == 2
    setup.run.close()
    assert [sent.body for sent in setup.queue.sent] == [LETTERS[0].body, LETTERS[2].body]
    assert {(sent.hops, sent.stalls) for sent in setup.queue.sent} == {(0, 0)}
    assert (setup.letters.deleted, setup.letters.released) == (["a", "c"], ["b", "stranger"])


def test_letters_of_several_feeds_keep_their_message_groups() -> None:
    grouped = [replace(letter, group=group) for letter, group in zip(LETTERS, ("a", "a", "b", None), strict=True)]
    setup = RedriveSetup(grouped)
    assert sum(setup.run.send(one.letter for one in setup.run.look(ALL))) == 4
    assert [sent.feed for sent in setup.queue.sent] == ["a", "a", "b", None]


def test_what_the_queue_did_not_take_is_not_taken_out() -> None:
    setup = RedriveSetup(LETTERS)
    setup.queue.error = Unavailable("The queue is away.")
    found = list(setup.run.look(ALL))
    with pytest.raises(Unavailable):
        sum(setup.run.send(one.letter for one in found))
    setup.run.close()
    assert (setup.letters.deleted, setup.letters.released) == ([], ["a", "b", "c", "stranger"])


def test_what_is_discarded_is_sent_nowhere() -> None:
    setup = RedriveSetup(LETTERS)
    found = list(setup.run.look(Choice(reason="unknown_message")))
    assert sum(setup.run.discard(one.letter for one in found if one.is_chosen)) == 1
    setup.run.close()
    assert (setup.letters.deleted, setup.queue.sent) == (["stranger"], [])


def test_a_portion_is_at_most_what_the_queue_takes_at_once() -> None:
    many = [letter(str(n)) for n in range(23)]
    assert [len(portion) for portion in portions(many)] == [10, 10, 3]
    large = [letter(str(n), body="x" * (MOST_BYTES // 2 + 1)) for n in range(3)]
    assert [len(portion) for portion in portions(large)] == [1, 1, 1]
    assert list(portions([])) == []


def test_a_letter_without_a_message_group_goes_back_with_that_of_its_feed() -> None:
    setup = RedriveSetup([LETTERS[0], replace(LETTERS[1], group="kept"), LETTERS[3]])
    setup.run = Redrive(letters=setup.letters, queue=setup.queue, find=setup.find, feed_of=lambda key: "of " + key)
    list(setup.run.send(found.letter for found in setup.run.look(Choice())))
    assert [message.feed for message in setup.queue.sent] == ["of orders/a.csv", "kept", None]
