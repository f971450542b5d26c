"""What the ledger says of its entries, by the table and by the ledger in memory alike."""

from dataclasses import replace

from ingest.contract import Status
from ingest.ledger.claims import LeaseToken, Looked
from ingest.ledger.work_item import Entry, WorkItem
from tests.support.ledgers import FILE, LEASE, ONE, OTHER, TWO, WORK, AnyLedger, claim, closed, end, split
from tests.support.memory_ledger import at


def test_files_are_listed_by_feed_until_their_outcome_was_reported(ledger: AnyLedger) -> None:
    files = [replace(FILE, key=f"orders/{n}.csv") for n in range(3)]
    for n, file in enumerate(files):
        claim(ledger, WorkItem(file), now_s=100.0 + n)
    at(ledger, 1.0).leases.claim(WorkItem(replace(FILE, key="x/1")), feed="x", token=LEASE)
    at(ledger, 120.0).transitions.end_file(files[1], LEASE, closed(Status.COMPLETE))
    assert [entry.work.file for entry in ledger.queries.open_files("orders")] == files
    at(ledger, 121.0).transitions.note_reported(files[1], "orders", Status.COMPLETE)
    assert [entry.work.file for entry in ledger.queries.open_files("orders")] == [files[0], files[2]]
    assert [entry.feed for entry in ledger.queries.open_files("x")] == ["x"]
    assert list(ledger.queries.open_files("nothing")) == []


def test_a_record_reports_what_is_known(ledger: AnyLedger) -> None:
    claim(ledger)
    assert list(ledger.queries.open_files("orders")) == [
        Entry(
            WORK,
            Status.LOADING,
            "orders",
            attempts=1,
            claims_in_a_row=1,
            first_seen_s=100.5,
            started_s=100.5,
            moved_s=100.5,
            lease_until_s=160.5,
            order_ms=0,
        )
    ]


def test_segments_are_listed_in_their_order_and_of_one_version_only(ledger: AnyLedger) -> None:
    newer = replace(FILE, sequencer="0B")
    for file, work in ((FILE, TWO), (FILE, ONE), (newer, ONE)):
        assert work.segment is not None
        at(ledger, 100.0).transitions.add_segment(file, work.segment)
    claim(ledger, ONE)
    assert list(ledger.queries.segments(FILE)) == [
        Entry(
            ONE,
            Status.LOADING,
            attempts=1,
            claims_in_a_row=1,
            first_seen_s=100.5,
            started_s=100.5,
            moved_s=100.5,
            lease_until_s=160.5,
        ),
        Entry(TWO, Status.PENDING, moved_s=100.0),
    ]
    assert [entry.work.file for entry in ledger.queries.segments(newer)] == [newer]


def test_an_object_that_was_ignored_is_not_known_nor_is_its_version(ledger: AnyLedger) -> None:
    at(ledger, 100.0).transitions.ignore(FILE, "orders")
    found = replace(FILE, sequencer=None)
    assert not ledger.queries.knows(found)
    assert ledger.leases.note_newest(found)
    ledger.leases.note_newest(FILE)
    claim(ledger)
    assert ledger.queries.knows(found)
    assert not ledger.leases.note_newest(found)


def test_an_object_is_known_by_its_etag_whatever_the_version_is_called(ledger: AnyLedger) -> None:
    assert not ledger.queries.knows(FILE)
    ledger.leases.note_newest(FILE)
    assert not ledger.queries.knows(replace(FILE, sequencer=None))  # only noted: no one may come for it
    claim(ledger)
    assert ledger.queries.knows(replace(FILE, sequencer=None))
    assert not ledger.queries.knows(replace(FILE, sequencer=None, etag="another"))
    assert not ledger.queries.knows(replace(FILE, key="orders/größe 1+1.csv.bak"))


def test_a_message_is_sent_again_only_for_work_that_no_one_holds(ledger: AnyLedger) -> None:
    split(ledger)
    assert not at(ledger, 200.0).transitions.note_resent(WORK, 1)  # it waits for its segments
    assert at(ledger, 200.0).transitions.note_resent(ONE, 1)
    claim(ledger, ONE, LeaseToken("m9", 1, 300.0), now_s=210.0)
    assert not at(ledger, 299.0).transitions.note_resent(ONE, 2)
    assert at(ledger, 300.0).transitions.note_resent(ONE, 2)
    (first, _) = ledger.queries.segments(FILE)
    assert (first.resent, first.moved_s, first.status) == (2, 300.0, Status.LOADING)
    end(ledger, TWO)
    assert not at(ledger, 400.0).transitions.note_resent(TWO, 1)


def test_no_message_is_sent_again_for_work_that_no_one_knows(ledger: AnyLedger) -> None:
    assert not at(ledger, 200.0).transitions.note_resent(WORK, 1)
    assert not at(ledger, 200.0).transitions.note_resent(ONE, 1)
    assert [*ledger.queries.open_files("orders"), *ledger.queries.segments(FILE)] == []


def test_a_message_that_is_sent_again_counts_once_also_if_the_answer_was_lost(ledger: AnyLedger) -> None:
    split(ledger)
    own = at(ledger, 200.0)
    assert own.transitions.note_resent(ONE, 1)
    assert own.transitions.note_resent(ONE, 1)  # the same request, sent again because no answer came
    assert [entry.resent for entry in ledger.queries.segments(FILE)] == [1, 0]
    assert not at(ledger, 201.0).transitions.note_resent(ONE, 1)  # another, who read the entry before


def test_one_reconciler_runs_at_a_time_until_its_lease_has_run_out(ledger: AnyLedger) -> None:
    assert at(ledger, 100.0).leases.take_turn(LEASE) == Looked()
    assert at(ledger, 110.0).leases.take_turn(OTHER) is None
    assert at(ledger, 110.0).leases.take_turn(LEASE) == Looked()  # it goes on
    assert at(ledger, LEASE.until_s).leases.take_turn(OTHER) == Looked()
    at(ledger, 170.0).leases.end_turn(LEASE, Looked(1.0, 1.0))  # whose turn is over
    assert at(ledger, 171.0).leases.take_turn(LEASE) is None
    at(ledger, 172.0).leases.end_turn(OTHER, Looked(90.5, 80.0))
    assert at(ledger, 173.0).leases.take_turn(LEASE) == Looked(90.5, 80.0)


def test_objects_that_are_not_known_are_found_in_batches(ledger: AnyLedger) -> None:
    files = [replace(FILE, key=f"orders/{n}.csv", etag=f"e{n}", sequencer=None) for n in range(110)]
    numbers = {1, 2, 3, 4, 49, 50, 99, 100, 101, 102, 109}  # a hundred are looked up together
    known = [replace(files[n], sequencer="0A") if n % 2 else files[n] for n in sorted(numbers)]
    for file in known:
        at(ledger, 100.0).leases.note_newest(file)
        claim(ledger, WorkItem(file))
    overwritten = replace(files[1], etag="another")
    asked = [overwritten, *files[2:]]
    at(ledger, 100.0).leases.note_newest(replace(files[3], sequencer="0F"))  # by a worker that died there
    unknown = [files[n] for n in range(2, 110) if n not in numbers or n == 3]
    assert list(ledger.queries.unknown(asked)) == [overwritten, *unknown]
    alone = [overwritten, *files[2:6], *files[48:52], *files[98:104], files[109]]
    assert [file for file in alone if file in (overwritten, *unknown)] == [
        file for file in alone if not ledger.queries.knows(file)
    ]
