"""The bucket for incoming files, and its notifications to the queue, from S3 or through EventBridge."""

import json
import shlex

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.buffer import Buffer
from infra.encryption import Encryption
from infra.settings import Settings
from ingest.feeds.feed import Feeds

CREATED = "s3:ObjectCreated:*"


class Landing(Construct):
    """A bucket that notifies the buffer's queue of each new object under a feed's prefix.

    It is created here, private and with the notification; or it exists and is only referenced. Then an EventBridge rule
    sends the notifications, or `notify_command` must be run once to set them.
    """

    def __init__(
        self, scope: Construct, id: str, *, settings: Settings, feeds: Feeds, buffer: Buffer, encryption: Encryption
    ) -> None:
        super().__init__(scope, id)
        existing = settings.existing
        self.notify_command = _notify_command(settings, feeds, buffer) if existing.notifies_by_command else None
        if existing.landing_bucket:
            self.bucket: s3.IBucket = s3.Bucket.from_bucket_name(self, "Bucket", existing.landing_bucket)
        else:
            self.bucket = self._made(settings, feeds, buffer, encryption)
        if existing.notifies_by_rule:
            self._rule(feeds, buffer)

    def _made(self, settings: Settings, feeds: Feeds, buffer: Buffer, encryption: Encryption) -> s3.Bucket:
        bucket = self._bucket(settings, encryption)
        resource = bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)
        # Set on the bucket itself: `add_event_notification` adds a Lambda function with a role and a policy
        # (docs/decisions/0001).
        resource.notification_configuration = _notifications(feeds, buffer)
        # S3 tests the queue when the notification is set, and fails if it may not send to it.
        resource.node.add_dependency(buffer.policy)
        return bucket

    def _bucket(self, settings: Settings, encryption: Encryption) -> s3.Bucket:
        unfinished = s3.LifecycleRule(
            abort_incomplete_multipart_upload_after=Duration.days(settings.abort_uploads_days),
        )
        return s3.Bucket(
            self,
            "Bucket",
            bucket_name=landing_bucket_name(settings),
            encryption=encryption.bucket,
            encryption_key=encryption.key,
            bucket_key_enabled=encryption.key is not None or None,  # else each object costs a KMS request
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[unfinished],
            removal_policy=RemovalPolicy.RETAIN if settings.keep_data else RemovalPolicy.DESTROY,
        )

    def _rule(self, feeds: Feeds, buffer: Buffer) -> None:
        """An L1 rule, as the one in `Buffer`: the target of an L2 rule adds its own queue policy."""
        prefixes = [{"prefix": feed.prefix} for feed in feeds.feeds.values()]
        rule = events.CfnRule(
            self,
            "Created",
            description="New objects under the feeds' prefixes.",
            event_pattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {"bucket": {"name": [self.bucket.bucket_name]}, "object": {"key": prefixes}},
            },
            targets=[events.CfnRule.TargetProperty(id="Queue", arn=buffer.queue.queue_arn)],
        )
        buffer.rule_may_send(rule)


def landing_bucket_name(settings: Settings) -> str:
    """Return the bucket's name before the bucket exists: the queue's policy names it and is created first."""
    created = settings.landing_bucket_name or f"{settings.name}-landing-{Aws.ACCOUNT_ID}-{Aws.REGION}"
    return settings.existing.landing_bucket or created


def _notifications(feeds: Feeds, buffer: Buffer) -> s3.CfnBucket.NotificationConfigurationProperty:
    prefixes = [feed.prefix for feed in feeds.feeds.values()]
    queues = [_on_created(prefix, buffer.queue.queue_arn) for prefix in prefixes]
    return s3.CfnBucket.NotificationConfigurationProperty(queue_configurations=queues)


def _on_created(prefix: str, queue_arn: str) -> s3.CfnBucket.QueueConfigurationProperty:
    rule = s3.CfnBucket.FilterRuleProperty(name="prefix", value=prefix)
    return s3.CfnBucket.QueueConfigurationProperty(
        event=CREATED,
        queue=queue_arn,
        filter=s3.CfnBucket.NotificationFilterProperty(s3_key=s3.CfnBucket.S3KeyFilterProperty(rules=[rule])),
    )


def _notify_command(settings: Settings, feeds: Feeds, buffer: Buffer) -> str:
    """Return the shell command that sets the same notification on an existing bucket."""
    queues = [
        {
            "Id": f"{settings.name}-{name}",
            "QueueArn": buffer.queue.queue_arn,
            "Events": [CREATED],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": feed.prefix}]}},
        }
        for name, feed in feeds.feeds.items()
    ]
    configuration = shlex.quote(json.dumps({"QueueConfigurations": queues}, ensure_ascii=False))
    command = "aws s3api put-bucket-notification-configuration"
    return f"{command} --bucket {settings.existing.landing_bucket} --notification-configuration {configuration}"
