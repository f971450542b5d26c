"""The whole load path with real edges: S3, rejects and ledger in the emulator, the feed's table in the simulator."""

import gc
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.config import Config

from infra.local import ministack
from ingest.aws.clock import Clock
from ingest.aws.s3 import S3Listing, S3Objects
from ingest.contract import LedgerKeys
from ingest.dynamodb.http.client import Exchange, Signer
from ingest.dynamodb.http.connection import find_endpoint
from ingest.dynamodb.request_loop import RequestLoop
from ingest.dynamodb.single_requests import SingleRequest, WriteRules
from ingest.dynamodb.single_writer import SINGLE_LIMITER, SingleWriter
from ingest.dynamodb.writer import BatchWriter
from ingest.errors import ServiceFault
from ingest.feeds.feed import Feeds
from ingest.ledger.store import TableLedger
from ingest.reading.blocks import BLOCK_BYTES
from ingest.rejects.bucket import RejectParts, rejects_url
from ingest.worker.dispatch import Dispatcher, Message, build_dispatcher
from ingest.worker.handler import CLIENT_CONFIG
from ingest.worker.lease import Timing
from ingest.worker.ports import WorkerServices
from loadtest.simulator import Key, Settings, Simulator, Table
from tests.faults.chaos import Chaos, chaos, free_port
from tests.faults.files import FEED, File, as_read, make_file
from tests.support.fakes import RecordingDeadLetters, RecordingEvents, RecordingMetrics, RecordingQueue

RANGE_BYTES = 5 * 1024 * 1024
LANDING, REJECTS, LEDGER = "landing", "rejects", "ledger"
TABLES = {"Orders": Table(Key("customer_id"), Key("order_no", "N"))}
CONFIG = CLIENT_CONFIG.merge(Config(read_timeout=1, proxies={}))
NUMBERS = count()
Entry = dict[str, Any]


@pytest.fixture(scope="session")
def file() -> File:
    """Two blocks and two ranges: a key's rows stand in the same block and in others."""
    made = make_file(rows=4000, longest_note=4000)
    assert BLOCK_BYTES < RANGE_BYTES < len(made.data) < 2 * BLOCK_BYTES
    assert len(made.bad) > 30
    assert len(made.known_outcome) < 0.6 * len(made.rows)
    return made


@pytest.fixture(scope="session")
def small_file() -> File:
    """As many rows in one block, for where a proxy stands in the way of each."""
    return make_file(rows=4000, longest_note=40)


@pytest.fixture(scope="session")
def emulator() -> Iterator[str]:
    """The emulator's URL, with buckets and a ledger."""
    with ministack.running() as running:
        patient = CONFIG.merge(Config(read_timeout=60))  # a table that is asked for twice is there the second time
        s3, dynamodb = (client(session(), name, running.endpoint_url, patient) for name in ("s3", "dynamodb"))
        with closing(s3), closing(dynamodb):
            s3.create_bucket(Bucket=LANDING)
            s3.create_bucket(Bucket=REJECTS)
            keys = [(LedgerKeys.PARTITION_KEY, "HASH"), (LedgerKeys.SORT_KEY, "RANGE")]
            dynamodb.create_table(
                TableName=LEDGER,
                KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
                BillingMode="PAY_PER_REQUEST",
            )
        yield running.endpoint_url


@pytest.fixture(scope="session")
def _storage_chaos(emulator: str) -> Iterator[Chaos]:
    with chaos(emulator) as proxy:
        yield proxy


@pytest.fixture
def storage(_storage_chaos: Chaos) -> Iterator[Chaos]:
    """A microburst in front of S3 and the ledger."""
    yield _storage_chaos
    _storage_chaos.forget()


@dataclass
class Way:
    """A microburst, and the port at which it expects a simulator."""

    proxy: Chaos
    port: int


@pytest.fixture(scope="session")
def _way() -> Iterator[Way]:
    port = free_port()
    with chaos(f"http://127.0.0.1:{port}") as proxy:
        yield Way(proxy, port)


@pytest.fixture
def way(_way: Way) -> Iterator[Way]:
    """A microburst in front of the feed's table: `simulator(port=way.port)` is behind it."""
    yield _way
    _way.proxy.forget()


def session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="k", aws_secret_access_key="s", region_name="us-east-1")


def client(session: boto3.Session, service: Any, url: str, config: Config = CONFIG) -> Any:
    return session.client(service, endpoint_url=url, config=config)


@dataclass
class Outcome:
    """What is left of a load: the ledger's record, the rejects, and what each delivery raised."""

    record: Entry
    rejects: list[dict[str, Any]]
    raised: list[ServiceFault]


def counts(record: Entry) -> tuple[int, ...]:
    """Return rows read, written, rejected, superseded."""
    return tuple(int(record[f"rows_{what}"]) for what in ("read", "written", "rejected", "superseded"))


class Place:
    """Loads files from the emulator into a simulator, each endpoint perhaps behind a proxy."""

    def __init__(self, emulator: str) -> None:
        self._emulator = emulator
        self.storage_url = emulator
        self.session = session()
        self.queue = RecordingQueue()
        self.feed = FEED
        self.answer_timeout_s = 5.0
        self.patience_s = 20.0
        self.chance: Callable[[], float] = lambda: 0.02  # short pauses, for the tests' sake

    def load(
        self,
        file: File,
        table_url: str,
        *,
        deliveries: int = 1,
        between: Callable[[Entry], None] = lambda record: None,
    ) -> Outcome:
        """Drop a file and deliver its message until it is done with, at most so often."""
        key, raised = f"orders/{next(NUMBERS)}.csv", []
        with self._sessions(table_url) as (dispatcher, plain):
            etag = plain.put_object(Bucket=LANDING, Key=key, Body=file.data)["ETag"].strip('"')
            body = _notification(key, etag, len(file.data))
            for delivery in range(1, deliveries + 1):
                try:
                    dispatcher.dispatch(Message(key, body, delivery, time.time() + 120))
                except ServiceFault as fault:
                    raised.append(fault)
                else:
                    if not self.queue.sent:
                        break
                    self.queue.sent.clear()  # it was handed over: the next delivery is that of the new message
                between(self._record(key))
            return Outcome(self._record(key), _rejects(plain, key), raised)

    @contextmanager
    def _sessions(self, table_url: str) -> Iterator[tuple[Dispatcher, Any]]:
        """Give a dispatcher whose clients are closed afterwards, and an S3 client that meets no faults."""
        with ExitStack() as stack:
            plain = stack.enter_context(closing(client(session(), "s3", self._emulator)))
            s3 = stack.enter_context(closing(client(self.session, "s3", self.storage_url)))
            dynamodb = stack.enter_context(closing(client(self.session, "dynamodb", table_url)))
            ledger = self.session.resource("dynamodb", endpoint_url=self.storage_url, config=CONFIG)
            stack.callback(ledger.meta.client.close)
            writer = self._writer(dynamodb)
            stack.callback(writer.close)
            services = WorkerServices(
                objects=S3Objects(client=s3, clock=Clock(), range_bytes=RANGE_BYTES),
                listing=S3Listing(client=s3),
                ledger=TableLedger(table=ledger.Table(LEDGER), clock=Clock()),
                queue=self.queue,
                writer_for=lambda feed: writer,
                check_table=lambda feed, mapping: None,
                rejects_for=lambda version: RejectParts(client=s3, bucket=REJECTS, file=version),
                rejects_url=lambda version: rejects_url(REJECTS, version),
                dead_letters=RecordingDeadLetters(),
                metrics=RecordingMetrics(),
                events=RecordingEvents(),
                clock=Clock(),
                log=lambda message, fields: None,
            )
            segment_bytes = 64 * 1024 * 1024
            feeds, timing = Feeds({"orders": self.feed}), Timing()
            dispatcher = build_dispatcher(
                feeds, services, timing=timing, segment_bytes=segment_bytes, bucket=LANDING, stuck_s=3600
            )
            yield dispatcher, plain

    def _writer(self, dynamodb: Any) -> BatchWriter | SingleWriter:
        credentials = self.session.get_credentials()
        assert credentials

        def connect() -> Exchange[Any]:
            endpoint = find_endpoint(dynamodb, FEED.table)
            signer = Signer(endpoint, credentials=credentials.get_frozen_credentials)
            return Exchange(endpoint, signer.request, answer_timeout_s=self.answer_timeout_s)

        patience: dict[str, Any] = {"patience_s": self.patience_s, "chance": self.chance}
        if not self.feed.is_conditional:
            return BatchWriter(RequestLoop(FEED.table, connect, **patience))
        loop = RequestLoop[SingleRequest](FEED.table, connect, limiter=SINGLE_LIMITER, **patience)
        return SingleWriter(loop, WriteRules.of(self.feed), clock_s=time.time)

    def _record(self, key: str) -> Entry:
        resource = session().resource("dynamodb", endpoint_url=self._emulator)
        with closing(resource.meta.client):
            found = resource.Table(LEDGER).scan(ConsistentRead=True)["Items"]
        (record,) = [
            item
            for item in found
            if item[LedgerKeys.PARTITION_KEY] == f"{LANDING}/{key}"
            and item[LedgerKeys.SORT_KEY].startswith(LedgerKeys.FILE_PREFIX)
        ]
        return dict(record)


@pytest.fixture
def place(emulator: str) -> Place:
    return Place(emulator)


@contextmanager
def simulator(**settings: Any) -> Iterator[Simulator]:
    """Give a simulator of the feed's table that knows if an older row ever overwrote a newer one."""
    with Simulator(Settings(**{"tables": TABLES, "keeps_items": True, "sequence": "seq", **settings})) as running:
        yield running
    gc.collect()


@contextmanager
def once(is_so: Callable[[], bool], act: Callable[[], None]) -> Iterator[None]:
    """Act in the middle of the block, as soon as something is so."""
    is_over = threading.Event()
    acted: list[bool] = []

    def watch() -> None:
        while not (is_over.wait(0.001) or acted):
            if is_so():
                act()
                acted.append(True)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
    assert acted, "it never came to that"


def assert_landed(outcome: Outcome, file: File, running: Simulator) -> None:
    """The table is what the file says, row counts reconcile and are right, and rejects name exactly the bad rows."""
    held = {
        (item["customer_id"], item["order_no"]): item for item in map(as_read, running.written_items.items(FEED.table))
    }
    assert held.keys() == file.known_outcome.keys()
    assert held == file.known_outcome
    if not outcome.raised:  # a second delivery begins with the file's first row again
        assert running.written_items.out_of_order == 0
    good = len(file.rows) - len(file.bad)
    row_counts = (len(file.rows), len(file.known_outcome), len(file.bad), good - len(file.known_outcome))
    assert (outcome.record["status"], counts(outcome.record)) == ("COMPLETE", row_counts)
    assert [reject["raw"].split(",")[3] for reject in outcome.rejects] == list(map(str, file.bad))


def _notification(key: str, etag: str, size: int) -> str:
    thing = {"key": key, "size": size, "eTag": etag, "sequencer": "01"}
    record = {
        "eventVersion": "2.6",
        "eventSource": "aws:s3",
        "eventTime": "2026-11-22T10:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": LANDING}, "object": thing},
    }
    return json.dumps({"Records": [record]})


def _rejects(s3: Any, key: str) -> list[dict[str, Any]]:
    found = s3.list_objects_v2(Bucket=REJECTS, Prefix=f"{key}/").get("Contents", [])
    parts = [thing["Key"] for thing in found if thing["Key"].endswith(".jsonl")]
    bodies = [s3.get_object(Bucket=REJECTS, Key=part)["Body"].read() for part in sorted(parts)]
    return [json.loads(line) for body in bodies for line in body.splitlines()]
