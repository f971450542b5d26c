"""The function, its event source mapping, its log group and its permissions."""

from pathlib import Path

from aws_cdk import Annotations, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra import network, policies
from infra.buffer import Buffer
from infra.encryption import Encryption
from infra.landing import Landing
from infra.settings import Settings
from infra.store import Store
from ingest import contract
from ingest.feeds.feed import Feeds

TOO_MANY = (
    "The function's role has {} managed policies; IAM attaches ten unless the account's quota `Managed policies per "
    "role` is raised, to twenty at most."
)


class WorkerFunction(Construct):
    """The function that loads files, with only the permissions that loading needs."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        feeds: Feeds,
        code: Path,
        landing: Landing,
        buffer: Buffer,
        store: Store,
        encryption: Encryption,
    ) -> None:
        super().__init__(scope, id)
        self._key = encryption.key
        self.log_group = self._log_group(settings)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        fixed = _grants(self.log_group, buffer, store)
        for statement in [*fixed, *encryption.grants(), *network.grants(self, settings.existing)]:
            self.role.add_to_policy(statement)
        granted = self._grant_feeds(feeds, landing, store)
        self.function = self._function(settings, code, _environment(settings, landing, buffer, store))
        self.function.node.add_dependency(*granted)
        network.attach(self.function, settings.existing)
        self._mapping(settings, buffer)

    def _grant_feeds(self, feeds: Feeds, landing: Landing, store: Store) -> list[iam.ManagedPolicy]:
        """Allow the role to load the feeds' files; return the managed policies created, none if the inline one fits."""
        portions = policies.portions(feeds.feeds.values())
        if policies.is_inline(portions):
            for statement in policies.grants(portions[0], landing, store):
                self.role.add_to_policy(statement)
            return []
        if len(portions) > policies.MOST_MANAGED:
            Annotations.of(self).add_warning_v2("ingest:policies", TOO_MANY.format(len(portions)))
        return [
            iam.ManagedPolicy(
                self,
                f"Feeds{number}",
                description="Objects and tables of some of the feeds.",
                roles=[self.role],
                statements=policies.grants(portion, landing, store),
            )
            for number, portion in enumerate(portions, start=1)
        ]

    def _log_group(self, settings: Settings) -> logs.LogGroup:
        removal = RemovalPolicy.RETAIN if settings.keep_data else RemovalPolicy.DESTROY
        log_group = logs.LogGroup(self, "Log", removal_policy=removal, encryption_key=self._key)
        resource = log_group.node.default_child
        assert isinstance(resource, logs.CfnLogGroup)
        resource.retention_in_days = settings.log_retention_days
        return log_group

    def _function(self, settings: Settings, code: Path, environment: dict[str, str]) -> lambda_.Function:
        return lambda_.Function(
            self,
            "Function",
            description="Loads CSV files from S3 into DynamoDB.",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler=contract.HANDLER,
            code=lambda_.Code.from_asset(str(code)),
            timeout=Duration.seconds(settings.timeout_s),
            memory_size=settings.memory_mb,
            environment=environment,
            environment_encryption=self._key,
            role=self.role,
            log_group=self.log_group,
            # Segment and continuation messages go to the queue that invokes the function: Lambda would detect a loop
            # and stop a long file after about 16 hops. Our own hop and progress guard replaces that.
            recursive_loop=lambda_.RecursiveLoop.ALLOW,
        )

    def _mapping(self, settings: Settings, buffer: Buffer) -> None:
        """Add the event source mapping; `add_event_source` would grant more on the queue than `_grants` does."""
        lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=self.function,
            event_source_arn=buffer.queue.queue_arn,
            batch_size=settings.batch_size,
            max_batching_window=Duration.seconds(settings.batching_window_s),
            max_concurrency=settings.max_concurrency,
            report_batch_item_failures=True,
        )


def _environment(settings: Settings, landing: Landing, buffer: Buffer, store: Store) -> dict[str, str]:
    env = contract.Env
    return {
        env.QUEUE_URL: buffer.queue.queue_url,
        env.DEAD_LETTER_URL: buffer.dead_letters.queue_url,
        env.LEDGER_TABLE: store.ledger.table_name,
        env.REJECTS_BUCKET: store.rejects.bucket_name,
        env.RETRY_BASE_S: str(settings.retry_base_s),
        env.RETRY_CAP_S: str(settings.retry_cap_s),
        env.LEASE_S: str(settings.lease_s),
        env.CHECKPOINT_S: str(settings.checkpoint_s),
        env.STOP_BEFORE_END_S: str(settings.stop_before_end_s),
        env.SEGMENT_BYTES: str(settings.segment_mb * 1024 * 1024),
        env.STUCK_S: str(settings.stuck_s),
        env.MAX_RECEIVE_COUNT: str(settings.max_receive_count),
        env.LEDGER_DAYS: str(settings.ledger_days),
        env.LANDING_BUCKET: landing.bucket.bucket_name,
        env.STACK: settings.name,
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


def _grants(log_group: logs.LogGroup, buffer: Buffer, store: Store) -> list[iam.PolicyStatement]:
    """Return the grants that do not depend on the feeds; `infra.policies` has the others."""
    return [
        _allow(["logs:CreateLogStream", "logs:PutLogEvents"], [log_group.log_group_arn]),
        _allow(["s3:PutObject"], [store.rejects.arn_for_objects("*")]),
        _allow([f"dynamodb:{operation}" for operation in contract.LEDGER_OPERATIONS], [store.ledger.table_arn]),
        _allow(["dynamodb:Query"], [f"{store.ledger.table_arn}/index/{contract.LedgerKeys.INDEX}"]),
        _delete_budget_entries(store),
        _report_events(store),
        _allow(CONSUME, [buffer.queue.queue_arn]),
        # Segment and continuation messages.
        _allow(["sqs:SendMessage"], [buffer.queue.queue_arn]),
        # The function dead-letters unknown messages itself, with the reason.
        _allow(["sqs:SendMessage"], [buffer.dead_letters.queue_arn]),
    ]


CONSUME = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]


def _delete_budget_entries(store: Store) -> iam.PolicyStatement:
    """Return the grant to delete budget entries; nothing else in the ledger is ever deleted."""
    statement = _allow([f"dynamodb:{operation}" for operation in contract.BUDGET_OPERATIONS], [store.ledger.table_arn])
    keys = [f"{contract.LedgerKeys.BUDGET_PREFIX}*"]
    statement.add_condition("ForAllValues:StringLike", {"dynamodb:LeadingKeys": keys})
    return statement


def _report_events(store: Store) -> iam.PolicyStatement:
    """Return the grant to send events, only with our own source: other users of the bus may rely on that."""
    bus = Stack.of(store).format_arn(service="events", resource="event-bus", resource_name="default")
    statement = _allow(["events:PutEvents"], [bus])
    statement.add_condition("StringEquals", {"events:source": contract.Event.SOURCE})
    return statement


def _allow(actions: list[str], resources: list[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=actions, resources=resources)
