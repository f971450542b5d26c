"""A file's first claim is in the HEAD of its object: it is as one that was claimed, with fewer writes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ingest.contract import Status
from ingest.errors import BadHeader, LeaseLost, Throttled
from ingest.file import FileVersion
from ingest.ledger.claims import Claimed, ClaimStatus, LeaseToken
from ingest.ledger.store import BEGIN_ATTEMPTS, TableLedger
from ingest.ledger.work_item import NOTHING_CARRIED_OVER, Entry, SegmentPlan, WorkItem, is_open
from loadtest.harness.dynamodb_proxy import LedgerCosts
from tests.support.clients import ledger_table, mock_aws
from tests.support.fakes import ScriptedClock
from tests.support.ledger_costs import counting
from tests.support.ledgers import ALL_PLANNED, CHECKPOINT, FILE, FIRST, LEASE, OTHER, WORK, AnyLedger, closed
from tests.support.memory_ledger import MemoryLedger, at

NEWER = replace(FILE, sequencer="0B", etag="newer")
NO_HEADER = BadHeader("It has no header.")
FOUND = replace(FILE, sequencer=None, event_time="1970-01-01T00:01:00Z")


def begin(
    ledger: AnyLedger,
    file: FileVersion = FILE,
    token: LeaseToken = LEASE,
    *,
    now_s: float = 100.5,
    feed: str = "orders",
) -> Claimed | ClaimStatus | None:
    return at(ledger, now_s).leases.begin(file, feed=feed, token=token, settings="f1")


def open_files(ledger: AnyLedger) -> list[FileVersion]:
    return [entry.work.file for entry in ledger.queries.open_files("orders")]


def entry_of(ledger: AnyLedger, file: FileVersion = FILE) -> Entry:
    entry = ledger.queries.entry(WorkItem(file))
    assert entry is not None
    return entry


# --- as one that was claimed ---


def test_a_file_that_was_begun_is_as_one_that_was_claimed_but_is_not_listed(ledger: AnyLedger) -> None:
    assert begin(ledger) == Claimed(100.5, feed="orders", settings="f1", order_ms=100_500)
    other = replace(FILE, key="orders/other.csv")
    at(ledger, 100.5).leases.claim(WorkItem(other), feed="orders", token=LEASE, settings="f1", order_ms=100_500)
    assert entry_of(ledger) == replace(entry_of(ledger, other), work=WORK)
    assert ledger.queries.file_status(FILE) == ledger.queries.file_status(other)
    assert list(ledger.queries.versions("landing", FILE.key)) == [entry_of(ledger)]
    assert open_files(ledger) == [other]


STEPS: dict[str, Callable[[AnyLedger], object]] = {
    "renew": lambda own: own.leases.renew(WORK, replace(LEASE, until_s=200.0)),
    "save": lambda own: own.leases.save(WORK, LEASE, CHECKPOINT),
    "put back": lambda own: own.leases.put_back(WORK, LEASE, CHECKPOINT, Throttled("Slow down.")),
    "save a plan": lambda own: own.leases.save_plan(FILE, LEASE, SegmentPlan(FIRST.end, 1)),
    "split": lambda own: own.transitions.split(FILE, LEASE, ALL_PLANNED, head_bytes=10),
    "end": lambda own: own.transitions.end_file(FILE, LEASE, closed(Status.COMPLETE, rejects="r")),
    "fail": lambda own: own.transitions.end_file(FILE, LEASE, closed(Status.FAILED, NO_HEADER)),
    "refuse": lambda own: own.transitions.end_begun(FILE, LEASE, closed(Status.FAILED, NO_HEADER)),
    "end early": lambda own: own.transitions.end_early(FILE, closed(Status.SUPERSEDED)),
    "give up": lambda own: own.transitions.give_up(FILE, closed(Status.FAILED)),
    "send again": lambda own: own.transitions.note_resent(WORK, 1),
    "take over": lambda own: own.leases.begin(FILE, feed="orders", token=OTHER, settings="f1"),
    "take over with other settings": lambda own: own.leases.begin(FILE, feed="x", token=OTHER, settings="f2"),
}


@pytest.mark.parametrize("name", STEPS)
def test_every_step_from_there_leads_where_it_leads_from_a_claim(ledger: AnyLedger, name: str) -> None:
    begin(ledger)
    claimed = MemoryLedger()
    at(claimed, 100.5).leases.note_newest(FILE)
    at(claimed, 100.5).leases.claim(WORK, feed="orders", token=LEASE, settings="f1", order_ms=100_500)
    assert STEPS[name](at(ledger, 170.0)) == STEPS[name](at(claimed, 170.0))
    assert replace(entry_of(ledger), seconds=None) == entry_of(claimed)
    if not name.startswith(("end", "fail", "refuse")):
        assert open_files(ledger) == [FILE]
    with pytest.raises(LeaseLost):
        ledger.leases.renew(WORK, replace(LEASE, worker="another"))


def test_who_begins_twice_with_the_same_lease_has_it(ledger: AnyLedger) -> None:
    begin(ledger)
    assert begin(ledger, now_s=101.0) == Claimed(100.5, feed="orders", settings="f1", order_ms=100_500)
    assert entry_of(ledger).attempts == 1


def test_what_is_held_cannot_be_begun(ledger: AnyLedger) -> None:
    begin(ledger)
    assert begin(ledger, token=OTHER, now_s=160.0) == ClaimStatus(Status.LOADING, "m1/1/w1", 160.5, "orders")


def test_a_lease_that_has_run_out_is_taken_over_and_its_old_holder_can_write_nothing(ledger: AnyLedger) -> None:
    begin(ledger)
    taken = begin(ledger, token=OTHER, now_s=160.5)
    assert taken == Claimed(100.5, feed="orders", settings="f1", deaths=1, order_ms=100_500)
    for step in ("end", "refuse", "save"):
        with pytest.raises(LeaseLost):
            STEPS[step](at(ledger, 170.0))
    at(ledger, 180.0).transitions.end_file(FILE, OTHER, closed(Status.COMPLETE))
    assert entry_of(ledger).status == Status.COMPLETE


def test_what_has_ended_is_not_begun_again(ledger: AnyLedger) -> None:
    begin(ledger)
    STEPS["end"](at(ledger, 120.0))
    found = begin(ledger, token=OTHER, now_s=999.0)
    assert isinstance(found, ClaimStatus)
    assert found.status == Status.COMPLETE
    assert ledger.queries.unreported(FILE) == closed(Status.COMPLETE, rejects="r")


# --- versions of one key ---


def test_an_older_version_is_not_begun(ledger: AnyLedger) -> None:
    begin(ledger, NEWER)
    assert begin(ledger, FILE) is None
    assert ledger.queries.entry(WORK) is None


def test_a_newer_version_is_begun_in_the_place_of_an_older_one_which_is_found_all_the_same(ledger: AnyLedger) -> None:
    begin(ledger)
    held = entry_of(ledger)
    assert begin(ledger, NEWER, OTHER, now_s=130.0) == Claimed(130.0, feed="orders", settings="f1", order_ms=130_000)
    assert entry_of(ledger) == held
    assert open_files(ledger) == [FILE]
    assert not ledger.queries.file_status(FILE).is_newest
    STEPS["end"](at(ledger, 140.0))
    at(ledger, 150.0).transitions.end_file(NEWER, OTHER, closed(Status.COMPLETE))
    assert [entry.status for entry in ledger.queries.versions("landing", FILE.key)] == [Status.COMPLETE] * 2


def test_one_that_has_ended_and_was_not_reported_is_found_when_a_newer_one_takes_its_place(ledger: AnyLedger) -> None:
    begin(ledger)
    STEPS["end"](at(ledger, 120.0))
    assert open_files(ledger) == []
    begin(ledger, NEWER, OTHER, now_s=130.0)
    assert open_files(ledger) == [FILE]
    at(ledger, 140.0).transitions.note_reported(FILE, "orders", Status.COMPLETE)
    assert open_files(ledger) == []


def test_a_found_object_is_begun_and_its_late_notification_is_old(ledger: AnyLedger) -> None:
    begin(ledger, FOUND)
    assert begin(ledger, replace(FILE, event_time=FOUND.event_time), OTHER, now_s=110.0) is None
    assert ledger.queries.knows(FOUND)
    assert isinstance(begin(ledger, FOUND, OTHER, now_s=110.0), ClaimStatus)


def test_a_found_object_whose_notification_was_begun_is_old(ledger: AnyLedger) -> None:
    begin(ledger)
    assert begin(ledger, FOUND, OTHER, now_s=200.0) is None


def test_a_found_object_that_gave_way_to_another_version_keeps_what_was_done_of_it(ledger: AnyLedger) -> None:
    begin(ledger, FOUND)
    begin(ledger, NEWER, OTHER, now_s=110.0)
    at(ledger, 120.0).leases.save(WorkItem(FOUND), LEASE, CHECKPOINT)
    taken = begin(ledger, FOUND, OTHER, now_s=170.0)
    assert isinstance(taken, Claimed)
    assert taken.checkpoint == CHECKPOINT


def test_another_attempt_is_claimed_by_its_own_entry(ledger: AnyLedger) -> None:
    begin(ledger)
    STEPS["end"](at(ledger, 120.0))
    again = replace(FILE, retry=1)
    assert at(ledger, 130.0).transitions.retry(again, feed="orders", begun=NOTHING_CARRIED_OVER)
    assert begin(ledger, again, OTHER, now_s=140.0) == Claimed(130.0, feed="orders", settings="f1", order_ms=100_500)
    assert begin(ledger, FILE, OTHER, now_s=150.0) is None


def test_one_that_was_not_reported_is_found_when_another_attempt_takes_its_place(ledger: AnyLedger) -> None:
    """The reconciler looks at the newest only: it was never reported."""
    begin(ledger)
    STEPS["end"](at(ledger, 120.0))
    at(ledger, 130.0).transitions.retry(replace(FILE, retry=1), feed="orders", begun=NOTHING_CARRIED_OVER)
    begin(ledger, replace(FILE, retry=1), OTHER, now_s=140.0)
    assert open_files(ledger) == [FILE, replace(FILE, retry=1)]


# --- objects that are not to be loaded ---


def test_what_was_begun_is_not_ignored(ledger: AnyLedger) -> None:
    begin(ledger)
    assert not at(ledger, 110.0).transitions.ignore(FILE, "orders")
    assert entry_of(ledger).status == Status.LOADING


@pytest.mark.parametrize("name", ["end", "refuse", "save", "renew", "give up", "take over"])
def test_what_was_ignored_may_be_begun(ledger: AnyLedger, name: str) -> None:
    assert at(ledger, 90.0).transitions.ignore(FILE, "orders")
    assert begin(ledger) == Claimed(100.5, feed="orders", settings="f1", order_ms=100_500)
    assert (entry_of(ledger).status, ledger.queries.knows(FOUND)) == (Status.LOADING, True)
    STEPS[name](at(ledger, 170.0))
    assert entry_of(ledger).status != Status.IGNORED
    assert entry_of(ledger).attempts == 1 + (name == "take over")


# --- what a worker leaves that dies ---


def test_a_file_whose_worker_has_died_is_among_what_is_not_known(ledger: AnyLedger) -> None:
    begin(ledger)
    assert list(at(ledger, 160.0).queries.unknown([FOUND])) == []
    assert list(at(ledger, 160.5).queries.unknown([FOUND])) == [FILE]
    begin(ledger, token=OTHER, now_s=200.0)
    assert list(at(ledger, 999.0).queries.unknown([FOUND])) == []  # it is listed


def test_so_is_one_that_has_ended_and_was_not_reported(ledger: AnyLedger) -> None:
    begin(ledger)
    STEPS["end"](at(ledger, 120.0))
    assert list(at(ledger, 179.0).queries.unknown([FOUND])) == []
    assert list(at(ledger, 180.0).queries.unknown([FOUND])) == [FILE]
    at(ledger, 181.0).transitions.note_reported(FILE, "orders", Status.COMPLETE)
    assert list(at(ledger, 999.0).queries.unknown([FOUND])) == []


def test_a_found_one_is_sent_again_by_its_own_name(ledger: AnyLedger) -> None:
    begin(ledger, FOUND)
    assert list(at(ledger, 170.0).queries.unknown([FOUND])) == [FOUND]


def test_one_that_could_not_be_reported_is_listed_until_it_is(ledger: AnyLedger) -> None:
    begin(ledger)
    STEPS["end"](at(ledger, 120.0))
    at(ledger, 121.0).transitions.list_unreported(FILE, "orders")
    assert open_files(ledger) == [FILE]
    at(ledger, 122.0).transitions.note_reported(FILE, "orders", Status.COMPLETE)
    assert open_files(ledger) == []


# --- others, at the same moment ---


@pytest.fixture
def rows() -> Iterator[Any]:
    with mock_aws():
        yield ledger_table()


class Interfering:
    """A table before whose updates others go on, once each."""

    def __init__(self, rows: Any, *others: Callable[[], object]) -> None:
        self._rows = rows
        self.others = list(others)

    def update_item(self, **update: Any) -> Any:
        if self.others:
            self.others.pop(0)()
        return self._rows.update_item(**update)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)


def interfered(rows: Any, *others: Callable[[], object]) -> TableLedger:
    return TableLedger(table=Interfering(rows, *others), clock=ScriptedClock(100.5))  # type: ignore[arg-type]


def test_of_two_that_begin_a_file_at_the_same_moment_one_has_it(rows: Any) -> None:
    plain = TableLedger(table=rows, clock=ScriptedClock(100.5))
    own = interfered(rows, lambda: begin(plain, token=OTHER))
    assert begin_as_is(own) == ClaimStatus(Status.LOADING, OTHER.value, 300.0, "orders")
    assert entry_of(plain).attempts == 1


def test_a_version_that_is_begun_at_the_same_moment_is_not_forgotten(rows: Any) -> None:
    plain = TableLedger(table=rows, clock=ScriptedClock(100.5))
    own = interfered(rows, lambda: begin(plain))
    assert isinstance(own.leases.begin(NEWER, feed="orders", token=OTHER), Claimed)
    assert [entry.status for entry in plain.queries.versions("landing", FILE.key)] == [Status.LOADING] * 2
    assert open_files(plain) == [FILE]


def test_a_newer_version_that_is_begun_at_the_same_moment_is_the_newest(rows: Any) -> None:
    plain = TableLedger(table=rows, clock=ScriptedClock(100.5))
    own = interfered(rows, lambda: begin(plain, NEWER, OTHER))
    assert begin_as_is(own) is None


def test_who_is_always_late_comes_back(rows: Any) -> None:
    plain = TableLedger(table=rows, clock=ScriptedClock(100.5))
    found = [replace(FOUND, etag=f"e{n}") for n in range(2 * BEGIN_ATTEMPTS)]
    others = [lambda file=file: begin(plain, file) for file in found]  # type: ignore[misc]
    with pytest.raises(Throttled, match="not begun"):
        begin_as_is(interfered(rows, *others))


def test_a_file_that_is_taken_over_while_its_holder_ends_it_is_not_ended(rows: Any) -> None:
    plain = TableLedger(table=rows, clock=ScriptedClock(100.5))
    begin(plain)
    own = interfered(rows, lambda: begin(plain, token=OTHER, now_s=170.0))
    with pytest.raises(LeaseLost):
        STEPS["end"](own)
    assert (entry_of(plain).status, entry_of(plain).attempts) == (Status.LOADING, 2)


def test_a_file_that_ends_while_it_is_taken_over_has_ended(rows: Any) -> None:
    plain = TableLedger(table=rows, clock=ScriptedClock(100.5))
    begin(plain)
    own = TableLedger(
        table=Interfering(rows, lambda: None, lambda: STEPS["end"](at(plain, 171.0))),  # type: ignore[arg-type]
        clock=ScriptedClock(170.0),
    )
    found = own.leases.begin(FILE, feed="orders", token=OTHER)
    assert isinstance(found, ClaimStatus)
    assert (found.status, entry_of(plain).status) == (Status.COMPLETE, Status.COMPLETE)


def test_a_file_that_is_ignored_while_it_is_begun_is_loaded(rows: Any) -> None:
    plain = TableLedger(table=rows, clock=ScriptedClock(100.5))
    ignoring = interfered(rows, lambda: begin(plain))
    assert ignoring.transitions.ignore(FILE, "orders")
    STEPS["end"](at(plain, 120.0))
    assert entry_of(plain).status == Status.COMPLETE


def begin_as_is(own: TableLedger) -> Claimed | ClaimStatus | None:
    return own.leases.begin(FILE, feed="orders", token=LEASE, settings="f1")


# --- any steps ---

FILES = [FILE, NEWER, FOUND, replace(NEWER, retry=1)]
TOKENS = [LeaseToken(f"m{n}", 1, 0.0, f"w{n}") for n in range(3)]
OUTCOME = closed(Status.FAILED, NO_HEADER)
OPERATIONS: dict[str, Callable[[AnyLedger, FileVersion, LeaseToken], object]] = {
    "begin": lambda own, file, token: own.leases.begin(file, feed="orders", token=token, settings="f1"),
    "begin differently": lambda own, file, token: own.leases.begin(file, feed="x", token=token, settings="f2"),
    "renew": lambda own, file, token: own.leases.renew(WorkItem(file), token),
    "save": lambda own, file, token: own.leases.save(WorkItem(file), token, CHECKPOINT),
    "put back": lambda own, file, token: own.leases.put_back(WorkItem(file), token, None, Throttled("")),
    "end": lambda own, file, token: own.transitions.end_file(file, token, closed(Status.COMPLETE)),
    "refuse": lambda own, file, token: own.transitions.end_begun(file, token, replace(OUTCOME, row_counts=NONE)),
    "end early": lambda own, file, _: own.transitions.end_early(file, replace(OUTCOME, row_counts=NONE)) is None,
    "ignore": lambda own, file, _: own.transitions.ignore(file, "orders"),
    "send again": lambda own, file, _: is_open_in(own, file) and own.transitions.note_resent(WorkItem(file), 1),
    "report": lambda own, file, _: reported(own, file),
    "retry": lambda own, file, _: own.transitions.retry(FILES[3], feed="orders", begun=NOTHING_CARRIED_OVER),
    "look": lambda own, file, _: [*own.queries.unknown([FOUND]), *own.queries.unknown([replace(FOUND, etag="newer")])],
}
NONE = CHECKPOINT.row_counts
OPERATION = st.tuples(
    st.sampled_from([*OPERATIONS, "begin", "begin"]), st.integers(0, 3), st.integers(0, 2), st.sampled_from([1, 30, 70])
)


def is_open_in(own: AnyLedger, file: FileVersion) -> bool:
    return is_open(own.queries.file_status(file).status or Status.IGNORED)


def reported(own: AnyLedger, file: FileVersion) -> None:
    found = own.queries.unreported(file)
    if found:
        own.transitions.note_reported(file, "orders", found.status)


@given(st.lists(OPERATION, min_size=3, max_size=14))
@settings(max_examples=20, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_the_table_does_what_the_model_of_it_does(operations: list[tuple[str, int, int, int]]) -> None:
    """The model checker uses the ledger in memory: what it shows holds for the table if both do the same."""
    with mock_aws():
        ledgers = TableLedger(table=ledger_table(), clock=ScriptedClock()), MemoryLedger()
        now_s = 1000.0
        for name, number, token, pause_s in operations:
            now_s += pause_s
            file, held = FILES[number], replace(TOKENS[token], until_s=now_s + 60)
            answers = [result(OPERATIONS[name], at(own, now_s), file, held) for own in ledgers]
            assert answers[0] == answers[1], name
            assert known(ledgers[0], file) == known(ledgers[1], file), name
        for file in FILES:
            assert known(ledgers[0], file) == known(ledgers[1], file)
        assert set(open_files(ledgers[0])) >= set(open_files(ledgers[1]))  # more where one was ignored before


def known(own: AnyLedger, file: FileVersion) -> Entry | None:
    entry = own.queries.entry(WorkItem(file))
    return replace(entry, seconds=None) if entry else None


def result(operation: Callable[..., object], own: AnyLedger, file: FileVersion, token: LeaseToken) -> object:
    try:
        return operation(own, file, token)
    except LeaseLost:
        return LeaseLost


# --- what it costs ---


@pytest.fixture
def costs(rows: Any) -> Iterator[LedgerCosts]:
    """What the table is charged for, request by request."""
    with counting(rows) as counted:
        yield counted.writes


def load(ledger: TableLedger, file: FileVersion, *, now_s: float) -> None:
    """Do with a file what a worker does with one that is small."""
    outcome = closed("COMPLETE", rejects="s3://rejects/" + "x" * 200)
    at(ledger, now_s).leases.begin(file, feed="a-feed", token=LEASE, settings="0123456789abcdef")
    at(ledger, now_s + 2).transitions.end_file(file, LEASE, outcome)
    at(ledger, now_s + 3).transitions.note_reported(file, "a-feed", "COMPLETE")


@pytest.mark.parametrize("before", [[], [replace(FILE, sequencer="09", etag="older")]], ids=["new", "overwritten"])
@pytest.mark.parametrize("file", [FILE, FOUND], ids=["notified", "found"])
def test_a_small_file_takes_4_write_units(
    rows: Any, costs: LedgerCosts, file: FileVersion, before: list[FileVersion]
) -> None:
    """One for the newest version, which is its claim; two for the file; one for its entry of the index."""
    ledger = TableLedger(table=rows, clock=ScriptedClock())
    for older in before:
        load(ledger, older, now_s=50.0)
    costs.units.clear()
    load(ledger, replace(file, event_time="2026-11-22T10:11:12.345Z", size_bytes=10**9), now_s=100.0)
    assert (costs.units, costs.total) == ({"head": 1, "file": 2, "index": 1}, 4)


# --- files that come together ---

TWO = (FILE, replace(FILE, key="orders/other.csv"))


@pytest.fixture
def own(rows: Any) -> TableLedger:
    """One worker's ledger, which remembers what it has looked up and begun."""
    return TableLedger(table=rows, clock=ScriptedClock(100.5))


def test_new_files_that_come_together_take_one_look_and_three_writes_each(rows: Any, own: TableLedger) -> None:
    with counting(rows) as counted:
        own.leases.prefetch(TWO)
        for file in TWO:
            assert isinstance(begin_now(own, file), Claimed)
            own.transitions.end_file(file, LEASE, closed(Status.COMPLETE))
            own.transitions.note_reported(file, "orders", Status.COMPLETE)
    assert counted.requests == {"BatchGetItem": 1, "UpdateItem": 6}
    assert counted.writes.total == 8
    assert {entry_of(own, file).status for file in TWO} == {Status.COMPLETE}


def test_what_others_do_between_the_look_and_the_claim_counts(rows: Any, own: TableLedger) -> None:
    own.leases.prefetch(TWO)
    other = TableLedger(table=rows, clock=ScriptedClock(101.0))
    begin_now(other, NEWER)
    begin_now(other, TWO[1], OTHER)
    assert begin_now(own, FILE) is None
    assert begin_now(own, TWO[1]) == ClaimStatus(Status.LOADING, OTHER.value, OTHER.until_s, "orders")


def test_a_notification_that_comes_twice_together_is_begun_once(own: TableLedger) -> None:
    own.leases.prefetch((FILE, FILE, TWO[1]))
    assert isinstance(begin_now(own, FILE), Claimed)
    assert begin_now(own, FILE, OTHER) == ClaimStatus(Status.LOADING, LEASE.value, LEASE.until_s, "orders")


@pytest.mark.parametrize("meanwhile", ["taken over", "a newer version"])
def test_who_has_begun_a_file_ends_it_only_while_the_lease_is_held(rows: Any, own: TableLedger, meanwhile: str) -> None:
    begin_now(own, FILE)
    other = TableLedger(table=rows, clock=ScriptedClock(170.0))
    if meanwhile == "taken over":
        begin_now(other, FILE, OTHER)
        with pytest.raises(LeaseLost):
            own.transitions.end_file(FILE, LEASE, closed(Status.COMPLETE))
    else:
        begin_now(other, NEWER, OTHER)
        own.transitions.end_file(FILE, LEASE, closed(Status.COMPLETE))
    expected = Status.LOADING if meanwhile == "taken over" else Status.COMPLETE
    assert entry_of(other).status == expected
    assert entry_of(other).attempts == (2 if meanwhile == "taken over" else 1)


def begin_now(own: TableLedger, file: FileVersion, token: LeaseToken = LEASE) -> Claimed | ClaimStatus | None:
    return own.leases.begin(file, feed="orders", token=token, settings="f1")
