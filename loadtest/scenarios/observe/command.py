"""`python -m loadtest observe`: a mixed load in the local stack, kept second by second for the dashboard's picture."""

import argparse
import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from infra.local.stack import LocalStack, local_stack
from ingest.contract import METRIC_NAMESPACE, RECONCILE_MESSAGE, Dimension, LedgerKeys, Output
from loadtest.harness.dynamodb_proxy import START_S, LedgerProxy, simulated
from loadtest.harness.results import origin
from loadtest.harness.stack_client import StackClient
from loadtest.scenarios.deployed import CLOSED
from loadtest.scenarios.log import FunctionLog, LogReader
from loadtest.scenarios.observe.mixed_load import FEEDS, perform, schedule
from loadtest.simulator import Key, Table

LAMBDA, SQS, DYNAMODB = "AWS/Lambda", "AWS/SQS", "AWS/DynamoDB"
Dimensions = tuple[tuple[str, str], ...]


class MetricSamples:
    """Values of metrics, each with its second; equal ones are counted."""

    def __init__(self, began_s: float) -> None:
        self.began_s = began_s
        self._found: dict[tuple[str, str, Dimensions], Counter[tuple[int, float]]] = {}

    def add(self, namespace: str, name: str, dimensions: dict[str, str], at_s: float, value: float) -> None:
        """Add one value, unless it is from before the beginning."""
        if at_s < self.began_s:
            return
        key = (namespace, name, tuple(sorted(dimensions.items())))
        rounded = float(f"{value:.6g}")
        self._found.setdefault(key, Counter())[int(at_s - self.began_s), rounded] += 1

    def add_log(self, log: FunctionLog, *, function: str) -> None:
        """Add what a function reported, for its stack and for the feed in it, and what Lambda reports of it."""
        for line in log.metrics:
            of_stack = {Dimension.STACK: line.stack}
            for name, value in line.values.items():
                for one in value if isinstance(value, Sequence) else [value]:
                    for dimensions in (of_stack, {**of_stack, Dimension.FEED: line.feed or ""}):
                        self.add(METRIC_NAMESPACE, name, dimensions, line.at_s, one)
        of_function = {"FunctionName": function}
        for run in log.invocations:
            self.add(LAMBDA, "Duration", of_function, run.ended_s, 1000 * run.seconds)
            self.add(LAMBDA, "Invocations", of_function, run.ended_s, 1)
        self._add_concurrency(log, of_function)

    def _add_concurrency(self, log: FunctionLog, of_function: dict[str, str]) -> None:
        """Add how many invocations were under way, whenever that changed and in each second it did not."""
        spans = [(run.ended_s - run.seconds, run.ended_s) for run in log.invocations]
        changes = [(began_s, 1) for began_s, _ in spans] + [(ended_s, -1) for _, ended_s in spans]
        changes += [(second, 0) for began_s, ended_s in spans for second in range(int(began_s) + 1, int(ended_s) + 1)]
        at_once = 0
        for at_s, change in sorted(changes):
            at_once += change
            self.add(LAMBDA, "ConcurrentExecutions", of_function, at_s, at_once)

    def document(self) -> list[dict[str, Any]]:
        """Return all, for JSON: values are [second, value, how often]."""
        return [
            {
                "namespace": namespace,
                "name": name,
                "dimensions": dict(dimensions),
                "values": [[second, value, count] for (second, value), count in sorted(values.items())],
            }
            for (namespace, name, dimensions), values in sorted(self._found.items())
        ]


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
                    queue, depths = {"QueueName": url.rpartition("/")[2]}, stack_client.depths(url)
                    hidden = depths.in_flight + depths.delayed
                    samples.add(SQS, "ApproximateNumberOfMessagesVisible", queue, time.time(), depths.visible)
                    samples.add(SQS, "ApproximateNumberOfMessagesNotVisible", queue, time.time(), hidden)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


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
