"""`python -m loadtest observe`: a mixed load in the local stack, kept second by second for the dashboard's picture."""

import argparse
import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from infra.local.stack import LocalStack, local_stack
from ingest.contract import RECONCILE_MESSAGE, LedgerKeys, Output
from loadtest.harness.dynamodb_proxy import START_S, LedgerProxy, simulated
from loadtest.harness.results import origin
from loadtest.harness.stack_client import StackClient
from loadtest.scenarios.deployed import CLOSED
from loadtest.scenarios.log import FunctionLog, LogReader
from loadtest.scenarios.observe.mixed_load import FEEDS, perform, schedule
from loadtest.scenarios.observe.samples import DYNAMODB, SQS, MetricSamples
from loadtest.simulator import Key, Table

TABLES = {
    "Orders": Table(Key("customer_id"), Key("order_id")),
    "Visits": Table(Key("visitor"), Key("at", "N")),
}
TABLE_UNITS_PER_S = 2000  # what each table takes; the local stage in cdk.json says so to the dashboard
POLL_S = 0.5
QUIET_S = 3.0
WARM_UP_FILES = 12
WARM_UP = "warm-up-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser the settings of a run."""
    parser.add_argument("--seconds", type=float, default=100.0, help="how long files are dropped (default 100)")
    parser.add_argument("--patience-s", type=float, default=120.0, help="how long the queue may take to be empty then")


def run(arguments: argparse.Namespace) -> int:
    """Run, and write what was reported: one metric a line."""
    seconds, seed = arguments.seconds, arguments.seed
    observed = observe(seconds=seconds, seed=seed, patience_s=arguments.patience_s, say=print)
    command = f"python -m loadtest observe --seconds {seconds:g} --seed {seed}"
    text = json.dumps({**origin(command=command, seed=seed), **observed})
    arguments.out.write_text(text.replace("}, {", "},\n{") + "\n")  # a line for each metric: a change of one shows
    files, metrics = len(observed["log"]["closed"]), len(observed["metrics"])
    print(f"{observed['seconds']:.0f} s: {files} files ended, {metrics} metrics; kept in {arguments.out}.")
    return 0


def observe(*, seconds: float, seed: int, patience_s: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Return all that a run reported: files are dropped for a number of seconds, then its queue is to be empty."""
    with (
        local_stack(FEEDS) as stack,
        simulated(stack, TABLES, units_per_s=TABLE_UNITS_PER_S) as proxy,
        contextlib.closing(StackClient(stack)) as stack_client,
        contextlib.closing(stack.client("logs")) as logs,
    ):
        _warm_up(stack_client)
        say(f"The local stack is up at {stack.endpoint_url}; files are dropped for {seconds:.0f} s.")
        samples = MetricSamples(float(int(time.time())))
        with _polled(stack, proxy, samples):
            _drop_all(stack_client, seconds, seed)
            say("All is dropped; waiting until the queue is empty.")
            stack_client.wait_until_quiet(patience_s, quiet_s=QUIET_S)
        took_s = time.time() - samples.began_s
        names = stack_client.physical_names()
        log = LogReader(logs, stack.outputs[Output.LOG_GROUP]).read()
    samples.add_log(log, function=stack.outputs[Output.FUNCTION])
    reported = {"names": names, "metrics": samples.document(), "log": _log(log, samples.began_s)}
    return {"stack": stack.name, "seconds": round(took_s, 1), "began_s": samples.began_s, **reported}


def _warm_up(stack_client: StackClient) -> None:
    """Let the emulator start the function anew, as often as it runs at once."""
    for n in range(WARM_UP_FILES):
        stack_client.drop(f"visits/{WARM_UP}{n}.csv", b"visitor,at,page\nno-one,1,/\n")
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
                samples.add(DYNAMODB, "ConsumedWriteCapacityUnits", ledger | index, time.time(), more.pop("index", 0))
                samples.add(DYNAMODB, "ConsumedWriteCapacityUnits", ledger, time.time(), more.total())
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
    queue, now_s, depths = {"QueueName": url.rpartition("/")[2]}, time.time(), stack_client.depths(url)
    samples.add(SQS, "ApproximateNumberOfMessagesVisible", queue, now_s, depths.visible)
    samples.add(SQS, "ApproximateNumberOfMessagesNotVisible", queue, now_s, depths.in_flight + depths.delayed)


def _drop_all(stack_client: StackClient, seconds: float, seed: int) -> None:
    began_s = time.monotonic()
    for drop in schedule(seconds, seed):
        time.sleep(max(0.0, began_s + drop.at_s - time.monotonic()))
        perform(drop, stack_client, seed)
    time.sleep(max(0.0, began_s + seconds - time.monotonic()))
    stack_client.send(RECONCILE_MESSAGE)  # a short run may not see the schedule's own


def _log(log: FunctionLog, began_s: float) -> dict[str, list[Any]]:
    """Return the lines on files that ended, and the memory of invocations."""
    closed = [line for line in log.entries if line.get("message") == CLOSED and f"/{WARM_UP}" not in line["file"]]
    memory = [
        {"at_s": round(one.ended_s - began_s, 3), "used_mb": one.used_mb, "size_mb": one.memory_mb}
        for one in log.invocations
    ]
    return {"closed": closed, "memory": memory}
