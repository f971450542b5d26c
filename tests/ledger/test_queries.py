"""What the ledger tells of its records, by the table and by the ledger in memory alike."""

from dataclasses import replace

from ingest.contract import Status
from ingest.ledger.claims import LeaseToken
from ingest.ledger.entry import Entry
from ingest.ledger.work_item import WorkItem
from tests.support.ledgers import FILE, LEASE, ONE, TWO, WORK, Both, claim, closed, end, split


def test_files_are_listed_by_feed_until_their_outcome_was_reported(ledger: Both) -> None:
    files = [replace(FILE, key=f"orders/{n}.csv") for n in range(3)]
    for n, file in enumerate(files):
        claim(ledger, WorkItem(file), now_s=100.0 + n)
    ledger.claim(WorkItem(replace(FILE, key="x/1")), feed="x", token=LEASE, now_s=1.0)
    ledger.end_file(files[1], LEASE, closed(Status.COMPLETE), now_s=120.0)
    assert [entry.work.file for entry in ledger.open_files("orders")] == files
    ledger.reported(files[1], "orders", Status.COMPLETE, now_s=121.0)
    assert [entry.work.file for entry in ledger.open_files("orders")] == [files[0], files[2]]
    assert [entry.feed for entry in ledger.open_files("x")] == ["x"]
    assert list(ledger.open_files("nothing")) == []


def test_a_record_reports_what_is_known(ledger: Both) -> None:
    claim(ledger)
    assert list(ledger.open_files("orders")) == [
        Entry(
            WORK,
            Status.LOADING,
            "orders",
            attempts=1,
            first_seen_s=100.5,
            started_s=100.5,
            moved_s=100.5,
            lease_until_s=160.5,
        )
    ]


def test_segments_are_listed_in_their_order_and_of_one_version_only(ledger: Both) -> None:
    newer = replace(FILE, sequencer="0B")
    for file, work in ((FILE, TWO), (FILE, ONE), (newer, ONE)):
        assert work.segment is not None
        ledger.add_segment(file, work.segment, now_s=100.0)
    claim(ledger, ONE)
    assert list(ledger.segments(FILE)) == [
        Entry(ONE, Status.LOADING, attempts=1, first_seen_s=100.5, started_s=100.5, moved_s=100.5, lease_until_s=160.5),
        Entry(TWO, Status.PENDING, moved_s=100.0),
    ]
    assert [entry.work.file for entry in ledger.segments(newer)] == [newer]


def test_an_object_is_known_by_its_etag_whatever_the_version_is_called(ledger: Both) -> None:
    assert not ledger.knows(FILE)
    claim(ledger)
    assert ledger.knows(replace(FILE, sequencer=None))
    assert not ledger.knows(replace(FILE, etag="another"))
    assert not ledger.knows(replace(FILE, key="orders/größe 1+1.csv.bak"))


def test_a_message_is_sent_again_only_for_work_that_no_one_holds(ledger: Both) -> None:
    split(ledger)
    assert not ledger.note_resent(WORK, now_s=200.0)  # it waits for its segments
    assert ledger.note_resent(ONE, now_s=200.0)
    claim(ledger, ONE, LeaseToken("m9", 1, 300.0), now_s=210.0)
    assert not ledger.note_resent(ONE, now_s=299.0)
    assert ledger.note_resent(ONE, now_s=300.0)
    (first, _) = ledger.segments(FILE)
    assert (first.resent, first.moved_s, first.status) == (2, 300.0, Status.LOADING)
    end(ledger, TWO)
    assert not ledger.note_resent(TWO, now_s=400.0)


def test_no_message_is_sent_again_for_work_that_no_one_knows(ledger: Both) -> None:
    assert not ledger.note_resent(WORK, now_s=200.0)
    assert not ledger.note_resent(ONE, now_s=200.0)
    assert [*ledger.open_files("orders"), *ledger.segments(FILE)] == []
