"""Where the deployed stack is: by its CloudFormation outputs, or by the variables its function has."""

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from ingest.aws.clock import Clock
from ingest.aws.errors import aws_call, error_code
from ingest.aws.s3_listing import S3Listing
from ingest.cli.aws import client, config, preparing, session
from ingest.contract import Env, Output
from ingest.errors import SettingsFault
from ingest.ledger.queries import EndedFiles
from ingest.ledger.store import TableLedger
from ingest.metrics.emf import Value
from ingest.metrics.events import EventBus
from ingest.queue.dead_letters import DeadLetterQueue
from ingest.queue.event_source import EventSource
from ingest.queue.sqs import SqsQueue
from ingest.rejects.reject_reader import RejectReader
from ingest.rejects.reject_writer import rejects_url
from ingest.worker.ports import Log, Services

DEFAULT_NAME = "ingest"
_VARIABLES = {
    Output.LEDGER_TABLE: Env.LEDGER_TABLE,
    Output.QUEUE_URL: Env.QUEUE_URL,
    Output.LANDING_BUCKET: Env.LANDING_BUCKET,
    Output.REJECTS_BUCKET: Env.REJECTS_BUCKET,
}
_ALL_VARIABLES = {**_VARIABLES, Output.DEAD_LETTER_URL: Env.DEAD_LETTER_URL}  # of which only `redrive` needs the last


class DeployedStack:
    """A deployed stack and its parts. CloudFormation is asked once, and only if a variable is missing.

    A stack that is named on the command line is the one that is meant, whatever variables are set.
    """

    def __init__(self, option: str | None) -> None:
        self.name = option or os.environ.get(Env.STACK) or DEFAULT_NAME
        self._is_named = option is not None

    @property
    def landing_bucket(self) -> str:
        """The bucket files are dropped in."""
        return self._find(Output.LANDING_BUCKET)

    @property
    def rejects_bucket(self) -> str:
        """The bucket of rejected rows."""
        return self._find(Output.REJECTS_BUCKET)

    def output(self, name: str) -> str:
        """Return an output of the stack, by its name in `ingest.contract.Output`.

        Raises:
            SettingsFault: there is no such stack, or it has no such output.
        """
        return self._find(name)

    @cached_property
    def ledger(self) -> TableLedger:
        """The ledger."""
        name = self._find(Output.LEDGER_TABLE)
        with preparing(f"preparing to look at the ledger {name}"):
            table = session().resource("dynamodb", config=config()).Table(name)
        return TableLedger(table=table, clock=Clock())

    @cached_property
    def ended_files(self) -> EndedFiles:
        """The files that have ended, by the ledger, in large numbers."""
        return EndedFiles(self.ledger.table)

    @cached_property
    def queue(self) -> SqsQueue:
        """The queue, to send to: nothing is dead-lettered from the command line."""
        url = self._find(Output.QUEUE_URL)
        return SqsQueue(client=client("sqs", "preparing to send messages"), url=url, dead_letter_url="")

    @cached_property
    def objects(self) -> S3Listing:
        """What lies in buckets."""
        return S3Listing(client=client("s3", "preparing to list objects"))

    @cached_property
    def rejects(self) -> RejectReader:
        """The rejects of all files."""
        return RejectReader(client=client("s3", "preparing to read rejects"), bucket=self.rejects_bucket)

    @cached_property
    def dead_letters(self) -> DeadLetterQueue:
        """The dead-letter queue."""
        url = self._find(Output.DEAD_LETTER_URL)
        return DeadLetterQueue(client=client("sqs", "preparing to look at dead letters"), url=url)

    @cached_property
    def event_source(self) -> EventSource:
        """Whether the function takes messages."""
        name = self._find(Output.FUNCTION)
        return EventSource(client=client("lambda", "preparing to look at the function"), function=name, clock=Clock())

    def _find(self, output: str) -> str:
        """Return what an output says.

        Raises:
            SettingsFault: there is no such stack, or it has no such output.
        """
        reported = "" if self._is_named else os.environ.get(_ALL_VARIABLES.get(output, ""), "")
        found = reported or self._outputs.get(output, "")
        if not found:
            raise SettingsFault(
                f"The CloudFormation stack {self.name!r} has no output {output}: it is no stack of ours, or its "
                "deployment is not finished; name another with --stack."
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
            f"There is no CloudFormation stack {self.name!r} in {region}; name it with --stack, choose account and "
            f"region, or set {variables}."
        )


def _is_missing(error: ClientError) -> bool:
    message = str(error.response.get("Error", {}).get("Message", ""))
    return error_code(error) == "ValidationError" and "not exist" in message


class NoMetrics:
    """A `MetricSink` for where no metrics are taken from the log. The event that a file ended is sent all the same."""

    def put(self, feed: str, values: Mapping[str, Value]) -> None:
        """Take nothing."""


def services_of(stack: DeployedStack, clock: Clock, log: Log = lambda message, fields: None) -> Services:
    """Return the services of a deployed stack for an operator's command; what would be logged goes to `log`."""
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
