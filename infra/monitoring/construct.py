"""The monitoring of a stack: the alarms, the topic that they notify, and the dashboard."""

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.buffer import Buffer
from infra.monitoring.alarms import make_alarms, watches
from infra.monitoring.dashboard import make_dashboard
from infra.monitoring.sources import Sources
from infra.settings import Settings
from infra.store import Store
from infra.worker import WorkerFunction
from ingest.feeds.feed import Feeds

ALARMS = iam.ServicePrincipal("cloudwatch.amazonaws.com")


class Monitoring(Construct):
    """The alarms, the topic they notify, and the dashboard."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        feeds: Feeds,
        buffer: Buffer,
        store: Store,
        worker: WorkerFunction,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, id)
        sources = Sources(
            settings=settings,
            feeds=feeds,
            queue=buffer.queue,
            dead_letters=buffer.dead_letters,
            function=worker.function,
            log_group=worker.log_group,
            tables=store.tables,
            ledger=store.ledger,
        )
        self.topic = AlarmTopic(self, "Alarms", mail=settings.alarms.mail, key=key).topic
        alarms = make_alarms(self, watches(sources), stack_name=settings.name, topic=self.topic)
        self.dashboard = make_dashboard(self, "Dashboard", sources, alarms)


class AlarmTopic(Construct):
    """A topic encrypted with the customer's key, or with a key created for it.

    The AWS managed key for SNS is free, but its policy cannot be changed and does not allow CloudWatch: alarms would
    change state without notifying anyone. A key of our own costs a dollar a month and can allow CloudWatch; the
    customer sets the policy of a customer's key (docs/deploy.md).
    """

    def __init__(self, scope: Construct, id: str, *, mail: str | None, key: kms.IKey | None = None) -> None:
        super().__init__(scope, id)
        self.topic = sns.Topic(self, "Topic", master_key=key or self._key(), enforce_ssl=True)
        # Without a policy a topic accepts messages from its account; `enforce_ssl` adds one, which must name senders.
        self.topic.add_to_resource_policy(self._may(["sns:Publish"], self.topic.topic_arn))
        if mail:
            self.topic.add_subscription(subscriptions.EmailSubscription(mail))

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            description="Encrypts alarm notifications.",
            enable_key_rotation=True,
            # It encrypts no stored data, so it may be deleted with the stack.
            removal_policy=RemovalPolicy.DESTROY,
            pending_window=Duration.days(7),
        )
        key.add_to_resource_policy(
            self._may(["kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"], "*")
        )
        return key

    def _may(self, actions: list[str], resource: str) -> iam.PolicyStatement:
        """Return a statement that allows actions only for the alarms of this account."""
        stack = Stack.of(self)
        alarms = stack.format_arn(service="cloudwatch", resource="alarm:*")
        return iam.PolicyStatement(
            principals=[ALARMS],
            actions=actions,
            resources=[resource],
            conditions={"ArnLike": {"aws:SourceArn": alarms}, "StringEquals": {"aws:SourceAccount": stack.account}},
        )
