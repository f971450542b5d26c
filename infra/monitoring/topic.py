"""Where alarms go: an encrypted topic that only this account's alarms may write to, and mails if an address is set."""

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

ALARMS = iam.ServicePrincipal("cloudwatch.amazonaws.com")


class AlarmTopic(Construct):
    """A topic under the customer's key, or one of its own.

    The key AWS keeps for SNS costs nothing, but its policy cannot be changed and does not let CloudWatch in: alarms
    would change their state and tell nobody. A key of our own is a dollar a month, and may name CloudWatch; what the
    customer's key allows is the customer's to say (docs/deploy.md).
    """

    def __init__(self, scope: Construct, id: str, *, mail: str | None, key: kms.IKey | None = None) -> None:
        super().__init__(scope, id)
        self.topic = sns.Topic(self, "Topic", master_key=key or self._key(), enforce_ssl=True)
        # A topic without a policy of its own takes what its account sends; `enforce_ssl` brings one, so that names who.
        self.topic.add_to_resource_policy(self._may(["sns:Publish"], self.topic.topic_arn))
        if mail:
            self.topic.add_subscription(subscriptions.EmailSubscription(mail))

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            description="Encrypts what alarms tell.",
            enable_key_rotation=True,
            # Nothing that is kept is encrypted with it: it may go with the stack.
            removal_policy=RemovalPolicy.DESTROY,
            pending_window=Duration.days(7),
        )
        key.add_to_resource_policy(
            self._may(["kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"], "*")
        )
        return key

    def _may(self, actions: list[str], resource: str) -> iam.PolicyStatement:
        """Allow this account's alarms, and no other account's, to do something."""
        stack = Stack.of(self)
        alarms = stack.format_arn(service="cloudwatch", resource="alarm:*")
        return iam.PolicyStatement(
            principals=[ALARMS],
            actions=actions,
            resources=[resource],
            conditions={"ArnLike": {"aws:SourceArn": alarms}, "StringEquals": {"aws:SourceAccount": stack.account}},
        )
