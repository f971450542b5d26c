"""What the ledger is charged for, by the requests it is sent in moto."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from loadtest.harness.dynamodb_proxy import LedgerCosts


@dataclass
class CountedRequests:
    """Write units by kind of entry, requests by operation, and how many items were read, each of at most 4 KB."""

    writes: LedgerCosts = field(default_factory=LedgerCosts)
    requests: Counter[str] = field(default_factory=Counter)
    items_read: int = 0


@contextmanager
def counting(table: Any) -> Iterator[CountedRequests]:
    """Count what a table of moto is asked for, for the length of a block."""
    counted, bodies = CountedRequests(), list[bytes]()
    events: Any = table.meta.client.meta.events

    def note(params: Any, **_: Any) -> None:
        bodies.append(params["body"])

    def count(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
        counted.requests[model.name] += 1
        counted.writes.count(model.name, bodies[-1], http_response.content)
        counted.items_read += sum(map(len, parsed.get("Responses", {}).values()))

    events.register("before-call.dynamodb", note)
    events.register("after-call.dynamodb", count)
    try:
        yield counted
    finally:
        events.unregister("before-call.dynamodb", note)
        events.unregister("after-call.dynamodb", count)
