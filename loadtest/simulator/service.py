"""Determines the response to a request and its delay, independent of HTTP and sockets."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from loadtest.simulator import errors, requests
from loadtest.simulator.errors import RequestRefused
from loadtest.simulator.items import Item, item_bytes
from loadtest.simulator.requests import Asked, Write
from loadtest.simulator.settings import Capacity, Fault, Reason, Schedule, Settings, read_units, write_units
from loadtest.simulator.written_items import Statistics, WrittenItems

TOOK_ALL = b'{"UnprocessedItems":{}}'
# Cannot occur in a JSON string, where quotes are escaped; attributes with these names would be counted.
_PUT, _DELETE = b'"PutRequest":', b'"DeleteRequest":'
_TABLE = re.compile(rb'"(?:TableName|RequestItems)"\s*:\s*\{?\s*"(?:[^"]*/)?([^"/]*)"')
_BATCH, _GET = b"batchwriteitem", b"batchgetitem"
_SINGLE = {name.encode(): name for name in ("putitem", "updateitem", "deleteitem")}
_OF_ITEMS = frozenset((_BATCH, _GET, *_SINGLE))
_TOKEN = "The security token included in the request is"
INSTEAD: dict[Fault, Callable[[], RequestRefused]] = {
    Fault.INTERNAL_ERROR: partial(RequestRefused, "InternalServerError", "Internal server error", status=500),
    Fault.EXPIRED_TOKEN: partial(RequestRefused, "ExpiredTokenException", f"{_TOKEN} expired"),
    Fault.UNRECOGNIZED_CLIENT: partial(RequestRefused, "UnrecognizedClientException", f"{_TOKEN} invalid."),
    Fault.THROTTLED: partial(errors.throttled, [("table", Reason.KEY_RANGE)], is_provisioned=False),
}
_UNKNOWN = "the simulator takes writes and BatchGetItem only, and DescribeTable where it knows the tables"
_NEEDS_ITEMS = "the simulator needs `keeps_items` for conditions, updates and reads"


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a request."""

    body: bytes
    status: int = 200
    delay_s: float = 0
    fault: Fault | None = None  # may reset the connection, truncate the body or corrupt its checksum


ALL_TAKEN = Answer(TOOK_ALL)


class Service:
    """Handles requests one after the other."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self.statistics = Statistics(clock)
        self.written_items = WrittenItems(settings.sequence)
        self._settings, self._clock = settings, clock
        self._spool = settings.spool.open("wb", buffering=1 << 20) if settings.spool else None
        self._schedule = Schedule(settings.faults)
        self.statistics.faults = self._schedule.counts
        self._capacities: dict[str, Capacity] = {}
        reason, units = settings.simulation.limit if settings.simulation else (Reason.KEY_RANGE, 0)
        self._provisioned_units = units if reason is Reason.PROVISIONED else 0
        throttles = settings.faults is not None and settings.faults.throttled_items > 0
        self._counts_only = settings.tables is None and not throttles
        self._is_fast = settings.tables is None and not (settings.faults or settings.latency_s)

    def answer(self, operation: bytes, body: bytes) -> Answer:
        """Return the response to a request; `operation` is in lower case."""
        if self._is_fast and operation == _BATCH:
            self._count(body)
            return ALL_TAKEN
        fault = self._schedule.next() if operation in _OF_ITEMS else None
        faults, delay_s = self._settings.faults, self._settings.latency_s
        if faults and fault is Fault.SLOW:
            delay_s += faults.slow_s
        return Answer(*self._answered(operation, body, fault), delay_s, fault)

    def is_of_rows(self, operation: bytes, body: bytes) -> bool:
        """Return whether a request is for this service: any batch of writes, and item requests on one of its tables."""
        if operation == _BATCH or operation not in _OF_ITEMS:
            return operation == _BATCH
        named = _TABLE.search(body)
        return named is not None and named[1].decode() in (self._settings.tables or ())

    def close(self) -> None:
        """Close the spool, if there is one, so that it can be read."""
        if self._spool:
            self._spool.close()

    def _keep(self, body: bytes) -> None:
        """Append a request to the spool for `replay`, on one line: JSON has line ends only between values."""
        if self._spool:
            self._spool.write(body.replace(b"\n", b" ") + b"\n")

    def _answered(self, operation: bytes, body: bytes, fault: Fault | None) -> tuple[bytes, int]:
        try:
            if fault in INSTEAD:
                raise INSTEAD[fault]()
            if fault is Fault.RESET_BEFORE:
                return b"", 200
            return self._done(operation, body), 200
        except RequestRefused as refused:
            self.statistics.errors[refused.name] += 1
            return refused.body(), refused.status

    def _done(self, operation: bytes, body: bytes) -> bytes:
        if operation == _BATCH:
            return self._count(body) if self._counts_only else self._batch(body)
        if operation in _SINGLE:
            return self._single(_SINGLE[operation], body)
        if operation == _GET and self._settings.keeps_items:
            return self._get(body)
        if operation == b"describetable" and self._settings.tables is not None:
            return self._describe(requests.described(body))
        raise RequestRefused("UnknownOperationException", _UNKNOWN)

    def _count(self, body: bytes) -> bytes:
        self.statistics.took(body.count(_PUT) + body.count(_DELETE))
        self._keep(body)
        return TOOK_ALL

    def _batch(self, body: bytes) -> bytes:
        left = self._take(requests.batch(body, self._settings.tables))
        if not left:
            return TOOK_ALL
        return _json({"UnprocessedItems": requests.request_items(left)})

    def _single(self, operation: str, body: bytes) -> bytes:
        if self._counts_only:
            self.statistics.took(1)
            return b"{}"
        write = requests.single(operation, body, self._settings.tables)
        if not self._settings.keeps(write.table) and (write.condition or write.change):
            raise errors.invalid(_NEEDS_ITEMS)
        self._take([write])
        return b"{}"

    def _get(self, body: bytes) -> bytes:
        asked, parts = requests.keys(body, self._settings.tables)
        found: dict[str, list[Item]] = {one.named: [] for one in asked}
        left = list[tuple[Asked, Reason]]()
        for one in reversed(asked):  # DynamoDB may return any order
            if self._schedule.throttles_next_item():
                left.append((one, Reason.READ_KEY_RANGE))
                continue
            item, is_consistent = self.written_items.item(one), bool(parts[one.named].get("ConsistentRead"))
            self.statistics.read_units += read_units(item_bytes(item or {}), is_consistent=is_consistent)
            found[one.named] += [requests.projected(parts[one.named], item)] if item else []
        self._note(left, of=len(asked))
        unprocessed = requests.request_items(one for one, _ in left)
        keys = {named: {**parts[named], "Keys": keys} for named, keys in unprocessed.items()}
        return _json({"Responses": found, "UnprocessedKeys": keys})

    def _take(self, writes: list[Write]) -> list[Write]:
        """Make the writes for which there is capacity, and return the others."""
        asked = [(write, units, self._reason(write, units)) for write in writes for units in [self._units(write)]]
        refused = [(write, reason) for write, _, reason in asked if reason]
        taken = [write for write, _, reason in asked if not reason]
        self.statistics.write_units += sum(units for _, units, reason in asked if not reason)
        self._note(refused, of=len(writes))
        done = [self._applied(write) for write in taken]
        if self._spool:
            self._keep(_json({"RequestItems": requests.request_items(done)}))
        self.statistics.took(len(taken))
        return [write for write, _ in refused]

    def _note(self, refused: Sequence[tuple[Asked, Reason]], of: int) -> None:
        """Count throttled items; raise the throttling error if these are all items of the request."""
        self.statistics.unprocessed += len(refused)
        self.statistics.asked(was_limited=bool(refused))
        if len(refused) == of:
            self.statistics.throttled_requests += 1
            reasons = [(one.table, reason) for one, reason in refused]
            raise errors.throttled(reasons, is_provisioned=self._provisioned_units > 0)

    def _applied(self, write: Write) -> Write:
        """Make a write; return it as a put or delete: an update becomes the put of its result."""
        if not self._settings.keeps(write.table):
            return write
        before = self.written_items.item(write)
        if write.condition and not write.condition(before or {}):
            old: dict[str, Any] = {"Item": before} if before and write.returns_old else {}
            raise RequestRefused("ConditionalCheckFailedException", "The conditional request failed", **old)
        after = write.after(before)
        if after and write.change and item_bytes(after) > requests.MAX_ITEM_BYTES:
            raise errors.invalid("Item size to update has exceeded the maximum allowed size")
        self.written_items.set(write, after)
        return replace(write, request={"PutRequest": {"Item": after}}) if write.change else write

    def _units(self, write: Write) -> int:
        """Return the write units for the larger of the item before and after, even if the condition fails."""
        before = self.written_items.item(write)
        if not before:
            return write_units(write.bytes)
        after = write.after(before) if write.change else None
        return write_units(max(item_bytes(before), item_bytes(after) if after else write.bytes))

    def _reason(self, write: Write, units: float) -> Reason | None:
        """Return why a write is throttled; None: it is not."""
        if self._schedule.throttles_next_item():
            return Reason.KEY_RANGE
        if (simulation := self._settings.simulation) is None:
            return None
        now = self._clock()
        if write.table not in self._capacities:
            self._capacities[write.table] = Capacity(simulation, now)
        return self._capacities[write.table].take(write.key[0].encode(), units, now)

    def _describe(self, name: str) -> bytes:
        table = (self._settings.tables or {}).get(name)
        if table is None:
            raise errors.no_table(f"{errors.NO_TABLE}: Table: {name} not found")
        kinds, units = ("HASH", "RANGE"), int(self._provisioned_units)
        description = {
            "TableName": name,
            "TableArn": errors.table_arn(name),
            "TableStatus": "ACTIVE",
            "KeySchema": [{"AttributeName": k.name, "KeyType": t} for k, t in zip(table.keys, kinds, strict=False)],
            "AttributeDefinitions": [{"AttributeName": key.name, "AttributeType": key.type} for key in table.keys],
            "ProvisionedThroughput": {"ReadCapacityUnits": units, "WriteCapacityUnits": units},  # 0: on demand
        }
        return _json({"Table": description})


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
