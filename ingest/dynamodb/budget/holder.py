"""One process's part in a table's write budget: the check before each request, and a thread that uses the ledger."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Protocol

from botocore.config import Config

from ingest.dynamodb.budget.member import READ_S
from ingest.dynamodb.budget.worker import BudgetedWorker
from ingest.errors import IngestError, WaitingForBudget
from ingest.feeds.tables import TableLimits, limits_from, units_of
from ingest.ledger.claims import BudgetEntry, TableBudget

POLL_S = 0.1  # how often a request that waits for a share checks again
CAPACITY_S = 60.0  # how often a table's capacity is read, where the limit is a share of it
ENDS_S = 3.0  # how long `end` waits for a ledger call in progress
# A call that takes longer than a second comes too late: the next one is due (docs/decisions/0022).
BUDGET_CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=1)


class BudgetStore(Protocol):
    """Where budgets and entries are stored: the ledger, or one process's memory."""

    def put_worker(self, table: str, name: str, entry: BudgetEntry) -> None:
        """Write a worker's entry."""

    def read_budget(self, table: str) -> TableBudget:
        """Return the limits of a table, and all entries."""

    def delete_worker(self, table: str, name: str, *, n: int | None = None) -> None:
        """Delete an entry; if `n` is given, only if the entry still has it."""


class OwnStore:
    """Keeps entries in memory, for a process that does not share its budgets."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], BudgetEntry] = {}

    def put_worker(self, table: str, name: str, entry: BudgetEntry) -> None:
        """Keep the entry."""
        self._entries[table, name] = entry

    def read_budget(self, table: str) -> TableBudget:
        """Return the entries of a table."""
        return TableBudget(None, {name: entry for (of, name), entry in self._entries.items() if of == table})

    def delete_worker(self, table: str, name: str, *, n: int | None = None) -> None:
        """Drop an entry."""
        self._entries.pop((table, name), None)


class Limit:
    """How many units a second may be written to a table now.

    The limits deployed last, as stored in the ledger, count; without those, this process's own. `capacity` reads the
    table's capacity; it is called only where the limit is a share of that.
    """

    def __init__(self, own: TableLimits, capacity: Callable[[], float | None]) -> None:
        self._own = own
        self._capacity = capacity
        self._text: str | None = None
        self._deployed = own
        self._found: tuple[float, float | None] | None = None

    def per_s(self, deployed: str | None) -> float:
        """Return the limit in units a second.

        Raises:
            NoWriteCapacity: the limit is a share of the table's capacity, and the table has no maximum.
            ServiceFault: the table cannot be described.
        """
        if deployed != self._text:
            self._text, self._deployed = deployed, limits_from(deployed) if deployed else self._own
        units = self._deployed.units_at(time.time())
        return units_of(units, self._looked() if isinstance(units, str) else None)

    def _looked(self) -> float | None:
        now_s = running_s()
        if self._found is None or now_s - self._found[0] > CAPACITY_S:
            self._found = now_s, self._capacity()
        return self._found[1]


class WriteBudget:
    """One process's share of a table's write budget.

    The first request, also after `end`, starts a thread that writes the process's entry and reads those of all others.
    `end` releases the share. With `parks`, a request that gets no share because there are too many workers raises;
    otherwise it waits.
    """

    def __init__(self, table: str, store: BudgetStore, limit: Limit, *, parks: bool = True) -> None:
        self._table = table
        self._store = store
        self._limit = limit
        self._parks = parks
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._worker: BudgetedWorker | None = None

    def most_rows(self, units_per_row: float) -> int:
        """Return how many rows the next request may have."""
        worker = self._begun()
        with self._lock:
            return worker.most_rows(units_per_row)

    def wait_s(self, units: float) -> float:
        """Return the seconds after which to send a request or to call this again; 0 if it may be sent now.

        Raises:
            WaitingForBudget: too many workers write to the table.
            NoWriteCapacity, ServiceFault: as `Limit.per_s`.
        """
        worker = self._begun()
        with self._lock:
            now_s = running_s()
            if self._parks and worker.member.is_parked(now_s):
                raise WaitingForBudget(
                    f"Table {self._table} waits for the write budget: {worker.member.live_count} workers would share "
                    f"{worker.member.budget_per_s:,.0f} write units a second."
                )
            wait_s = worker.wait_s(units, now_s)
        return POLL_S if wait_s == inf else wait_s

    def send(self, units: float) -> float:
        """Take a request's estimated cost in units from the budget, and return it."""
        worker = self._begun()
        with self._lock:
            return worker.send(units)

    def answered(self, thought: float, *, written: float, taken: float) -> None:
        """Record what a request has cost, as `BudgetedWorker.answered`."""
        worker = self._begun()
        with self._lock:
            worker.answered(thought, written=written, taken=taken)

    def end(self) -> None:
        """Release the share; the other workers can use it within a second or two."""
        if self._thread is None or self._worker is None:
            return
        self._ended.set()
        self._thread.join(ENDS_S)
        self._thread = None
        self._delete(dict.fromkeys(self._worker.member.leave()))

    def _begun(self) -> BudgetedWorker:
        """Return the worker; start the thread that maintains its entry, unless it runs."""
        if self._worker is None:
            self._worker = BudgetedWorker(
                name=lambda: uuid.uuid4().hex[:12],
                chance=random.random,
                budget_per_s=self._limit.per_s(None),
                now_s=running_s(),
            )
        if self._thread is None:
            self._worker.begin(running_s())
            self._ended = threading.Event()
            self._thread = threading.Thread(target=self._keep, args=(self._worker, self._ended), daemon=True)
            self._thread.start()
        return self._worker

    def _keep(self, worker: BudgetedWorker, ended: threading.Event) -> None:
        """Make the calls to the ledger that are due, until the end."""
        while not ended.is_set():
            with self._lock:
                call, gone = worker.due(running_s()), worker.member.take_gone()
            self._delete(dict.fromkeys(gone))
            if call == "put":
                self._put(worker)
            elif call == "read":
                self._read(worker)
            else:
                ended.wait(max(0.0, min(READ_S, worker.member.due_at_s - running_s())))

    def _put(self, worker: BudgetedWorker) -> None:
        with self._lock:
            sent_s = running_s()
            entry, name = worker.entry(sent_s), worker.member.name
        try:
            self._store.put_worker(self._table, name, entry)
        except IngestError:
            with self._lock:
                worker.member.put_failed(running_s())
            return
        with self._lock:
            if worker.member.name == name:
                worker.put_worked(entry, sent_s=sent_s, now_s=running_s())

    def _read(self, worker: BudgetedWorker) -> None:
        sent_s = running_s()
        try:
            found = self._store.read_budget(self._table)
            budget_per_s = self._limit.per_s(found.limits)
        except IngestError:
            with self._lock:
                worker.member.read_failed(running_s())
            return
        with self._lock:
            now_s = running_s()
            worker.read_worked(found.entries, budget_per_s=budget_per_s, sent_s=sent_s, now_s=now_s)
            stale = worker.member.stale(now_s)
        self._delete(stale)

    def _delete(self, names: Mapping[str, int | None]) -> None:
        """Delete entries, each only if it still has this `n` where one is given."""
        for name, n in names.items():
            try:
                self._store.delete_worker(self._table, name, n=n)
            except IngestError:  # entries expire, and the next read finds it again
                return


class WriteBudgets:
    """The budgets of all tables that a process writes to."""

    def __init__(
        self, limits: Mapping[str, TableLimits], store: Callable[[], BudgetStore], *, parks: bool = True
    ) -> None:
        self._limits = limits
        self._store = store
        self._parks = parks
        self._held: dict[str, WriteBudget] = {}

    def of(self, table: str, capacity: Callable[[], float | None]) -> WriteBudget | None:
        """Return the budget of a table; None if it has no limit."""
        if table not in self._limits:
            return None
        if table not in self._held:
            limit = Limit(self._limits[table], capacity)
            self._held[table] = WriteBudget(table, self._store(), limit, parks=self._parks)
        return self._held[table]

    def end(self) -> None:
        """Release all shares."""
        for held in self._held.values():
            held.end()


NO_BUDGETS = WriteBudgets({}, OwnStore)


def running_s() -> float:
    """Return monotonic seconds, which include time suspended where the system supports that (CLOCK_BOOTTIME)."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def write_capacity(described: Mapping[str, Any]) -> float | None:
    """Return a table's capacity in write units a second, given DynamoDB's description of it; None without a maximum.

    >>> write_capacity({"ProvisionedThroughput": {"WriteCapacityUnits": 40}})
    40.0
    >>> write_capacity({"ProvisionedThroughput": {"WriteCapacityUnits": 0}})
    """
    provisioned = described.get("ProvisionedThroughput", {}).get("WriteCapacityUnits", 0)
    on_demand = described.get("OnDemandThroughput", {}).get("MaxWriteRequestUnits", 0)
    most = max(provisioned, on_demand)  # -1 where a maximum was removed
    return float(most) if most > 0 else None
