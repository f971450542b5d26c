"""DynamoDB as the workers see it: rows go to the simulator, the ledger is the emulator's, both fail."""

import http.client
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from loadtest.chaos.costs import LedgerCosts
from loadtest.harness.upstream import Upstream
from loadtest.simulator.errors import internal_error, throttled_by_fault
from loadtest.simulator.faults import Fault, Faults, Schedule
from loadtest.simulator.http import Elsewhere
from loadtest.simulator.service import Answer, Ending

THREADS = 16
_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, "
    "Signature=0",
}
_NOT_ASKED = {
    Fault.INTERNAL_ERROR: internal_error,
    Fault.THROTTLED: throttled_by_fault,
    Fault.EXPIRED_TOKEN: internal_error,
}
_ENDINGS = {Fault.RESET_BEFORE: Ending.RESET, Fault.RESET_AFTER: Ending.RESET, Fault.TRUNCATED: Ending.CUT}


class LedgerProxy:
    """Answers what is not a batch of rows: by the emulator, but for faults."""

    def __init__(self, url: str, faults: Faults | None) -> None:
        self.faults: Counter[str] = Counter()
        self.costs = LedgerCosts()
        self._schedule = Schedule(faults) if faults else None
        self._upstream = Upstream(url)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="ledger")
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._threads.shutdown()
        self._upstream.close()

    def elsewhere(self) -> Elsewhere:
        """Return this front as a sink takes it."""
        return Elsewhere(self.answer, self._threads)

    def answer(self, target: str, body: bytes) -> Answer:
        """Return the answer to a request; faults come before it or after."""
        with self._lock:
            fault = self._schedule.next() if self._schedule else None
            if fault:
                self.faults[str(fault)] += 1
        if fault in _NOT_ASKED:
            refused = _NOT_ASKED[fault]()
            return Answer(refused.body(), refused.status)
        if fault is Fault.RESET_BEFORE:
            return Answer(b"", ending=Ending.RESET)
        try:
            reported = self._upstream.ask("POST", "/", body, {**_HEADERS, "X-Amz-Target": target})
        except (OSError, http.client.HTTPException):
            return Answer(b"", ending=Ending.RESET)
        with self._lock:
            self.costs.count(target.rpartition(".")[2], body, reported.body)
        return Answer(reported.body, reported.status, ending=_ENDINGS.get(fault, Ending.KEPT) if fault else Ending.KEPT)
