"""What the endpoint answers to a request, and when. Knows HTTP as little as sockets."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from loadtest.simulator import requests
from loadtest.simulator.capacity import Capacity, Reason, write_units
from loadtest.simulator.errors import (
    RequestRefused,
    expired_token,
    internal_error,
    no_table,
    not_json,
    table_arn,
    throttled,
    throttled_by_fault,
    unknown_operation,
    unrecognized_client,
)
from loadtest.simulator.faults import Fault, Schedule
from loadtest.simulator.requests import Write
from loadtest.simulator.settings import Settings, Table
from loadtest.simulator.spool import Spool
from loadtest.simulator.statistics import Statistics
from loadtest.simulator.written_items import WrittenItems


def describe(body: bytes, settings: Settings, written_items: WrittenItems) -> bytes:
    """Return the description of the table a DescribeTable names.

    Raises:
        RequestRefused: the table does not exist.
    """
    try:
        name = str(json.loads(body)["TableName"]).rpartition("/")[2]
    except (ValueError, KeyError, TypeError) as error:
        raise not_json() from error
    table = (settings.tables or {}).get(name)
    if table is None:
        raise no_table(name)
    return json.dumps(
        {"Table": {**_description(name, table), **_billing(settings), "ItemCount": written_items.keys(name)}}
    ).encode()


def _description(name: str, table: Table) -> dict[str, object]:
    kinds = ("HASH", "RANGE")
    return {
        "TableName": name,
        "TableArn": table_arn(name),
        "TableStatus": "ACTIVE",
        "KeySchema": [{"AttributeName": k.name, "KeyType": kind} for k, kind in zip(table.keys, kinds, strict=False)],
        "AttributeDefinitions": [{"AttributeName": key.name, "AttributeType": key.type} for key in table.keys],
    }


def _billing(settings: Settings) -> dict[str, object]:
    simulation = settings.simulation
    if simulation is None or simulation.mode == "on_demand":
        return {"BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}}
    units = int(simulation.provisioned_units_per_s)
    return {"ProvisionedThroughput": {"ReadCapacityUnits": units, "WriteCapacityUnits": units}}


TOOK_ALL = b'{"UnprocessedItems":{}}'
_PUT = b'"PutRequest":'  # in no JSON string, where quotes are escaped; an attribute of that name would count
INSTEAD = {
    Fault.INTERNAL_ERROR: internal_error,
    Fault.EXPIRED_TOKEN: expired_token,
    Fault.UNRECOGNIZED_CLIENT: unrecognized_client,
    Fault.THROTTLED: throttled_by_fault,
}


class Ending(Enum):
    """What becomes of the connection with the answer."""

    KEPT = "kept"
    CUT = "half of the answer, then closed"
    RESET = "no answer, reset"


ENDINGS = {Fault.RESET_BEFORE: Ending.RESET, Fault.RESET_AFTER: Ending.RESET, Fault.TRUNCATED: Ending.CUT}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request gets."""

    body: bytes
    status: int = 200
    delay_s: float = 0
    ending: Ending = Ending.KEPT
    is_crc32_right: bool = True


_ALL_TAKEN = Answer(TOOK_ALL)


class Service:
    """Answers requests one after the other."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self.statistics = Statistics(clock)
        self.written_items = WrittenItems(settings.keep, settings.sequence)
        self._settings, self._clock = settings, clock
        self._spool = Spool(settings.spool) if settings.spool else None
        self._schedule = Schedule(settings.faults) if settings.faults else None
        self._slow_s = settings.faults.slow_s if settings.faults else 0.0
        self._chance = random.Random(settings.latency.seed)
        self._capacities: dict[str, Capacity] = {}
        throttles = settings.faults is not None and settings.faults.throttled_items > 0
        self._write = self._count if settings.counts_only and not throttles else self._batch
        latency = settings.latency.fixed_s or settings.latency.jitter_s
        self._is_fast = settings.counts_only and not (settings.faults or latency)

    def answer(self, operation: bytes, body: bytes) -> Answer:
        """Return the answer to a request; `operation` is in lower case."""
        if self._is_fast and operation == b"batchwriteitem":
            self._count(body)
            return _ALL_TAKEN
        is_write = operation in {b"batchwriteitem", b"putitem"}
        fault = self._schedule.next() if self._schedule and is_write else None
        if fault is not None:
            self.statistics.faults[str(fault)] += 1
        status, content = self._answered(operation, body, fault)
        return self._shaped(status, content, fault)

    def _answered(self, operation: bytes, body: bytes, fault: Fault | None) -> tuple[int, bytes]:
        try:
            if fault in INSTEAD:
                raise INSTEAD[fault]()
            if fault is Fault.RESET_BEFORE:
                return 200, b""
            return 200, self._done(operation, body)
        except RequestRefused as refused:
            self.statistics.errors[refused.name] += 1
            return refused.status, refused.body()

    def _shaped(self, status: int, content: bytes, fault: Fault | None) -> Answer:
        latency = self._settings.latency
        delay_s = latency.fixed_s + (latency.jitter_s and self._chance.random() * latency.jitter_s)
        ending = ENDINGS.get(fault, Ending.KEPT) if fault else Ending.KEPT
        delay_s += self._slow_s if fault is Fault.SLOW else 0
        return Answer(content, status, delay_s, ending, is_crc32_right=fault is not Fault.WRONG_CRC32)

    def _done(self, operation: bytes, body: bytes) -> bytes:
        if operation == b"batchwriteitem":
            return self._write(body)
        if operation == b"putitem" and self._settings.tables is not None:
            return self._put(body)
        if operation == b"describetable" and self._settings.tables is not None:
            return describe(body, self._settings, self.written_items)
        raise unknown_operation()

    def close(self) -> None:
        """End the spool, if there is one: it can be read then."""
        if self._spool:
            self._spool.close()

    def _count(self, body: bytes) -> bytes:
        self.statistics.took(body.count(_PUT))
        if self._spool:
            self._spool.took(body)
        return TOOK_ALL

    def _batch(self, body: bytes) -> bytes:
        writes = requests.batch(body, self._settings.tables)
        left = self._take(writes)
        if not left:
            return TOOK_ALL
        unprocessed: dict[str, list[Mapping[str, Any]]] = {}
        for write in left:
            unprocessed.setdefault(write.named, []).append(write.request)
        return json.dumps({"UnprocessedItems": unprocessed}, separators=(",", ":")).encode()

    def _put(self, body: bytes) -> bytes:
        self._take([requests.put(body, self._settings.tables)])
        return b"{}"

    def _take(self, writes: list[Write]) -> list[Write]:
        """Take the writes that find capacity and return the others.

        Raises:
            RequestRefused: none did.
        """
        reasons = [self._reason(write) for write in writes]
        refused = [(write, reason) for write, reason in zip(writes, reasons, strict=True) if reason]
        taken = [write for write, reason in zip(writes, reasons, strict=True) if not reason]
        self._count_refused(reason for _, reason in refused)
        self.statistics.asked(was_limited=bool(refused))
        if not taken:
            self.statistics.throttled_requests += 1
            raise self._throttled(refused)
        for write in taken:
            self.written_items.apply(write)
        if self._spool:
            self._spool.took_some([(write.named, write.request) for write in taken])
        puts = sum(write.item is not None for write in taken)
        self.statistics.took(puts, len(taken) - puts)
        return [write for write, _ in refused]

    def _reason(self, write: Write) -> Reason | None:
        if self._schedule and self._schedule.throttles_next_item():
            return Reason.KEY_RANGE
        if self._settings.simulation is None:
            return None
        now = self._clock()
        if write.table not in self._capacities:
            self._capacities[write.table] = Capacity(self._settings.simulation, now)
        return self._capacities[write.table].take(write.key[0].encode(), write_units(write.bytes), now)

    def _count_refused(self, reasons: Iterable[Reason]) -> None:
        counted = Counter(map(str, reasons))
        self.statistics.throttles.update(counted)
        self.statistics.unprocessed += counted.total()

    def _throttled(self, refused: list[tuple[Write, Reason]]) -> RequestRefused:
        simulation = self._settings.simulation
        is_provisioned = simulation is not None and simulation.mode == "provisioned"
        return throttled([(write.table, reason) for write, reason in refused], is_provisioned=is_provisioned)
