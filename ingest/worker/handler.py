"""The Lambda function's entry point: builds the services once per container and handles each batch of messages."""

import os
import re
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

import boto3
from botocore.config import Config

from ingest.aws.clock import Clock
from ingest.aws.s3 import S3Listing, S3Objects
from ingest.contract import FEEDS_FILE, Env
from ingest.dynamodb.budget.holder import BUDGET_CONFIG, WriteBudgets
from ingest.dynamodb.http.client import table_exchange
from ingest.dynamodb.updates import TableUpdates
from ingest.dynamodb.writers import WriterFactory
from ingest.errors import SettingsFault
from ingest.feeds.parse import read_feeds
from ingest.ledger.budget import TableBudgets
from ingest.ledger.store import TableLedger
from ingest.metrics.emf import Metrics
from ingest.metrics.events import EventBus
from ingest.queue.sqs import SqsQueue
from ingest.rejects.bucket import RejectParts
from ingest.rejects.reject import rejects_url
from ingest.worker.batch import BatchHandler, Reply, logger
from ingest.worker.dispatch import build_dispatcher
from ingest.worker.lease import Timing
from ingest.worker.ports import WorkerServices

# botocore 1.44 defaults to four attempts for DynamoDB and to 500 retry tokens shared per client, so the limits are set
# here. Building the user agent and validating parameters per request would take 1/8 of the CPU time of a small file.
CLIENT_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 8},
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=16,
    user_agent="csv-ingest",
    parameter_validation=False,
)


class Context(Protocol):
    """The part of Lambda's context that is used."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda stops the function."""


def build(environment: Mapping[str, str], root: Path) -> BatchHandler:
    """Return the batch handler, built from the environment variables and the feeds file in `root`.

    Raises:
        SettingsFault: a variable is missing or wrong, or the feeds file is wrong.
    """
    feeds = read_feeds(root / FEEDS_FILE)
    session, clock, timing = boto3.Session(), Clock(), _timing(environment)
    budgets = WriteBudgets(feeds.tables, partial(_budget_store, session, environment, clock))
    queue = SqsQueue(
        client=session.client("sqs", config=CLIENT_CONFIG),
        url=_text(environment, Env.QUEUE_URL),
        dead_letter_url=_text(environment, Env.DEAD_LETTER_URL),
    )
    dispatcher = build_dispatcher(
        feeds,
        _services(session, environment, queue, clock, budgets),
        timing=timing,
        segment_bytes=round(_number(environment, Env.SEGMENT_BYTES)),
        bucket=_text(environment, Env.LANDING_BUCKET),
        stuck_s=_number(environment, Env.STUCK_S),
        max_receive_count=round(_number(environment, Env.MAX_RECEIVE_COUNT)),
    )
    return BatchHandler(
        dispatcher=dispatcher,
        queue=queue,
        clock=clock,
        timing=timing,
        retry_base_s=_number(environment, Env.RETRY_BASE_S),
        retry_cap_s=_number(environment, Env.RETRY_CAP_S),
        at_end=budgets.end,
    )


def _budget_store(session: boto3.Session, environment: Mapping[str, str], clock: Clock) -> TableBudgets:
    """Return the ledger's budgets with a client of their own, which has short timeouts and does not retry."""
    table = session.resource("dynamodb", config=BUDGET_CONFIG).Table(_text(environment, Env.LEDGER_TABLE))
    return TableLedger(table=table, clock=clock).budgets


def _services(
    session: boto3.Session, environment: Mapping[str, str], queue: SqsQueue, clock: Clock, budgets: WriteBudgets
) -> WorkerServices:
    dynamodb = session.resource("dynamodb", config=CLIENT_CONFIG)
    s3 = session.client("s3", config=CLIENT_CONFIG)
    tables = WriterFactory(session, CLIENT_CONFIG, dynamodb=dynamodb.meta.client, warn=logger.warning, budgets=budgets)
    keep_days = _number(environment, Env.LEDGER_DAYS)
    ledger = dynamodb.Table(_text(environment, Env.LEDGER_TABLE))
    connect = partial(table_exchange, session, dynamodb.meta.client, ledger.name)
    rejects_bucket, stack = _text(environment, Env.REJECTS_BUCKET), _text(environment, Env.STACK)
    return WorkerServices(
        ledger=TableLedger(
            table=ledger,
            clock=clock,
            keep_days=lambda: keep_days,
            update_item=TableUpdates(ledger, connect).update_item,
        ),
        objects=S3Objects(client=s3, clock=clock),
        listing=S3Listing(client=s3),
        queue=queue,
        writer_for=tables.writer_for,
        check_table=tables.check_table,
        rejects_for=lambda file: RejectParts(client=s3, bucket=rejects_bucket, file=file),
        rejects_url=lambda file: rejects_url(rejects_bucket, file),
        dead_letters=queue,
        metrics=Metrics(stack=stack),
        events=EventBus(lambda: session.client("events", config=CLIENT_CONFIG), stack=stack),
        clock=clock,
        log=lambda message, fields: logger.info(message, extra=fields),
    )


def handle(event: dict[str, Any], context: Context) -> Reply:
    """Handle one batch: the entry point that Lambda calls. Return the ids of the messages that must come back."""
    return _batch_handler().answer(event, context.get_remaining_time_in_millis() / 1000)


@cache
def _batch_handler() -> BatchHandler:
    return build(os.environ, Path(__file__).resolve().parents[2])


def _text(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingsFault(f"The environment variable {name} is not set; the stack sets it.")
    return value


def _number(environment: Mapping[str, str], name: str) -> float:
    text = _text(environment, name)
    if not re.fullmatch(r"\d{1,12}(\.\d+)?", text, re.ASCII):
        raise SettingsFault(f"The environment variable {name} = {text!r} is wrong: accepted is a number.")
    return float(text)


def _timing(environment: Mapping[str, str]) -> Timing:
    return Timing(
        lease_s=_number(environment, Env.LEASE_S),
        checkpoint_s=_number(environment, Env.CHECKPOINT_S),
        stop_before_end_s=_number(environment, Env.STOP_BEFORE_END_S),
    )
