"""The order value of a version: fixed at its first claim, the same for all who load it, never against its sequencer."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.aws.clock import digits, iso
from ingest.file import FileVersion
from ingest.ledger.claims import Claimed, KnownOrder, LeaseToken, next_order_ms, oldest_ms, order_text
from ingest.ledger.work_item import CarriedOver, WorkItem
from tests.support.ledgers import CHECKPOINT, FILE, LEASE, ONE, AnyLedger, claim, split
from tests.support.memory_ledger import MemoryLedger, at

EVENT = replace(FILE, event_time="1970-01-01T00:01:40.345Z")
LATER = replace(EVENT, sequencer="0B")


def note(ledger: AnyLedger, file: FileVersion, now_s: float = 200.0, *, least_ms: int = 0) -> int | None:
    return at(ledger, now_s).leases.note_newest(file, least_ms=least_ms)


def claimed(ledger: AnyLedger, file: FileVersion, order_ms: int, now_s: float = 1000.0) -> int:
    token = LeaseToken("m9", 1, now_s + 60)
    answer = at(ledger, now_s).leases.claim(WorkItem(file), feed="orders", token=token, order_ms=order_ms)
    assert isinstance(answer, Claimed)
    return answer.order_ms


# --- where it comes from ---


def test_it_is_the_time_of_the_event_in_milliseconds(ledger: AnyLedger) -> None:
    assert note(ledger, EVENT) == 100_345
    assert order_text(100_345) == "00000000000100345"


def test_a_version_that_is_begun_has_it_at_once_and_for_good(ledger: AnyLedger) -> None:
    for number, file in enumerate((EVENT, LATER)):
        answer = at(ledger, 200.0).leases.begin(file, feed="orders", token=LeaseToken("m1", 1, 260.0))
        assert isinstance(answer, Claimed)
        assert answer.order_ms == ledger.queries.file_status(file).order_ms == 100_345 + number
    at(ledger, 210.0).leases.save(WorkItem(LATER), LeaseToken("m1", 1, 270.0), CHECKPOINT)
    assert [entry.order_ms for entry in ledger.queries.versions(FILE.bucket, FILE.key)] == [100_345, 100_346]
    answer = at(ledger, 400.0).leases.begin(LATER, feed="orders", token=LeaseToken("m2", 1, 460.0))
    assert isinstance(answer, Claimed)
    assert answer.order_ms == 100_346


def test_it_is_the_change_of_an_object_that_was_found_or_else_now(ledger: AnyLedger) -> None:
    found = FileVersion("landing", "orders/b.csv", etag="e", event_time=iso(50.0), changed=digits(50.0))
    assert note(ledger, found) == 50_000
    assert note(ledger, replace(found, key="orders/c.csv", event_time=None)) == 200_000


def test_it_is_the_same_however_often_the_message_comes(ledger: AnyLedger) -> None:
    assert [note(ledger, EVENT, now_s) for now_s in (200.0, 201.0, 300.0)] == [100_345] * 3


# --- versions of one key ---


@pytest.mark.parametrize("event_time", ["1970-01-01T00:01:40.345Z", "1970-01-01T00:01:39.000Z", "soon", None])
def test_the_next_version_is_newer_whatever_its_event_says(ledger: AnyLedger, event_time: str | None) -> None:
    before = note(ledger, EVENT, 100.0)
    after = note(ledger, replace(LATER, event_time=event_time), 100.0)
    assert before == 100_345
    assert after == 100_346


def test_what_was_found_is_newer_than_what_was_reported_before(ledger: AnyLedger) -> None:
    note(ledger, EVENT)
    found = replace(EVENT, sequencer=None, etag="other", event_time=iso(99.0), changed=digits(99.0))
    assert note(ledger, found, 200.0) == 100_346
    assert note(ledger, replace(LATER, event_time="1970-01-01T00:03:20Z"), 300.0) == 200_000
    assert note(ledger, replace(LATER, sequencer="0C", event_time="1970-01-01T00:01:30Z"), 300.0) == 200_001


def test_a_version_that_was_noted_before_another_was_found_stays_older_than_it(ledger: AnyLedger) -> None:
    note(ledger, EVENT)
    found = replace(EVENT, sequencer=None, etag="other", event_time=iso(150.0), changed=digits(150.0))
    assert note(ledger, found, 200.0) == 150_000
    assert note(ledger, EVENT, 300.0) == 100_345


@dataclass
class Versions:
    """What happened to versions of one key: which were noted, with which order value."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    orders: dict[str, set[int]] = field(default_factory=dict)

    def happen(self, number: int, time_s: int, what: str) -> None:
        name, text = f"{number:02d}", f"1970-01-01T00:{time_s // 60:02d}:{time_s % 60:02d}Z"
        file = FileVersion("landing", "orders/a.csv", etag=f"e{number}", sequencer=name, event_time=text)
        if what == "found":
            file = replace(file, sequencer=None, changed=digits(time_s))
        elif what == "retried":
            file = replace(file, retry=1, event_time=None)
        order_ms = note(self.ledger, file, 1000.0 + time_s, least_ms=1_000_000 + time_s if what == "newest" else 0)
        if order_ms is not None and what not in ("found", "newest"):
            self.orders.setdefault(name, set()).add(order_ms)
        elif order_ms is not None and what == "newest":
            self.orders[name] = {order_ms}


HAPPENINGS = st.tuples(
    st.integers(0, 5), st.integers(0, 300), st.sampled_from(["reported", "reported", "retried", "found", "newest"])
)


@given(st.lists(HAPPENINGS, max_size=30))
def test_the_order_of_versions_never_contradicts_their_sequencers(happenings: list[tuple[int, int, str]]) -> None:
    """However they are reported, found, retried or made the newest, and whatever the times of their events."""
    versions = Versions()
    for happening in happenings:
        versions.happen(*happening)
    in_turn = [values for _, values in sorted(versions.orders.items())]
    assert all(len(values) == 1 for values in in_turn), versions.orders
    flat = [order_ms for (order_ms,) in in_turn]
    assert flat == sorted(set(flat)), versions.orders


# --- all who load a version ---


def test_it_is_fixed_at_the_first_claim(ledger: AnyLedger) -> None:
    assert claimed(ledger, FILE, 5) == 5
    assert claimed(ledger, FILE, 7, 2000.0) == 5
    assert ledger.queries.file_status(FILE).order_ms == 5
    (entry,) = ledger.queries.versions(FILE.bucket, FILE.key)
    assert entry.order_ms == 5


def test_segments_find_it_with_their_file(ledger: AnyLedger) -> None:
    at(ledger, 1.0).leases.claim(WorkItem(FILE), feed="orders", token=LEASE, order_ms=5)
    split(ledger)
    answer = claim(ledger, ONE)
    assert isinstance(answer, Claimed)
    assert (answer.order_ms, ledger.queries.file_status(FILE).order_ms) == (0, 5)


def test_another_attempt_begins_with_the_one_it_is_given(ledger: AnyLedger) -> None:
    again = replace(FILE, retry=1)
    ledger.transitions.retry(again, feed="orders", begun=CarriedOver(order_ms=5))
    assert claimed(ledger, again, 9) == 5


def test_what_is_made_the_newest_is_newer_than_all_versions_known(ledger: AnyLedger) -> None:
    note(ledger, EVENT)
    assert note(ledger, replace(EVENT, retry=1, event_time=None), 300.0, least_ms=300_000) == 300_000
    assert note(ledger, replace(EVENT, retry=2, event_time=None), 300.0, least_ms=300_000) == 300_001
    assert note(ledger, LATER, 400.0) == 300_002


def test_the_oldest_are_older_than_any_time_and_older_among_themselves_as_they_were_changed() -> None:
    old, new = (FileVersion("b", "k", event_time=f"{year}-01-01T00:00:00Z") for year in (2001, 2026))
    assert oldest_ms(old, 0.0) < oldest_ms(new, 0.0) < next_order_ms(old, KnownOrder(), 0.0)
