"""The parts of the deployed stack, for the command line.

The stack is found by its CloudFormation outputs, or by the environment variables of its function.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ingest.aws.clock import Clock
from ingest.aws.errors import aws_call, error_code
from ingest.aws.s3 import S3Listing
from ingest.cli import aws
from ingest.cli.aws import client, config, preparing
from ingest.cli.options import DEFAULT_FEEDS
from ingest.contract import Env, Output
from ingest.errors import SettingsFault
from ingest.feeds.feed import Feed, Feeds
from ingest.feeds.parse import read_feeds
from ingest.ledger.budget import TableBudgets
from ingest.ledger.queries import EndedFiles
from ingest.ledger.store import TableLedger
from ingest.ledger.table import KEEP_DAYS
from ingest.ledger.work_item import KeptFeed
from ingest.metrics.emf import Value
from ingest.metrics.events import EventBus
from ingest.queue.operating import DeadLetterQueue, EventSource
from ingest.queue.sqs import SqsQueue
from ingest.rejects.bucket import RejectReader
from ingest.rejects.reject import rejects_url
from ingest.worker.attempt import LoadSettings
from ingest.worker.ports import Log, Services

DEFAULT_NAME = "ingest"
_VARIABLES = {
    Output.LEDGER_TABLE: Env.LEDGER_TABLE,
    Output.QUEUE_URL: Env.QUEUE_URL,
    Output.LANDING_BUCKET: Env.LANDING_BUCKET,
    Output.REJECTS_BUCKET: Env.REJECTS_BUCKET,
}
_ALL_VARIABLES = {**_VARIABLES, Output.DEAD_LETTER_URL: Env.DEAD_LETTER_URL}  # only `redrive` needs the last one


class DeployedStack:
    """A deployed stack and its parts. CloudFormation is queried once, and only if a variable is missing.

    A stack named on the command line takes precedence over variables.
    """

    def __init__(self, option: str | None) -> None:
        self.name = option or os.environ.get(Env.STACK) or DEFAULT_NAME
        self._is_named = option is not None

    @property
    def landing_bucket(self) -> str:
        """The bucket that files are uploaded to."""
        return self._find(Output.LANDING_BUCKET)

    @property
    def rejects_bucket(self) -> str:
        """The bucket of rejected rows."""
        return self._find(Output.REJECTS_BUCKET)

    def output(self, name: str) -> str:
        """Return an output of the stack, by its name in `ingest.contract.Output`.

        Raises:
            SettingsFault: the stack does not exist, or does not have this output.
        """
        return self._find(name)

    @cached_property
    def ledger(self) -> TableLedger:
        """The ledger."""
        name = self._find(Output.LEDGER_TABLE)
        with preparing(f"preparing to look at the ledger {name}"):
            table = aws.session().resource("dynamodb", config=config()).Table(name)
        return TableLedger(table=table, clock=Clock(), keep_days=self._ledger_days)

    @cached_property
    def budgets(self) -> TableBudgets:
        """The ledger's write budgets, for commands that write to tables; the client has short time-outs."""
        from ingest.dynamodb.budget.holder import BUDGET_CONFIG

        name = self._find(Output.LEDGER_TABLE)
        with preparing(f"preparing to share write budgets by the ledger {name}"):
            table = aws.session().resource("dynamodb", config=BUDGET_CONFIG).Table(name)
        return TableLedger(table=table, clock=Clock()).budgets

    @cached_property
    def ended_files(self) -> EndedFiles:
        """The ledger's entries of files that have ended, for bulk reads."""
        return EndedFiles(self.ledger.table)

    @cached_property
    def queue(self) -> SqsQueue:
        """The queue, for sending only: the command line does not dead-letter messages."""
        url = self._find(Output.QUEUE_URL)
        return SqsQueue(client=client("sqs", "preparing to send messages"), url=url, dead_letter_url="")

    @cached_property
    def objects(self) -> S3Listing:
        """Lists the objects of buckets."""
        return S3Listing(client=client("s3", "preparing to list objects"))

    @cached_property
    def rejects(self) -> RejectReader:
        """Reads the rejects of all files."""
        return RejectReader(client=client("s3", "preparing to read rejects"), bucket=self.rejects_bucket)

    @cached_property
    def dead_letters(self) -> DeadLetterQueue:
        """The dead-letter queue."""
        url = self._find(Output.DEAD_LETTER_URL)
        return DeadLetterQueue(client=client("sqs", "preparing to look at dead letters"), url=url)

    @cached_property
    def event_source(self) -> EventSource:
        """The event source mapping: whether the function processes messages."""
        name = self._find(Output.FUNCTION)
        return EventSource(client=client("lambda", "preparing to look at the function"), function=name, clock=Clock())

    def _ledger_days(self) -> float:
        """Return how long entries are kept, in days, by the stack's setting; a stack deployed before this setting
        existed uses its default."""
        if not self._is_named and os.environ.get(Env.LEDGER_TABLE):
            return float(os.environ.get(Env.LEDGER_DAYS, KEEP_DAYS))
        return float(self._outputs.get(Output.LEDGER_DAYS, KEEP_DAYS))

    def _find(self, output: str) -> str:
        """Return the value of an output.

        Raises:
            SettingsFault: the stack does not exist, or does not have this output.
        """
        variable = "" if self._is_named else os.environ.get(_ALL_VARIABLES.get(output, ""), "")
        found = variable or self._outputs.get(output, "")
        if not found:
            raise SettingsFault(
                f"The CloudFormation stack {self.name!r} has no output {output}: it is not an ingest stack, or its "
                "deployment is not finished; name another one with --stack."
            )
        return found

    @cached_property
    def _outputs(self) -> dict[str, str]:
        what = f"looking for the CloudFormation stack {self.name}"
        cloudformation = client("cloudformation", what)
        with aws_call(what):
            try:
                answer = cloudformation.describe_stacks(StackName=self.name)
            except ClientError as error:
                if not _is_missing(error):
                    raise
                raise self._missing(cloudformation.meta.region_name) from None
        return {output["OutputKey"]: output["OutputValue"] for output in answer["Stacks"][0].get("Outputs", [])}

    def _missing(self, region: Any) -> SettingsFault:
        variables = ", ".join(_VARIABLES.values())
        return SettingsFault(
            f"The CloudFormation stack {self.name!r} does not exist in {region}; name it with --stack, choose account "
            f"and region, or set {variables}."
        )


def _is_missing(error: ClientError) -> bool:
    message = str(error.response.get("Error", {}).get("Message", ""))
    return error_code(error) == "ValidationError" and "not exist" in message


class NoMetrics:
    """A `MetricSink` that drops metrics, because no log is parsed for them here. Events are still sent."""

    def put(self, feed: str, values: Mapping[str, Value]) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class StackFeeds:
    """The feeds of a stack: those `deployed`, and all `known` ones, which ledger files may have; deployed first."""

    deployed: Feeds
    known: Feeds


def feeds_of(stack: DeployedStack, path: Path | None) -> StackFeeds:
    """Return the feeds in the file at `path`, or without a path those that the function keeps in the ledger.

    Before the function's first run there are none; then those of the local feeds.toml are used. If feeds.toml differs
    from the deployed feeds, a line on stderr says so.

    Raises:
        SettingsFault: the file is invalid, or the stack has another version than this program.
    """
    kept = {} if path else stack.ledger.queries.feeds()
    if not any(feed.is_deployed for feed in kept.values()):
        local = read_feeds(path or DEFAULT_FEEDS)
        return StackFeeds(local, local)
    deployed = {name: LoadSettings.read(feed.text).feed for name, feed in kept.items() if feed.is_deployed}
    _warn_of_other(deployed)
    removed = {name: feed for name, feed in map(_readable, kept.items()) if feed and name not in deployed}
    return StackFeeds(Feeds(deployed), Feeds(deployed | removed))


def _readable(item: tuple[str, KeptFeed]) -> tuple[str, Feed | None]:
    """Return a stored feed, perhaps an old one; None if this version cannot read it."""
    try:
        return item[0], LoadSettings.read(item[1].text).feed
    except SettingsFault:
        return item[0], None


def _warn_of_other(deployed: Mapping[str, Feed]) -> None:
    """Print on stderr which feeds of the local feeds.toml differ from the deployed ones."""
    try:
        local = read_feeds(DEFAULT_FEEDS).feeds if DEFAULT_FEEDS.exists() else deployed
    except SettingsFault:
        return  # it is being edited
    names = sorted(name for name in {*local, *deployed} if local.get(name) != deployed.get(name))
    if names:
        print(
            f"ingest: {DEFAULT_FEEDS} here differs from what is deployed ({', '.join(names)}); the deployed feeds are "
            f"used. --feeds {DEFAULT_FEEDS} uses the file.",
            file=sys.stderr,
        )


def services_of(stack: DeployedStack, clock: Clock, log: Log = lambda message, fields: None) -> Services:
    """Return the services of a deployed stack for an operator's command; log messages go to `log`."""
    bucket = stack.rejects_bucket
    return Services(
        ledger=stack.ledger,
        listing=stack.objects,
        queue=stack.queue,
        rejects_url=lambda file: rejects_url(bucket, file),
        metrics=NoMetrics(),
        events=EventBus(lambda: client("events", "preparing to send events"), stack=stack.name),
        clock=clock,
        log=log,
    )
