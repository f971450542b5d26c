"""The queue between S3 and the function, and its dead-letter queue."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import Duration, Fn, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.encryption import Encryption
from infra.names import queue_name
from infra.settings import Settings
from ingest import contract

# Enough for a long weekend with a broken function. A message keeps its age when it moves to the dead-letter queue, so
# this must be well below the 14 days there, which leaves a week to examine it.
QUEUE_DAYS = 7
DEAD_LETTER_DAYS = 14  # the SQS maximum


class Buffer(Construct):
    """A standard queue that S3 may send to, its dead-letter queue, and the queue's policy."""

    def __init__(
        self, scope: Construct, id: str, *, settings: Settings, encryption: Encryption, landing_bucket_name: str
    ) -> None:
        super().__init__(scope, id)
        self._encryption = encryption
        # The two queues name each other (redrive, and permission to redrive); CloudFormation allows that only if one
        # of the two names is known beforehand.
        name = queue_name()
        self.dead_letters = self._dead_letters(name)
        self.queue = self._queue(name, settings)
        self.policy = self._policy()
        if not settings.existing.notifies_by_rule:
            self.policy.document.add_statements(self._s3_may_send(landing_bucket_name))
        self._reconcile(settings)

    def _dead_letters(self, source_name: str) -> sqs.Queue:
        source_arn = Stack.of(self).format_arn(service="sqs", resource=source_name)
        dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=self._encryption.queue,
            encryption_master_key=self._encryption.key,
            enforce_ssl=True,
            retention_period=Duration.days(DEAD_LETTER_DAYS),
        )
        allow = {"redrivePermission": "byQueue", "sourceQueueArns": [source_arn]}
        _resource(dead_letters).add_property_override("RedriveAllowPolicy", allow)
        return dead_letters

    def _queue(self, name: str, settings: Settings) -> sqs.Queue:
        return sqs.Queue(
            self,
            "Queue",
            queue_name=name,
            encryption=self._encryption.queue,
            encryption_master_key=self._encryption.key,
            retention_period=Duration.days(QUEUE_DAYS),
            visibility_timeout=Duration.seconds(settings.visibility_s),
            dead_letter_queue=sqs.DeadLetterQueue(
                max_receive_count=settings.max_receive_count, queue=self.dead_letters
            ),
        )

    def rules_may_send(self, rules: Sequence[events.CfnRule]) -> None:
        """Allow only these EventBridge rules to send messages to the queue.

        All rules are in one statement, as SQS accepts ten conditions in a policy. `aws:SourceAccount` is not added: the
        rules' ARNs have the account, and EventBridge is not documented to send that key to every target.
        """
        statement = iam.PolicyStatement(
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[self.queue.queue_arn],
            conditions={"ArnEquals": {"aws:SourceArn": [rule.attr_arn for rule in rules]}},
        )
        self.policy.document.add_statements(statement)

    def _policy(self) -> sqs.QueuePolicy:
        """Return one policy for all statements: a second policy on the same queue would overwrite it."""
        policy = sqs.QueuePolicy(self, "Policy", queues=[self.queue])
        policy.document.add_statements(self._only_tls())
        return policy

    def _reconcile(self, settings: Settings) -> None:
        """Send a message that requests a reconciliation, on a schedule.

        An L1 rule: the target of an L2 rule adds its own queue policy, and the last policy written wins.
        """
        rule = events.CfnRule(
            self,
            "Reconcile",
            description="Reconciliation: requeue stuck files and objects whose notification was lost.",
            schedule_expression=_every(settings.reconcile_minutes),
            targets=[
                events.CfnRule.TargetProperty(id="Queue", arn=self.queue.queue_arn, input=contract.RECONCILE_MESSAGE)
            ],
        )
        self.rules_may_send([rule])

    def _only_tls(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["sqs:*"],
            resources=[self.queue.queue_arn],
            conditions={"Bool": {"aws:SecureTransport": "false"}},
        )

    def _s3_may_send(self, landing_bucket_name: str) -> iam.PolicyStatement:
        """Limit by account and bucket: a bucket's ARN has no account, and its name can be reused."""
        stack = Stack.of(self)
        bucket_arn = Fn.join("", ["arn:", stack.partition, ":s3:::", landing_bucket_name])
        conditions: dict[str, Any] = {
            "ArnLike": {"aws:SourceArn": bucket_arn},
            "StringEquals": {"aws:SourceAccount": stack.account},
        }
        return iam.PolicyStatement(
            principals=[iam.ServicePrincipal("s3.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[self.queue.queue_arn],
            conditions=conditions,
        )


def _every(minutes: int) -> str:
    """Return a schedule expression.

    >>> _every(1), _every(15)
    ('rate(1 minute)', 'rate(15 minutes)')
    """
    return f"rate({minutes} minute{'s' if minutes > 1 else ''})"


def _resource(queue: sqs.Queue) -> sqs.CfnQueue:
    resource = queue.node.default_child
    assert isinstance(resource, sqs.CfnQueue)
    return resource
