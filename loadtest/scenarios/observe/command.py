"""`python -m loadtest observe`: run a mixed load in the local stack; record its metrics for the dashboard's picture."""

import argparse
import contextlib
import json
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.stack import LocalStack, local_stack
from ingest.contract import METRIC_NAMESPACE, RECONCILE_MESSAGE, Dimension, LedgerKeys, Output
from loadtest.harness.dynamodb_proxy import START_S, LedgerProxy, simulated
from loadtest.harness.results import origin
from loadtest.harness.stack_client import StackClient
from loadtest.scenarios.deployed import CLOSED
from loadtest.scenarios.figures import FunctionLog, LogReader
from loadtest.simulator import Key, Table
from loadtest.workload.recipe import recipe_of
from loadtest.workload.stream import Generation

FEEDS = Path(__file__).parent / "feeds.toml"
ROWS = range(100, 900)
BURST_FILES, BURST_ROWS = 10, 2000
LARGE_ROWS, LARGE_NOTE = 2200, "choice:" + 8000 * "x"  # three segments of 8 MiB, eight write units a row
SEQUENCERS = ("00", "F" * 16, "F" * 16)  # older than the object's own; newer; a duplicate of the newer
RECIPES: dict[str, dict[str, Any]] = {  # how kinds of files differ from a few rows of orders
    "visits": {"feed": "visits"},
    "orphans": {"feed": "orphans"},
    "bad_rows": {"defects": {"bad_number": 1 / 40}},
    "large": {"rows": LARGE_ROWS, "columns": {"note": LARGE_NOTE}},
    "burst": {"rows": BURST_ROWS},
}
_SPECIAL = (
    ("orphans", 0.03),
    ("large", 0.10),
    ("broken", 0.25),
    ("again", 0.30),
    ("poison", 0.40),
    *BURST_FILES * [("burst", 0.45)],
    ("broken", 0.60),
)


@dataclass(frozen=True, slots=True)
class TimedDrop:
    """A drop that is due `at_s` seconds after the start."""

    at_s: float
    kind: str
    number: int


def schedule(seconds: float, seed: int) -> list[TimedDrop]:
    """Return the drops of a run: a steady stream, and each special drop at a fixed share of the time."""
    chance = random.Random(seed)
    drops: list[TimedDrop] = []
    at_s = 0.0
    while at_s < seconds:
        drops.append(TimedDrop(at_s, chance.choice(("orders", "orders", "visits", "bad_rows")), len(drops)))
        at_s += chance.uniform(0.6, 1.4)
    drops += [TimedDrop(share * seconds, kind, len(drops) + n) for n, (kind, share) in enumerate(_SPECIAL)]
    return sorted(drops, key=lambda drop: drop.at_s)


def perform(drop: TimedDrop, stack_client: StackClient, seed: int) -> None:
    """Perform a drop. Files have no key in common, unless their drops have the same number."""
    if drop.kind == "poison":
        stack_client.send('{"this": "is not a message of ours"}')
        return
    rows = random.Random(f"{seed}/{drop.number}").choice(ROWS)
    recipe = {"feed": "orders", "rows": rows, "seed": seed, "file": drop.number, **RECIPES.get(drop.kind, {})}
    data = b"this,is,another,file\n1,2,3,4\n"
    if drop.kind != "broken":
        data = b"".join(Generation(recipe_of(FEEDS, **recipe)))
    key = f"{recipe['feed']}/{drop.kind}-{drop.number:03d}.csv"
    etag = stack_client.drop(key, data)
    for sequencer in SEQUENCERS if drop.kind == "again" else ():
        stack_client.send(stack_client.notification(key, sequencer=sequencer, etag=etag, size=len(data)))


LAMBDA, SQS, DYNAMODB = "AWS/Lambda", "AWS/SQS", "AWS/DynamoDB"
Dimensions = tuple[tuple[str, str], ...]


class MetricSamples:
    """Metric values by second; equal values in a second are counted."""

    def __init__(self, began_s: float) -> None:
        self.began_s = began_s
        self._found: dict[tuple[str, str, Dimensions], Counter[tuple[int, float]]] = {}

    def add(self, namespace: str, name: str, dimensions: dict[str, str], at_s: float, value: float) -> None:
        """Add one value, unless it is from before the start."""
        if at_s < self.began_s:
            return
        key = (namespace, name, tuple(sorted(dimensions.items())))
        rounded = float(f"{value:.6g}")
        self._found.setdefault(key, Counter())[int(at_s - self.began_s), rounded] += 1

    def add_log(self, log: FunctionLog, *, function: str) -> None:
        """Add the metrics a function reported, for its stack and its feed, and Lambda's own metrics of it."""
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
        # The number of concurrent invocations, at each start of one and at each second.
        runs = log.invocations
        times = [float(s) for run in runs for s in range(math.ceil(run.begun_s), math.ceil(run.ended_s))]
        times += [run.begun_s for run in runs]
        for at_s, at_once in zip(times, log.at_work(begun_s=0.0, times=times), strict=True):
            self.add(LAMBDA, "ConcurrentExecutions", of_function, at_s, at_once)

    def document(self) -> list[dict[str, Any]]:
        """Return all samples as a JSON document: values are [second, value, count]."""
        return [
            {
                "namespace": namespace,
                "name": name,
                "dimensions": dict(dimensions),
                "values": [[second, value, count] for (second, value), count in sorted(values.items())],
            }
            for (namespace, name, dimensions), values in sorted(self._found.items())
        ]


TABLES = {"Orders": Table(Key("customer_id"), Key("order_id")), "Visits": Table(Key("visitor"), Key("at", "N"))}
TABLE_UNITS_PER_S = 2000  # capacity of each table; the local stage in cdk.json sets the same for the dashboard
POLL_S = 0.5
QUIET_S = 3.0
WARM_UP_FILES = 12
WARM_UP = "warm-up-"

OPTIONS = {
    "seconds": (100.0, "how long files are dropped"),
    "patience-s": (120.0, "how long the queue may take to be empty then"),
}


def run(arguments: argparse.Namespace) -> None:
    """Run, and write what was reported, one metric per line."""
    seconds, seed = arguments.seconds, arguments.seed
    observed = observe(seconds=seconds, seed=seed, patience_s=arguments.patience_s, say=print)
    command = f"python -m loadtest observe --seconds {seconds:g} --seed {seed}"
    text = json.dumps({**origin(command=command, seed=seed), **observed})
    arguments.out.write_text(text.replace("}, {", "},\n{") + "\n")  # one line per metric, for readable diffs
    files, metrics = len(observed["log"]["closed"]), len(observed["metrics"])
    print(f"{observed['seconds']:.0f} s: {files} files ended, {metrics} metrics; kept in {arguments.out}.")


def observe(*, seconds: float, seed: int, patience_s: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Return all that a run reported: it drops files for `seconds`, then waits until the queue is empty."""
    with (
        local_stack(FEEDS) as stack,
        simulated(stack, TABLES, units_per_s=TABLE_UNITS_PER_S) as proxy,
        contextlib.closing(StackClient(stack)) as stack_client,
        contextlib.closing(stack.client("logs")) as logs,
    ):
        _warm_up(stack_client)
        say(f"The local stack is up at {stack.endpoint_url}; files are dropped for {seconds:.0f} s.")
        samples = MetricSamples(float(int(time.time())))
        over = threading.Event()
        with ThreadPoolExecutor(1) as pool, contextlib.ExitStack() as at_the_end:
            at_the_end.callback(over.set)
            polling = pool.submit(_poll, stack, proxy, samples, over)
            _drop_all(stack_client, seconds, seed)
            say("All is dropped; waiting until the queue is empty.")
            stack_client.wait_until_quiet(patience_s, quiet_s=QUIET_S)
        polling.result()
        took_s = time.time() - samples.began_s
        names = stack_client.physical_names()
        log = LogReader(logs, stack.outputs[Output.LOG_GROUP]).read()
    samples.add_log(log, function=stack.outputs[Output.FUNCTION])
    reported = {"names": names, "metrics": samples.document(), "log": _log(log, samples.began_s)}
    return {"stack": stack.name, "seconds": round(took_s, 1), "began_s": samples.began_s, **reported}


def _warm_up(stack_client: StackClient) -> None:
    """Make the emulator start all concurrent instances of the function."""
    for n in range(WARM_UP_FILES):
        stack_client.drop(f"visits/{WARM_UP}{n}.csv", b"visitor,at,page\nno-one,1,/\n")
    stack_client.wait_until_quiet(START_S, quiet_s=QUIET_S)


def _poll(stack: LocalStack, proxy: LedgerProxy, samples: MetricSamples, over: threading.Event) -> None:
    """Sample the depths of both queues and the ledger's write units since the last sample, until `over` is set."""
    ledger, index = {"TableName": stack.outputs[Output.LEDGER_TABLE]}, {"GlobalSecondaryIndexName": LedgerKeys.INDEX}
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


def _drop_all(stack_client: StackClient, seconds: float, seed: int) -> None:
    began_s = time.monotonic()
    for drop in schedule(seconds, seed):
        time.sleep(max(0.0, began_s + drop.at_s - time.monotonic()))
        perform(drop, stack_client, seed)
    time.sleep(max(0.0, began_s + seconds - time.monotonic()))
    stack_client.send(RECONCILE_MESSAGE)  # a short run may end before the scheduled one


def _log(log: FunctionLog, began_s: float) -> dict[str, list[Any]]:
    """Return the log lines on ended files, and the memory of invocations."""
    closed = [line for line in log.entries if line.get("message") == CLOSED and f"/{WARM_UP}" not in line["file"]]
    memory = [
        {"at_s": round(one.ended_s - began_s, 3), "used_mb": one.used_mb, "size_mb": one.memory_mb}
        for one in log.invocations
    ]
    return {"closed": closed, "memory": memory}
