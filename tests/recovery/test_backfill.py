"""Backfill: what the ledger does not know is sent, at a pace."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ingest.cli import backfill as command
from ingest.cli.backfill import tally_sentences
from ingest.errors import Unavailable
from ingest.feeds.feed import Feed, Feeds
from ingest.file import FileVersion
from ingest.ledger.claims import LeaseToken
from ingest.ledger.work_item import KeptFeed, WorkItem
from ingest.queue.messages import read_message
from ingest.recovery.backfill import REFUSED_SHOWN, Backfill, Tally
from tests.support.command import Ran
from tests.support.fakes import FakeObjects, RecordingQueue, ScriptedClock
from tests.support.memory_ledger import MemoryLedger

FEEDS = Feeds({"orders": Feed("orders/", "Orders", "id")})


class Known:
    """A ledger that knows some keys."""

    def __init__(self, *keys: str) -> None:
        self._keys = keys
        self.queries = self

    def feeds(self) -> dict[str, KeptFeed]:
        return {}

    def knows(self, file: FileVersion) -> bool:
        assert file.etag == "e"
        return file.key in self._keys


class BackfillSetup:
    """A backfill of some objects."""

    def __init__(self, *keys: str, known: tuple[str, ...] = (), per_second: float = 10, is_dry: bool = False) -> None:
        self.queue = RecordingQueue()
        self.clock = ScriptedClock()
        self.backfill = Backfill(
            feeds=FEEDS,
            ledger=Known(*known),
            objects=FakeObjects({key: b"" if key.endswith("/") else b"id\n1\n" for key in keys}),
            queue=self.queue,
            clock=self.clock,
            per_second=per_second,
            is_dry=is_dry,
        )

    def run(self, prefix: str = "") -> Tally:
        for _ in self.backfill.run("landing", prefix):
            pass
        return self.backfill.tally

    @property
    def sent(self) -> list[str]:
        works = [read_message(message.body) for message in self.queue.sent]
        return [work.file.key for work in works if isinstance(work, WorkItem)]


def test_what_the_ledger_does_not_know_is_sent() -> None:
    setup = BackfillSetup("orders/old.csv", "orders/new.csv", known=("orders/new.csv",))
    assert setup.run() == Tally(seen=2, sent=1, known=1)
    assert setup.sent == ["orders/old.csv"]


def test_what_the_ledger_knows_is_loaded_again_if_that_is_asked_for() -> None:
    setup = BackfillSetup("orders/a.csv", "orders/b.csv", "orders/c.csv", known=("orders/a.csv", "orders/b.csv"))
    again: list[str] = []

    def load_again(file: FileVersion) -> bool:
        again.append(file.key)
        return file.key == "orders/a.csv"

    setup.backfill._again = load_again
    assert setup.run() == Tally(seen=3, sent=2, known=1)
    assert (again, setup.sent) == (["orders/a.csv", "orders/b.csv"], ["orders/c.csv"])


def test_what_is_not_to_be_loaded_is_neither_sent_nor_refused() -> None:
    setup = BackfillSetup("orders/", "orders/a.csv", "orders/_SUCCESS", "orders/.a.csv.crc", "out/", "out/_SUCCESS")
    assert setup.run() == Tally(seen=6, sent=1, ignored=5)
    assert setup.sent == ["orders/a.csv"]


def test_only_what_lies_under_the_prefix_is_looked_at() -> None:
    setup = BackfillSetup("orders/2025/a.csv", "orders/2026/a.csv")
    assert setup.run("orders/2025/") == Tally(seen=1, sent=1)


def test_what_no_feed_takes_is_refused_and_not_sent() -> None:
    keys = [f"visits/{n}.csv" for n in range(REFUSED_SHOWN + 2)]
    setup = BackfillSetup(*keys, "orders/a.csv")
    tally = setup.run()
    assert (tally.sent, tally.refused, tally.first_refused) == (1, REFUSED_SHOWN + 2, keys[:REFUSED_SHOWN])
    assert setup.sent == ["orders/a.csv"]


def test_no_more_messages_a_second_are_sent_than_was_asked_for() -> None:
    setup = BackfillSetup(*(f"orders/{n}.csv" for n in range(11)), per_second=4)
    begun_s = setup.clock.time_s
    setup.run()
    assert setup.clock.time_s - begun_s == 2.5
    assert setup.clock.sleeps == [0.25] * 10


def test_time_that_passed_over_known_objects_is_not_made_up_for() -> None:
    keys = [f"orders/{n}.csv" for n in range(6)]
    setup = BackfillSetup(*keys, known=tuple(keys[1:3]), per_second=1)
    for tally in setup.backfill.run("landing", ""):
        setup.clock.time_s += 10 if tally.known else 0
    assert setup.clock.sleeps == []
    assert setup.backfill.tally.sent == 4


def test_a_dry_run_counts_and_sends_nothing() -> None:
    setup = BackfillSetup("orders/a.csv", "orders/b.csv", is_dry=True)
    assert setup.run() == Tally(seen=2, sent=2)
    assert (setup.sent, setup.clock.sleeps) == ([], [])


def test_what_was_not_taken_is_not_counted_as_sent() -> None:
    setup = BackfillSetup("orders/a.csv")
    setup.queue.error = Unavailable("The queue is away.")
    with pytest.raises(Unavailable):
        setup.run()
    assert setup.backfill.tally.sent == 0


def test_the_outcome_is_a_sum_and_what_to_do_about_the_refused() -> None:
    tally = Tally(seen=1203, sent=1000, known=200, refused=3, first_refused=["x/a", "x/b"])
    assert list(tally_sentences(tally, is_dry=True)) == [
        "1,203 objects = 1,000 would be sent + 200 already in the ledger + 3 under no feed's prefix.",
        "No feed covers x/a, x/b, …: add one to feeds.toml and deploy it first.",
    ]
    tally = Tally(seen=7, sent=4, known=1, ignored=2)
    assert list(tally_sentences(tally, is_dry=False)) == [
        "7 objects = 4 sent + 1 already in the ledger + 2 ignored + 0 under no feed's prefix.",
    ]


# --- the command ---


class FakeStack:
    """A stack around a setup."""

    landing_bucket = "landing"

    def __init__(self) -> None:
        self.ledger = Known("orders/b.csv")
        self.objects = FakeObjects({"orders/a.csv": b"id\n1\n", "orders/b.csv": b"id\n1\n", "x/c.csv": b"id\n1\n"})
        self.queue = RecordingQueue()


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[FakeStack]:
    fake = FakeStack()
    monkeypatch.setattr(command, "DeployedStack", lambda name: fake)
    (tmp_path / "feeds.toml").write_text("[feeds.orders]\nprefix='orders/'\ntable='Orders'\npartition_key='id'\n")
    monkeypatch.chdir(tmp_path)
    return fake


def test_the_command_says_what_it_sent(capsys: pytest.CaptureFixture[str], stack: FakeStack) -> None:
    ran = Ran(capsys, "backfill", "s3://landing/")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "3 objects = 1 sent + 1 already in the ledger + 1 under no feed's prefix.",
        "No feed covers x/c.csv: add one to feeds.toml and deploy it first.",
    ]
    assert [json.loads(message.body)["file"]["key"] for message in stack.queue.sent] == ["orders/a.csv"]


def test_the_command_gives_machines_one_object(capsys: pytest.CaptureFixture[str], stack: FakeStack) -> None:
    ran = Ran(capsys, "backfill", "s3://landing/orders/", "--dry-run", "--json")
    assert ran.json == {
        "bucket": "landing",
        "prefix": "orders/",
        "dry_run": True,
        "objects_found": 2,
        "objects_known": 1,
        "objects_ignored": 0,
        "objects_refused": 0,
        "first_refused": [],
        "messages_sent": 1,
    }
    assert stack.queue.sent == []


def test_on_a_terminal_a_bar_shows_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, stack: FakeStack
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert "1 sent" in Ran(capsys, "backfill", "s3://landing").out


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("landing/orders", "landing/orders is not an S3 URL; write s3://bucket/prefix."),
        ("s3:///orders", "s3:///orders is not an S3 URL"),
        ("s3://archive/orders/", "s3://archive is not the landing bucket, the only one the function may read; copy"),
    ],
)
def test_another_place_is_refused(
    capsys: pytest.CaptureFixture[str], stack: FakeStack, place: str, sentence: str
) -> None:
    ran = Ran(capsys, "backfill", place)
    assert ran.sentence.startswith(sentence)
    assert (ran.code, stack.queue.sent) == (2, [])


def test_the_oldest_are_begun_before_their_message_is_sent_and_what_was_begun_before_is_known(
    capsys: pytest.CaptureFixture[str], stack: FakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger: Any = MemoryLedger()
    stack.ledger = ledger
    stack.objects.changed_s = {"orders/a.csv": 1_000_000_000.0, "orders/b.csv": 999_999_999.0}
    monkeypatch.setattr(stack.queue, "error", Unavailable("The queue is away."))
    assert Ran(capsys, "backfill", "s3://landing/", "--as-oldest").code == 4
    stack.queue.error = None
    ran = Ran(capsys, "backfill", "s3://landing/", "--as-oldest")
    assert ran.out.startswith(
        "3 objects = 1 sent + 1 already in the ledger"
    )  # the reconciler sends the other's message
    orders = {entry.work.file.key: entry.order_ms for entry in ledger.files()}
    assert orders == {"orders/a.csv": 1_000_000_000, "orders/b.csv": 999_999_999}
    assert {entry.status for entry in ledger.files()} == {"WAITING"}
    (sent,) = stack.queue.sent
    work = read_message(sent.body)
    assert isinstance(work, WorkItem)
    claimed = ledger.claim(work, feed="orders", token=LeaseToken("m1", 1, 9.0), order_ms=5)
    assert claimed.order_ms == 999_999_999


def test_what_is_known_cannot_be_made_the_oldest(capsys: pytest.CaptureFixture[str], stack: FakeStack) -> None:
    ran = Ran(capsys, "backfill", "s3://landing/", "--as-oldest", "--force")
    assert (ran.code, stack.queue.sent) == (2, [])
    assert "--force and --as-oldest cannot be combined" in ran.sentence
