"""One of the workers that share a table's write budget: its entry in the ledger, and what it knows of the others.

"Lower at once, raise late" (docs/decisions/0022): each worker writes its demand and reads those of the others. A lower
demand counts at once, a higher one `WAIT_S` later, when all others have read it. So the shares never exceed the budget,
whichever entries each worker has read, without a common clock or conditional writes. A worker whose own writes fail
does not declare others dead. Pure: the time, always of one monotonic clock, is an argument.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Literal

from ingest.dynamodb.budget.demand import shares
from ingest.ledger.claims import BudgetEntry

# Seconds, from the simulation in docs/evidence.md; docs/decisions/0022 gives the trade-off of each.
PUT_S = 5.0  # how often an entry is written, for one write unit
EARLY, EARLY_S, AGAIN_EARLY_S = 0.7, 2.5, 30.0  # or sooner, if demand falls below this share of what was written
READ_S = 1.0  # how often all entries are read
JITTER = 0.1  # of both intervals
WAIT_S = 1.5  # a higher demand counts after this long: READ_S with its jitter, and a slow response
LEASE_S = 7.5  # the worker of an entry unchanged for this long is dead: PUT_S, and half of it for retries
DUE_S = 5.5  # an entry written on time has changed within this time: PUT_S with its jitter, and a response
MUTE_S = 5.6  # if my own last write is older, those of all others may be late, too
ALONE_S, OTHERS_S = 6.3, 2.0  # my last write is older, others have written for so long: they consider me dead
OVERDUE_S = 6.0  # the worker of an entry unchanged for this long may be dead
BLIND_S = 2.5  # without a successful read for this long, the state of the others is unknown
FROZEN_S = 2.5  # a process suspended for this long joins anew: the others may have divided its share
PARK_S = 9.0  # after this long, the workers before me are surely alive: LEASE_S, and a write and a read of my own
STALE_S = 60.0  # an entry unchanged for this long is deleted
AGAIN_S = 0.3  # a failed write or read is retried after `AGAIN_S` to `AGAIN_S` + `AGAIN_MORE_S`
AGAIN_MORE_S = 0.7
SOLD = 0.985  # the part of a share that is used: requests come in bursts
HELD_S = 75.0  # a share is kept this long without a read: no one can join or raise demand then; later it decays
FADED, FADE_S = 0.5, 5.0  # this part of it remains after each `FADE_S`
Call = Literal["put", "read"]


@dataclass(slots=True)
class _Seen:
    n: int
    at_s: float  # when a change was last seen
    is_new: bool = True  # no change was seen since it was first read
    is_dead: bool = False


class Member:
    """A worker among those that share a budget. It takes a new name at each start, and after each suspension.

    `due` returns the next ledger call; the caller makes it and reports its outcome. Times passed must not decrease.
    """

    def __init__(
        self, *, name: Callable[[], str], chance: Callable[[], float], budget_per_s: float, now_s: float
    ) -> None:
        self.budget_per_s = budget_per_s
        self._gone: list[str] = []
        self._new_name = name
        self._chance = chance
        self._ticked_s = now_s
        self._join(now_s)

    def _join(self, now_s: float) -> None:
        self.name = self._new_name()
        self._n = self._place = 0
        self._wants: list[tuple[float, float]] = []  # (since when it counts, demand); the last is the one written
        self._entries: Mapping[str, BudgetEntry] = {}
        self._seen: dict[str, _Seen] = {}
        self._put_s = self._read_s = -inf  # when the last successful call was sent
        self._tried_s = self._others_s = inf  # first failed write since a success; first write of others seen
        self._early_s = -inf
        self._has_failed = False  # a read has failed since the last successful one
        self._is_alone = False
        self._entered_s = inf  # when my entry was first read
        self._watched_s = inf  # when the entries were first read
        self._next_put_s, self._next_read_s = inf, now_s
        self._share = 0.0

    def begin(self, now_s: float) -> None:
        """Join anew, as at the start."""
        self._ticked_s = now_s
        self._join(now_s)

    def leave(self) -> list[str]:
        """Return the names whose entries may remain, mine included; the caller must delete them."""
        return self.take_gone() + [self.name] * (self._n > 0)

    def take_gone(self) -> list[str]:
        """Return and clear my names from before suspensions; the caller must delete their entries."""
        gone, self._gone = self._gone, []
        return gone

    def set_budget(self, per_s: float) -> None:
        """Apply another budget at once."""
        self._share *= min(1.0, per_s / self.budget_per_s)
        self.budget_per_s = per_s
        self._share = self._share_now(self._ticked_s)

    def due(self, now_s: float) -> Call | None:
        """Return the ledger call that is due. After a suspension the worker has a new name from here on."""
        self._tick(now_s)
        if now_s >= self._next_put_s:
            return "put"
        return "read" if now_s >= self._next_read_s else None

    @property
    def due_at_s(self) -> float:
        """When the next call is due."""
        return min(self._next_put_s, self._next_read_s)

    def entry(self, want_per_s: float, now_s: float) -> BudgetEntry:
        """Return the entry to write next. If the demand is lower than before, it counts from now on."""
        self._n += 1
        self._wants = [(since_s, min(want, want_per_s)) for since_s, want in self._wants]
        self._share = self._share_now(now_s)
        return BudgetEntry(self._n, want_per_s, self._place)

    def put_worked(self, entry: BudgetEntry, *, sent_s: float, now_s: float) -> None:
        """Record that my entry was written; `sent_s` is when the call began."""
        if now_s - self._put_s > MUTE_S:
            self._renew_all(now_s)
        if self._is_alone:  # the others have divided my share
            self._is_alone, self._wants = False, []
        self._put_s, self._tried_s = sent_s, inf
        self._wants.append((now_s + WAIT_S, entry.want_per_s))
        self._next_put_s = now_s + PUT_S * self._jitter()
        self._next_read_s = now_s

    def wants_less(self, want_per_s: float, now_s: float) -> None:
        """Write my entry soon if demand is far below the one written; at most once in `AGAIN_EARLY_S`."""
        if self._wants and want_per_s < EARLY * self._wants[-1][1] and now_s - self._early_s > AGAIN_EARLY_S:
            self._early_s = now_s
            self._next_put_s = min(self._next_put_s, max(now_s, self._put_s + EARLY_S))

    def put_failed(self, now_s: float) -> None:
        """Record that writing my entry failed; it may have been written."""
        self._tried_s = min(self._tried_s, now_s)
        self._next_put_s = now_s + AGAIN_S + AGAIN_MORE_S * self._chance()

    def read_failed(self, now_s: float) -> None:
        """Record that the entries could not be read."""
        self._has_failed = True
        self._next_read_s = now_s + AGAIN_S + AGAIN_MORE_S * self._chance()

    def read_worked(self, entries: Mapping[str, BudgetEntry], *, sent_s: float, now_s: float) -> None:
        """Record the entries of all workers, by name, as they were some time after `sent_s`."""
        gap_s = sent_s - self._read_s
        if BLIND_S < gap_s < inf:
            self._was_blind(gap_s)
        if self._has_failed:  # others, too, may have failed to read my last entry
            late_s = now_s + WAIT_S
            self._wants = [(late_s if since_s > self._read_s else since_s, want) for since_s, want in self._wants]
            self._has_failed = False
        has_changed = self._note(entries, now_s)
        self._look_whether_alone(now_s, has_changed=has_changed)
        if now_s - self._put_s > MUTE_S:
            self._renew_all(now_s)
        self._entries, self._read_s = entries, sent_s
        if self._n == 0:
            self._enter(now_s)
        elif self._entered_s == inf and self.name in entries:
            self._entered_s = now_s
            self._wants = [(now_s + WAIT_S, min(want for _, want in self._wants))] if self._wants else []
        self._share = self._share_now(now_s)
        self._plan_calls(now_s)

    def _note(self, entries: Mapping[str, BudgetEntry], now_s: float) -> bool:
        """Note which entries have changed; return whether any but mine has."""
        has_changed = False
        for name, entry in entries.items():
            known = self._seen.get(name)
            if known is None or known.n != entry.n:
                self._seen[name] = _Seen(entry.n, now_s, is_new=known is None)
                has_changed |= name != self.name
            elif now_s >= known.at_s + LEASE_S and not self._may_live(name):
                known.is_dead = True
        self._seen = {name: seen for name, seen in self._seen.items() if name in entries}
        return has_changed

    def _look_whether_alone(self, now_s: float, *, has_changed: bool) -> None:
        """Note whether others have written for a while and I could not: then they consider me dead."""
        if self._read_s < self._tried_s:  # changes from before my writes failed do not count
            self._others_s = inf
        elif has_changed:
            self._others_s = min(self._others_s, now_s)
        self._is_alone = now_s - self._put_s > ALONE_S and now_s - self._others_s > OTHERS_S

    def _enter(self, now_s: float) -> None:
        """Schedule my first entry, in the last place: at once if it gets a share, else once it is known who is dead."""
        self._watched_s = min(self._watched_s, now_s)
        live = self._live()
        self._place = 1 + max((entry.place for entry in live.values()), default=0)
        wants = {name: entry.want_per_s for name, entry in live.items()} | {self.name: inf}
        if shares(self.budget_per_s, wants)[self.name] > 0 or now_s - self._watched_s > PARK_S:
            self._next_put_s = now_s

    def _plan_calls(self, now_s: float) -> None:
        """Schedule the next read, also for when a higher demand may count or another's lease ends, after my write."""
        at_s = [now_s + READ_S * self._jitter(), *(since_s for since_s, _ in self._wants if since_s > self._read_s)]
        for name, seen in self._seen.items():
            if name != self.name and not seen.is_dead and now_s - seen.at_s > OVERDUE_S:
                at_s += [seen.at_s + LEASE_S] * (now_s < seen.at_s + LEASE_S)
                if self._may_live(name):
                    self._next_put_s = min(self._next_put_s, seen.at_s + LEASE_S)
        self._next_read_s = max(now_s, min(at_s))

    def per_s(self, now_s: float) -> float:
        """Return how many units a second I may use now."""
        if now_s - self._ticked_s > FROZEN_S:
            return 0.0
        over_s = now_s - self._read_s - HELD_S
        return SOLD * self._share * (FADED ** (over_s / FADE_S) if over_s > 0 else 1.0)

    def is_parked(self, now_s: float) -> bool:
        """Return whether there are too many workers for the budget, and earlier ones, surely alive, have all of it."""
        if self._is_blind(now_s) or self._share > 0 or now_s - min(self._watched_s, self._entered_s) <= WAIT_S:
            return False
        live = self._live()
        wants = {name: entry.want_per_s for name, entry in live.items()}
        have_it = shares(self.budget_per_s, wants | {self.name: wants.get(self.name, inf)})
        is_sure = all(not self._seen[name].is_new for name in live if have_it[name] > 0 and name != self.name)
        return have_it[self.name] == 0.0 and (is_sure or now_s - self._entered_s > PARK_S)

    def stale(self, now_s: float) -> dict[str, int]:
        """Return the dead workers' entries that I should delete: name to `n`, each only if it still has this `n`."""
        if self._is_blind(now_s) or self.name != next(iter(self._live()), None):
            return {}
        return {name: seen.n for name, seen in self._seen.items() if now_s - seen.at_s > STALE_S}

    @property
    def live_count(self) -> int:
        """The number of workers not known to be dead."""
        return len(self._live())

    def _tick(self, now_s: float) -> None:
        if now_s - self._ticked_s > FROZEN_S:
            self._gone += [self.name] * (self._n > 0)
            self._join(now_s)
        self._ticked_s = now_s

    def _jitter(self) -> float:
        return 1 + JITTER * (self._chance() - 0.5)

    def _is_blind(self, now_s: float) -> bool:
        return now_s - self._read_s > BLIND_S

    def _renew_all(self, now_s: float) -> None:
        """Restart all leases of workers not known to be dead: their writes may have failed, as mine did."""
        for seen in self._seen.values():
            seen.at_s = seen.at_s if seen.is_dead else now_s

    def _was_blind(self, gap_s: float) -> None:
        """Extend the others' leases by the time in which nothing was read."""
        for seen in self._seen.values():
            seen.at_s += 0.0 if seen.is_dead else gap_s

    def _may_live(self, name: str) -> bool:
        """Return whether a worker may be alive although its entry is unchanged: I have not written since, either."""
        return self._seen[name].at_s + DUE_S >= self._put_s

    def _live(self) -> dict[str, BudgetEntry]:
        """Return the entries of workers not known to be dead, and mine, in order of their places."""
        live = (
            (name, entry) for name, entry in self._entries.items() if name == self.name or not self._seen[name].is_dead
        )
        return dict(sorted(live, key=lambda item: (item[1].place, item[0])))

    def _want_now(self) -> float:
        """Return my demand, as far as all others have read it: since a read of mine succeeded, theirs did, too."""
        counted = [number for number, (since_s, _) in enumerate(self._wants) if since_s <= self._read_s]
        if not counted:
            return 0.0
        self._wants = self._wants[counted[-1] :]
        return min(want for _, want in self._wants)

    def _share_now(self, now_s: float) -> float:
        """Return my share; it does not change before the next ledger call."""
        mine = self._want_now()
        if self._is_blind(now_s):
            return min(self._share, mine)
        wants = {name: entry.want_per_s for name, entry in self._live().items()}
        if self._is_alone or mine == 0.0 or self.name not in wants:
            return 0.0
        return shares(self.budget_per_s, wants | {self.name: mine})[self.name]
