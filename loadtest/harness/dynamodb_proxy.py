"""DynamoDB as the workers see it: rows go to the simulator, ledger requests to the emulator; both inject faults.

It also counts the ledger's write units, as DynamoDB charges them. An update costs one unit for each KiB of the larger
of the item before and after; a failed condition costs the same; a transaction costs double. An index entry (keys only:
one unit) is written when its attributes change: one unit if the entry is new, two if it moves.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Self

from infra.local.stack import LocalStack
from ingest.contract import LedgerKeys
from loadtest.harness.stack_client import StackClient
from loadtest.s3_server.server import UpstreamError, upstream_pool
from loadtest.simulator import Fault, Faults, Schedule, Settings, Simulation, Simulator, Table
from loadtest.simulator.items import Item, item_bytes
from loadtest.simulator.service import INSTEAD, Answer
from loadtest.simulator.settings import write_units

TRANSACTION_FACTOR = 2
_INDEXED = (LedgerKeys.LISTING, LedgerKeys.LISTED_AT)
Key = tuple[str, str]


class LedgerCosts:
    """Counts the write units of requests, given each with its response."""

    def __init__(self) -> None:
        self.units: Counter[str] = Counter()  # by kind of entry: head, file, segment, index
        self._bytes: dict[Key, int] = {}
        self._indexed: dict[Key, tuple[Any, ...]] = {}

    def count(self, operation: str, body: bytes, answer: bytes) -> None:
        """Count one request that got a response, successful or not."""
        if operation == "UpdateItem":
            asked, answered = json.loads(body), json.loads(answer or b"{}")
            self._update(_key(asked["Key"]), answered.get("Attributes") or answered.get("Item"))
        elif operation == "TransactWriteItems":
            for write in json.loads(body)["TransactItems"]:
                self._charge(_key(write["Update"]["Key"]), TRANSACTION_FACTOR)

    @property
    def total(self) -> int:
        """All units."""
        return self.units.total()

    def _update(self, key: Key, item: Item | None) -> None:
        before = self._bytes.get(key, 0)
        if item:
            self._bytes[key] = item_bytes(item)
            self._index(key, item)
        self._charge(key, 1, max(before, self._bytes.get(key, 0)))

    def _charge(self, key: Key, factor: int, size: int | None = None) -> None:
        self.units[_kind(key)] += factor * write_units(self._bytes.get(key, 0) if size is None else size)

    def _index(self, key: Key, item: Item) -> None:
        entry = tuple(json.dumps(item.get(name)) for name in _INDEXED)
        before = self._indexed.get(key)
        if LedgerKeys.LISTING in item and entry != before:
            self._indexed[key] = entry
            self.units["index"] += 1 if before is None else 2


def _key(key: Item) -> Key:
    return key[LedgerKeys.PARTITION_KEY]["S"], key[LedgerKeys.SORT_KEY]["S"]


def _kind(key: Key) -> str:
    if key[1] == LedgerKeys.HEAD:
        return "head"
    return "file" if key[1].startswith(LedgerKeys.FILE_PREFIX) else "segment"


_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, "
    "Signature=0",
}


class LedgerProxy:
    """Answers all requests but batches of rows: it forwards them to the emulator, and injects faults."""

    def __init__(self, url: str, faults: Faults | None) -> None:
        self.costs, self._schedule = LedgerCosts(), Schedule(faults)
        self.faults = self._schedule.counts
        self._upstream = upstream_pool(url)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *how: object) -> None:
        self._upstream.close()

    def answer(self, target: str, body: bytes) -> Answer:
        """Return the response to a request; a fault replaces the request or affects its response."""
        with self._lock:
            fault = self._schedule.next()
        if fault in INSTEAD:
            refused = INSTEAD[fault]()
            return Answer(refused.body(), refused.status)
        if fault is Fault.RESET_BEFORE:
            return Answer(b"", fault=fault)
        try:
            answered = self._upstream.urlopen("POST", "/", body, {**_HEADERS, "X-Amz-Target": target})
        except UpstreamError:
            return Answer(b"", fault=Fault.RESET_BEFORE)
        with self._lock:
            self.costs.count(target.rpartition(".")[2], body, answered.data)
        return Answer(answered.data, answered.status, fault=fault)


START_S = 120.0


@contextlib.contextmanager
def simulated(stack: LocalStack, tables: Mapping[str, Table], *, units_per_s: float) -> Iterator[LedgerProxy]:
    """Point the stack's function at simulated tables of this capacity each; other requests go to the emulator."""
    simulation = Simulation(mode="provisioned", provisioned_units_per_s=units_per_s)
    with (
        LedgerProxy(stack.endpoint_url, None) as proxy,
        Simulator(Settings(tables=tables, simulation=simulation), elsewhere=proxy.answer) as simulator,
    ):
        with contextlib.closing(StackClient(stack)) as stack_client:
            stack_client.wait_until_quiet(START_S, quiet_s=1.0)  # S3's test messages have been handled
            stack_client.point_function_at(simulator.url)
        yield proxy
