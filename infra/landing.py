"""The bucket where files are dropped, and the notification that tells the queue about each."""

from aws_cdk import Duration, Fn, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.buffer import Buffer
from infra.settings import Settings
from ingest.feeds import Feeds


class Landing(Construct):
    """A private bucket that notifies the buffer's queue of each new object under a feed's prefix."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, feeds: Feeds, buffer: Buffer) -> None:
        super().__init__(scope, id)
        self.bucket = self._bucket(settings)
        resource = self.bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)
        # Written on the bucket itself: `add_event_notification` would bring a Lambda function of its own, a role and a
        # policy (docs/decisions/0001).
        resource.notification_configuration = _notifications(feeds, buffer)
        # S3 tries the queue when the notification is set, and fails if it may not send.
        resource.node.add_dependency(buffer.policy)

    def _bucket(self, settings: Settings) -> s3.Bucket:
        unfinished = s3.LifecycleRule(
            abort_incomplete_multipart_upload_after=Duration.days(settings.abort_uploads_days),
        )
        return s3.Bucket(
            self,
            "Bucket",
            bucket_name=landing_bucket_name(settings),
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[unfinished],
            removal_policy=RemovalPolicy.RETAIN if settings.keep_data else RemovalPolicy.DESTROY,
        )


def landing_bucket_name(settings: Settings) -> str:
    """Return the bucket's name, known before the bucket is: the queue's policy names it, and must come first."""
    return Fn.sub(f"{settings.name}-landing-${{AWS::AccountId}}-${{AWS::Region}}")


def _notifications(feeds: Feeds, buffer: Buffer) -> s3.CfnBucket.NotificationConfigurationProperty:
    prefixes = [feed.prefix for feed in feeds.feeds.values()]
    queues = [_on_created(prefix, buffer.queue.queue_arn) for prefix in prefixes]
    return s3.CfnBucket.NotificationConfigurationProperty(queue_configurations=queues)


def _on_created(prefix: str, queue_arn: str) -> s3.CfnBucket.QueueConfigurationProperty:
    rule = s3.CfnBucket.FilterRuleProperty(name="prefix", value=prefix)
    return s3.CfnBucket.QueueConfigurationProperty(
        event="s3:ObjectCreated:*",
        queue=queue_arn,
        filter=s3.CfnBucket.NotificationFilterProperty(s3_key=s3.CfnBucket.S3KeyFilterProperty(rules=[rule])),
    )
