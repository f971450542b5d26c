"""What the endpoint answers to a request, and when. Knows HTTP as little as sockets."""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from loadtest.simulator import errors, requests
from loadtest.simulator.capacity import Capacity, Reason, write_units
from loadtest.simulator.errors import RequestRefused
from loadtest.simulator.requests import Write
from loadtest.simulator.settings import Fault, Schedule, Settings
from loadtest.simulator.spool import Spool
from loadtest.simulator.written_items import Statistics, WrittenItems

TOOK_ALL = b'{"UnprocessedItems":{}}'
_PUT = b'"PutRequest":'  # in no JSON string, where quotes are escaped; an attribute of that name would count
_TOKEN = "The security token included in the request is"
INSTEAD: dict[Fault, Callable[[], RequestRefused]] = {
    Fault.INTERNAL_ERROR: errors.internal_error,
    Fault.EXPIRED_TOKEN: partial(errors.of_service, "ExpiredTokenException", f"{_TOKEN} expired"),
    Fault.UNRECOGNIZED_CLIENT: partial(errors.of_service, "UnrecognizedClientException", f"{_TOKEN} invalid."),
    Fault.THROTTLED: errors.throttled_by_fault,
}
_UNKNOWN = "the simulator takes BatchWriteItem only, and DescribeTable where it knows the tables"


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
        fault = self._schedule.next() if self._schedule and operation == b"batchwriteitem" else None
        if fault is not None:
            self.statistics.faults[str(fault)] += 1
        status, content = self._answered(operation, body, fault)
        ending = ENDINGS.get(fault, Ending.KEPT) if fault else Ending.KEPT
        return Answer(content, status, self._delay_s(fault), ending, is_crc32_right=fault is not Fault.WRONG_CRC32)

    def close(self) -> None:
        """End the spool, if there is one: it can be read then."""
        if self._spool:
            self._spool.close()

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

    def _delay_s(self, fault: Fault | None) -> float:
        latency, faults = self._settings.latency, self._settings.faults
        delay_s = latency.fixed_s + (latency.jitter_s and self._chance.random() * latency.jitter_s)
        return delay_s + (faults.slow_s if faults and fault is Fault.SLOW else 0)

    def _done(self, operation: bytes, body: bytes) -> bytes:
        if operation == b"batchwriteitem":
            return self._write(body)
        if operation == b"describetable" and self._settings.tables is not None:
            return self._describe(requests.described(body))
        raise errors.of_service("UnknownOperationException", _UNKNOWN)

    def _count(self, body: bytes) -> bytes:
        self.statistics.took(body.count(_PUT))
        if self._spool:
            self._spool.took(body)
        return TOOK_ALL

    def _batch(self, body: bytes) -> bytes:
        left = self._take(requests.batch(body, self._settings.tables))
        if not left:
            return TOOK_ALL
        unprocessed: dict[str, list[Mapping[str, Any]]] = {}
        for write in left:
            unprocessed.setdefault(write.named, []).append(write.request)
        return json.dumps({"UnprocessedItems": unprocessed}, separators=(",", ":")).encode()

    def _take(self, writes: list[Write]) -> list[Write]:
        """Take the writes that find capacity and return the others.

        Raises:
            RequestRefused: none did.
        """
        reasons = [(write, self._reason(write)) for write in writes]
        refused = [(write, reason) for write, reason in reasons if reason]
        taken = [write for write, reason in reasons if not reason]
        self.statistics.throttles.update(Counter(str(reason) for _, reason in refused))
        self.statistics.unprocessed += len(refused)
        self.statistics.asked(was_limited=bool(refused))
        if not taken:
            self.statistics.throttled_requests += 1
            simulation = self._settings.simulation
            is_provisioned = simulation is not None and simulation.mode == "provisioned"
            raise errors.throttled([(w.table, reason) for w, reason in refused], is_provisioned=is_provisioned)
        for write in taken:
            self.written_items.apply(write)
        if self._spool:
            self._spool.took_some([(write.named, write.request) for write in taken])
        self.statistics.took(len(taken))
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

    def _describe(self, name: str) -> bytes:
        """Return the description of a table.

        Raises:
            RequestRefused: the table does not exist.
        """
        table = (self._settings.tables or {}).get(name)
        if table is None:
            raise errors.no_table(name)
        kinds, simulation = ("HASH", "RANGE"), self._settings.simulation
        billing: dict[str, object] = {"BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}}
        if simulation and simulation.mode == "provisioned":
            units = int(simulation.provisioned_units_per_s)
            billing = {"ProvisionedThroughput": {"ReadCapacityUnits": units, "WriteCapacityUnits": units}}
        description = {
            "TableName": name,
            "TableArn": errors.table_arn(name),
            "TableStatus": "ACTIVE",
            "KeySchema": [{"AttributeName": k.name, "KeyType": t} for k, t in zip(table.keys, kinds, strict=False)],
            "AttributeDefinitions": [{"AttributeName": key.name, "AttributeType": key.type} for key in table.keys],
            "ItemCount": self.written_items.keys(name),
        }
        return json.dumps({"Table": {**description, **billing}}).encode()
