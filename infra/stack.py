"""IngestStack: creates the constructs, connects them and adds the outputs. No resource is defined here."""

from pathlib import Path

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from infra.access_logs import AccessLogs
from infra.buffer import Buffer
from infra.encryption import Encryption
from infra.landing import Landing, landing_bucket_name
from infra.monitoring.construct import Monitoring
from infra.settings import Settings
from infra.store import Store
from infra.worker import WorkerFunction
from ingest import contract
from ingest.feeds.feed import Feeds


class IngestStack(Stack):
    """The whole stack. `code` is the function's zip; `infra.bundle` builds it.

    Raises:
        SettingsFault: the feeds need more than AWS accepts.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings, feeds: Feeds, code: Path) -> None:
        super().__init__(scope, id, description="Loads CSV files from S3 into DynamoDB.")
        self.existing = settings.existing
        encryption = Encryption(self, "Encryption", settings=settings)
        bucket_name = landing_bucket_name(settings)
        self.buffer = Buffer(self, "Buffer", settings=settings, encryption=encryption, landing_bucket_name=bucket_name)
        self.landing = Landing(
            self, "Landing", settings=settings, feeds=feeds, buffer=self.buffer, encryption=encryption
        )
        self.store = Store(self, "Store", settings=settings, feeds=feeds, encryption=encryption)
        logged = {"landing": self.landing.bucket, "rejects": self.store.rejects}
        self.access_logs = AccessLogs(self, "AccessLogs", settings=settings, sources=logged)
        self.worker = WorkerFunction(
            self,
            "Worker",
            settings=settings,
            feeds=feeds,
            code=code,
            landing=self.landing,
            buffer=self.buffer,
            store=self.store,
            encryption=encryption,
        )
        self.monitoring = Monitoring(
            self,
            "Monitoring",
            settings=settings,
            feeds=feeds,
            buffer=self.buffer,
            store=self.store,
            worker=self.worker,
            key=encryption.key,
        )
        for name, value in self._outputs(settings).items():
            CfnOutput(self, name, value=value)

    def _outputs(self, settings: Settings) -> dict[str, str]:
        output = contract.Output
        return {
            output.LANDING_BUCKET: self.landing.bucket.bucket_name,
            output.REJECTS_BUCKET: self.store.rejects.bucket_name,
            output.QUEUE_URL: self.buffer.queue.queue_url,
            output.DEAD_LETTER_URL: self.buffer.dead_letters.queue_url,
            output.LEDGER_TABLE: self.store.ledger.table_name,
            output.LEDGER_DAYS: str(settings.ledger_days),
            output.FUNCTION: self.worker.function.function_name,
            output.LOG_GROUP: self.worker.log_group.log_group_name,
            output.ALARM_TOPIC: self.monitoring.topic.topic_arn,
            output.DASHBOARD: self.monitoring.dashboard.dashboard_name,
            **({contract.NOTIFY_COMMAND_OUTPUT: command} if (command := self.landing.notify_command) else {}),
        } | {contract.table_output(name): table.table_name for name, table in self.store.tables.items()}
