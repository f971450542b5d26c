"""One worker among others: when its share counts, who is taken for dead, and what it does when it knows nothing."""

from itertools import count
from math import inf

import pytest

from ingest.dynamodb.budget.member import HELD_S, LEASE_S, PARK_S, PUT_S, SOLD, STALE_S, WAIT_S, Member
from ingest.ledger.claims import BudgetEntry

ANSWER_S = 0.01


class Ledger:
    """The entries of all, with the time. Calls of `fails` fail."""

    def __init__(self, budget_per_s: float = 100.0) -> None:
        self.now_s = 1000.0
        self.entries: dict[str, BudgetEntry] = {}
        self.fails: set[tuple[str, int]] = set()  # call, and which member
        self.members: list[Member] = []
        self.wants: list[float] = []
        self.budget_per_s = budget_per_s
        self.puts = 0
        self._names = count()

    def add(self, want: float = inf) -> Member:
        self.members.append(
            Member(
                name=lambda: f"w{next(self._names):02d}",
                chance=lambda: 0.5,
                budget_per_s=self.budget_per_s,
                now_s=self.now_s,
            )
        )
        self.wants.append(want)
        return self.members[-1]

    def run(self, seconds: float, *, dead: tuple[Member, ...] = ()) -> None:
        """Let time go by, and everyone make the calls that are due; the dead make none."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            for number, member in enumerate(self.members):
                if member not in dead:
                    self.call(number, member)
            self.now_s += 0.05

    def call(self, number: int, member: Member) -> None:
        call = member.due(self.now_s)
        fails = (call, number) in self.fails
        if call == "put":
            entry = member.entry(self.wants[number], self.now_s)
            if fails:
                member.put_failed(self.now_s)
            else:
                self.puts += 1
                self.entries[member.name] = entry
                member.put_worked(entry, sent_s=self.now_s, now_s=self.now_s + ANSWER_S)
        elif call == "read":
            if fails:
                member.read_failed(self.now_s)
            else:
                member.read_worked(dict(self.entries), sent_s=self.now_s, now_s=self.now_s + ANSWER_S)

    def shares(self) -> list[float]:
        return [round(member.per_s(self.now_s) / SOLD, 6) for member in self.members]


def test_a_worker_has_nothing_before_all_others_have_read_what_it_wants() -> None:
    ledger = Ledger()
    ledger.add()
    ledger.run(WAIT_S)
    assert ledger.shares() == [0]
    ledger.run(0.3)
    assert ledger.shares() == [100]


def test_a_newcomer_is_made_room_for_before_it_has_its_share() -> None:
    ledger = Ledger()
    ledger.add()
    ledger.run(10)
    ledger.add()
    ledger.run(1.3)
    assert ledger.shares() == [50, 0]
    ledger.run(0.5)
    assert ledger.shares() == [50, 50]


def test_a_smaller_want_counts_at_once_and_what_is_left_goes_to_the_others_when_they_have_read_it() -> None:
    ledger = Ledger()
    for _ in range(2):
        ledger.add()
    ledger.run(10)
    ledger.wants[0] = 10
    put = ledger.puts
    while ledger.puts == put or ledger.entries[ledger.members[0].name].want_per_s > 10:
        ledger.run(0.05)
    assert ledger.shares()[0] == 10
    ledger.run(1.2)
    assert ledger.shares() == [10, 90]


def test_a_larger_want_counts_when_all_have_read_it() -> None:
    ledger = Ledger()
    for want in (10.0, inf):
        ledger.add(want)
    ledger.run(10)
    assert ledger.shares() == [10, 90]
    ledger.wants[0] = inf
    while ledger.entries[ledger.members[0].name].want_per_s < inf:
        ledger.run(0.05)
    assert ledger.shares()[0] == 10
    ledger.run(WAIT_S + 0.2)
    assert ledger.shares() == [50, 50]


def test_what_a_dead_worker_had_is_shared_out_when_its_lease_is_over() -> None:
    ledger = Ledger()
    dead = ledger.add()
    ledger.add()
    ledger.run(10)
    ledger.run(LEASE_S - PUT_S - 1, dead=(dead,))
    assert ledger.shares()[1] == 50
    ledger.run(LEASE_S + 0.5, dead=(dead,))
    assert ledger.shares()[1] == 100


def test_no_one_is_taken_for_dead_while_ones_own_writes_fail() -> None:
    ledger = Ledger()
    for _ in range(3):
        ledger.add()
    ledger.run(10)
    ledger.fails = {("put", number) for number in range(3)}
    for _ in range(60):
        ledger.run(1)
        assert ledger.shares() == pytest.approx([100 / 3] * 3)
    ledger.fails = set()
    for _ in range(20):
        ledger.run(1)
        assert ledger.shares() == pytest.approx([100 / 3] * 3)


def test_after_an_outage_the_first_that_reads_does_not_take_itself_for_the_only_one() -> None:
    ledger = Ledger()
    for _ in range(3):
        ledger.add()
    ledger.run(10)
    ledger.fails = {(call, number) for call in ("put", "read") for number in range(3)}
    ledger.run(60)
    ledger.fails = {(call, number) for call in ("put", "read") for number in (1, 2)}
    ledger.run(1)
    assert ledger.shares() == pytest.approx([100 / 3] * 3)


def test_a_larger_want_that_no_one_could_read_does_not_count() -> None:
    ledger = Ledger()
    for want in (10.0, inf):
        ledger.add(want)
    ledger.run(10)
    ledger.fails = {("read", 0), ("read", 1)}
    ledger.wants[0] = inf
    ledger.run(30)
    assert ledger.shares() == [10, 90]
    ledger.fails = {("read", 1)}  # the other still knows nothing of it, but may at any moment
    ledger.run(1)
    assert ledger.shares() == [10, 90]
    ledger.fails = set()
    ledger.run(4)
    assert ledger.shares() == [50, 50]


def test_a_worker_that_alone_cannot_write_stops_when_the_others_have_shared_out_what_it_had() -> None:
    ledger = Ledger(500.0)
    for _ in range(5):
        ledger.add()
        ledger.run(1)
    ledger.run(10)
    ledger.fails = {("put", 0)}
    ledger.run(12)
    assert ledger.shares() == [0, 125, 125, 125, 125]
    ledger.fails = set()
    ledger.run(4)
    assert ledger.shares() == [100] * 5


def test_without_an_answer_a_share_is_kept_for_a_while_and_then_fades() -> None:
    ledger = Ledger()
    ledger.add()
    ledger.run(10)
    ledger.fails = {("read", 0)}
    ledger.run(HELD_S - 5)
    assert ledger.shares() == [100]
    ledger.run(30)
    assert ledger.shares()[0] < 5


def test_a_frozen_worker_begins_anew_under_another_name() -> None:
    ledger = Ledger()
    frozen = ledger.add()
    ledger.add()
    ledger.run(10)
    before = frozen.name
    ledger.run(20, dead=(frozen,))
    assert ledger.shares() == [0, 100]  # it asks before its own calls are made
    ledger.run(0.1)
    assert frozen.name != before
    assert frozen.take_gone() == [before]
    assert frozen.take_gone() == []
    del ledger.entries[before]
    ledger.run(1)
    assert ledger.shares()[0] == 0
    ledger.run(2)
    assert ledger.shares() == [50, 50]


def test_a_smaller_budget_counts_at_once_even_where_nothing_can_be_read() -> None:
    ledger = Ledger()
    for _ in range(2):
        ledger.add()
    ledger.run(10)
    ledger.members[0].set_budget(20)
    assert ledger.shares()[0] == 10
    ledger.fails = {("read", 1)}
    ledger.run(10)
    ledger.members[1].set_budget(20)
    assert ledger.shares()[1] == 10


def test_those_that_came_first_keep_a_small_budget_and_the_others_park() -> None:
    ledger = Ledger(5.0)
    first = ledger.add()
    ledger.run(12)
    second = ledger.add()
    ledger.run(PARK_S - 1)
    assert [member.is_parked(ledger.now_s) for member in (first, second)] == [False, True]
    assert ledger.shares() == [5, 0]
    assert second.name not in ledger.entries  # it was not even written


def test_of_a_crowd_one_has_a_budget_of_five_and_all_others_park() -> None:
    ledger = Ledger(5.0)
    for _ in range(4):
        ledger.add()
    ledger.run(PARK_S + 3)
    assert sorted(ledger.shares()) == [0, 0, 0, 5]
    assert sum(member.is_parked(ledger.now_s) for member in ledger.members) == 3


def test_no_one_parks_behind_a_dead_worker() -> None:
    ledger = Ledger(5.0)
    dead = ledger.add()
    ledger.run(12)
    ledger.run(100, dead=(dead,))
    late = ledger.add()
    for _ in range(40):
        ledger.run(0.5, dead=(dead,))
        assert not late.is_parked(ledger.now_s)
    assert ledger.shares()[1] == 5


def test_one_of_the_living_deletes_what_the_dead_have_left() -> None:
    ledger = Ledger()
    dead = ledger.add()
    living = [ledger.add() for _ in range(2)]
    ledger.run(10)
    ledger.run(STALE_S - 5, dead=(dead,))
    assert [member.stale(ledger.now_s) for member in living] == [{}, {}]
    ledger.run(15, dead=(dead,))
    found = [member.stale(ledger.now_s) for member in living]
    assert sorted(map(len, found)) == [0, 1]
    assert found[0] | found[1] == {dead.name: ledger.entries[dead.name].n}


def test_an_entry_is_written_once_in_five_seconds() -> None:
    ledger = Ledger()
    for _ in range(4):
        ledger.add()
    ledger.run(200)
    assert ledger.puts / 4 / 40 == pytest.approx(1.0, abs=0.05)


def test_one_that_wants_much_less_says_so_soon_but_not_each_time() -> None:
    ledger = Ledger()
    member = ledger.add()
    ledger.run(3)
    for _ in range(2):
        ledger.wants[0] = ledger.wants[0] / 2 if ledger.wants[0] < inf else 50.0
        member.wants_less(ledger.wants[0], ledger.now_s)
        ledger.run(0.5)
    assert (ledger.puts, ledger.entries[member.name].want_per_s) == (2, 50.0)
