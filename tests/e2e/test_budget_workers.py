"""A write budget over whole workers in processes of their own: a crowd that starts, a ledger that fails, a kill."""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import dropwhile
from pathlib import Path
from typing import Any

import pytest

from ingest.contract import Env, LedgerKeys
from loadtest.bench.cold_start import SETTINGS, agree
from loadtest.bench.surroundings import environment
from loadtest.harness.read_back import s3_notification
from loadtest.harness.workers import Fleet
from loadtest.s3_server import ObjectServer
from loadtest.s3_server.server import find
from loadtest.simulator import Simulator
from loadtest.simulator.service import Answer

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("scenarios")]
FEEDS = '[feeds.one]\nprefix = "one/"\ntable = "Shared"\npartition_key = "id"\n\n[tables.Shared]\nwrite_units = {}\n'
ROWS = 100_000  # of a file: more than a worker may write here
SETTLED_S, OUTAGE_S, OVER_S, KILL_S, ALONE_S, END_S = 4, 8, 11, 12, 23, 26  # after the first row
WINDOW_S, REQUEST = 10, 25
IDLE_S = 0.2


class Cloud:
    """A queue that always has a large file, and a ledger that agrees to everything and has the budgets' entries."""

    def __init__(self, objects: Path) -> None:
        self.is_open = self.fails = False
        self.failed = 0
        self._objects = objects
        self._entries: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._messages = 0

    def answer(self, target: str, body: bytes) -> Answer:
        operation, asked = target.rpartition(".")[2], json.loads(body)
        if operation == "ReceiveMessage":
            return self._message()
        if LedgerKeys.BUDGET_PREFIX.encode() not in body or operation == "BatchGetItem":
            return agree(target, body)
        with self._lock:
            self.failed += self.fails
            if self.fails:
                return Answer(b'{"__type":"InternalServerError"}', 500)
            return Answer(json.dumps(getattr(self, f"_{operation.lower()}")(asked)).encode())

    def _message(self) -> Answer:
        if not self.is_open:
            time.sleep(IDLE_S)
            return Answer(b"{}")
        with self._lock:
            self._messages += 1
            number = self._messages
        found = find(self._objects, "/landing/one/rows.csv")
        about = {"etag": found.etag.strip('"'), "size": found.size}
        body = s3_notification("landing", "one/rows.csv", sequencer=f"{number:016d}", **about)  # type: ignore[arg-type]
        message = {"MessageId": f"m{number}", "ReceiptHandle": f"r{number}", "Body": body}
        message["Attributes"] = {"ApproximateReceiveCount": "1"}  # type: ignore[assignment]
        return Answer(json.dumps({"Messages": [message]}).encode())

    def _updateitem(self, asked: Any) -> Any:
        values = {name.removeprefix(":"): value for name, value in asked["ExpressionAttributeValues"].items()}
        self._entries[json.dumps(asked["Key"])] = {**asked["Key"], **values}
        return {"Attributes": values}

    def _deleteitem(self, asked: Any) -> Any:
        self._entries.pop(json.dumps(asked["Key"]), None)
        return {}

    def _query(self, asked: Any) -> Any:
        return {"Items": list(self._entries.values())}


@contextmanager
def begun(folder: Path, workers: int, budget: int) -> Iterator[tuple[Cloud, Simulator, Fleet]]:
    """Give the workers, ready and without work, the table that they write to, and all else that they see."""
    (folder / "feeds.toml").write_text(FEEDS.format(budget))
    rows = folder / "objects/landing/one/rows.csv"
    rows.parent.mkdir(parents=True)
    rows.write_text("id\n" + "".join(f"{row}\n" for row in range(ROWS)))
    cloud = Cloud(folder / "objects")
    with ExitStack() as running:
        table = running.enter_context(Simulator(elsewhere=cloud.answer))
        s3 = running.enter_context(ObjectServer(folder / "objects"))
        found = environment(s3=s3.url, dynamodb=table.url, sqs=table.url, eventbridge=table.url)
        queues = {Env.QUEUE_URL: f"{table.url}/queue", Env.DEAD_LETTER_URL: f"{table.url}/dead"}
        chaos = {"CHAOS_FUNCTION_S": "300", "CHAOS_REDELIVER": "0", "CHAOS_SKEW_S": "0", "CHAOS_ROOT": str(folder)}
        variables = {**found, **SETTINGS, **queues, **chaos, Env.STOP_BEFORE_END_S: "15", "PYTHONUNBUFFERED": "1"}
        fleet = Fleet("loadtest.harness.worker", [dict(variables) for _ in range(workers)], folder, random.Random(1))
        with fleet:
            fleet.wait_until_ready()
            yield cloud, table, fleet


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize(
    ("workers", "budget"),
    [
        pytest.param(1, 200, marks=pytest.mark.nightly),
        (4, 200),
        pytest.param(12, 600, marks=pytest.mark.nightly),
    ],
)
def test_workers_keep_to_a_budget_and_use_it_while_the_ledger_fails_and_one_is_killed(
    workers: int, budget: int, tmp_path: Path
) -> None:
    with begun(tmp_path, workers, budget) as (cloud, table, fleet):

        def taken() -> list[int]:
            """Return the rows that the table took in each second from the first."""
            return list(dropwhile(lambda rows: not rows, [*table.statistics.per_second]))

        def wait(second: int) -> None:
            until_s = time.monotonic() + 30
            while len(taken()) <= second:
                assert time.monotonic() < until_s, (taken(), fleet.troubles())
                fleet.look()
                time.sleep(0.05)

        cloud.is_open = True
        wait(OUTAGE_S)
        cloud.fails = True
        wait(OVER_S)
        cloud.fails = False
        wait(KILL_S)
        fleet.kill_one()
        wait(END_S)
        seconds = taken()[:END_S]
    windows = [sum(seconds[n : n + WINDOW_S]) for n in range(len(seconds) - WINDOW_S + 1)]
    assert max(windows) <= 1.05 * WINDOW_S * budget + REQUEST * workers, seconds
    for begin_s, end_s in ((SETTLED_S, OUTAGE_S), (ALONE_S, END_S)):
        assert sum(seconds[begin_s:end_s]) >= 0.9 * budget * (end_s - begin_s), (begin_s, seconds)
    assert cloud.failed >= workers
    assert fleet.ended == {"killed": 1}
