"""One observed run: the local stack under a mixed load, its tables simulated, and all its metrics and logs kept."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from infra.local.stack import LocalStack, local_stack
from ingest.contract import RECONCILE_MESSAGE, LedgerKeys, Output
from loadtest.dashboard_run.emitted import CONSUMED, DYNAMODB, SQS, MetricSamples, add_concurrency, read_log
from loadtest.dashboard_run.uploads import perform, schedule
from loadtest.harness.dynamodb_proxy import START_S, LedgerProxy, simulated
from loadtest.harness.stack_client import StackClient
from loadtest.simulator import Key, Table

FEEDS = Path(__file__).parent / "feeds.toml"
TABLES = {
    "Orders": Table(Key("customer_id"), Key("order_id")),
    "Visits": Table(Key("visitor"), Key("at", "N")),
}
TABLE_UNITS_PER_S = 2000  # what each table takes; the local stage in cdk.json says so to the dashboard
POLL_S = 0.5
QUIET_S = 3.0
WARM_UP_FILES = 12


def observe(*, seconds: float, seed: int, patience_s: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Return all that a run reported: files are dropped for a number of seconds, then its queue is to be empty."""
    with local_stack(FEEDS) as stack, simulated(stack, TABLES, units_per_s=TABLE_UNITS_PER_S) as tables:
        with contextlib.closing(StackClient(stack)) as stack_client:
            _warm_up(stack_client)
        say(f"The local stack is up at {stack.endpoint_url}; files are dropped for {seconds:.0f} s.")
        began_s = float(int(time.time()))
        samples = MetricSamples(began_s)
        with contextlib.closing(StackClient(stack)) as stack_client, _polled(stack, tables.proxy, samples):
            _drop_all(stack_client, seconds, seed)
            say("All is dropped; waiting until the queue is empty.")
            stack_client.wait_until_quiet(patience_s, quiet_s=QUIET_S)
            lines = stack_client.log_events()
            names = stack_client.physical_names()
        took_s = time.time() - began_s
    function = stack.outputs[Output.FUNCTION]
    log = read_log(lines, samples, function=function)
    add_concurrency(log["memory"], samples, function=function)
    for run in log["memory"]:
        run.update(at_s=round(run["at_s"] - began_s, 3), began_s=round(run["began_s"] - began_s, 3))
    return {
        "stack": stack.name,
        "seconds": round(took_s, 1),
        "began_s": began_s,
        "names": names,
        "metrics": samples.document(),
        "log": log,
    }


def _warm_up(stack_client: StackClient) -> None:
    """Let the emulator start the function anew, as often as it runs at once."""
    for n in range(WARM_UP_FILES):
        stack_client.drop(f"visits/warm-up-{n}.csv", b"visitor,at,page\nno-one,1,/\n")
    stack_client.wait_until_quiet(START_S, quiet_s=QUIET_S)


@contextlib.contextmanager
def _polled(stack: LocalStack, proxy: LedgerProxy, samples: MetricSamples) -> Iterator[None]:
    """Ask both queues how much they hold, and what the ledger cost since, as long as the block lasts."""
    over = threading.Event()
    ledger, index = {"TableName": stack.outputs[Output.LEDGER_TABLE]}, {"GlobalSecondaryIndexName": LedgerKeys.INDEX}

    def poll() -> None:
        before = Counter(proxy.costs.units)
        with contextlib.closing(StackClient(stack)) as stack_client:
            while not over.wait(POLL_S):
                now = Counter(proxy.costs.units)
                more, before = now - before, now
                of_index = more.pop("index", 0)
                samples.add(DYNAMODB, CONSUMED, ledger, time.time(), more.total())
                samples.add(DYNAMODB, CONSUMED, ledger | index, time.time(), of_index)
                for url in (stack_client.queue_url, stack_client.dead_letter_url):
                    _add_depths(stack_client, url, samples)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _add_depths(stack_client: StackClient, url: str, samples: MetricSamples) -> None:
    queue, now_s = {"QueueName": url.rpartition("/")[2]}, time.time()
    depths = stack_client.depths(url)
    samples.add(SQS, "ApproximateNumberOfMessagesVisible", queue, now_s, depths.visible)
    samples.add(SQS, "ApproximateNumberOfMessagesNotVisible", queue, now_s, depths.in_flight + depths.delayed)


def _drop_all(stack_client: StackClient, seconds: float, seed: int) -> None:
    began_s = time.monotonic()
    for drop in schedule(seconds, seed):
        time.sleep(max(0.0, began_s + drop.at_s - time.monotonic()))
        perform(drop, stack_client, seed)
    time.sleep(max(0.0, began_s + seconds - time.monotonic()))
    stack_client.send(RECONCILE_MESSAGE)  # a short run may not see the schedule's own
