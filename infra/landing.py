"""The bucket for incoming files, and its notifications to the queue, from S3 or through EventBridge.

Our own bucket notifies of every object, so that an object under no feed's prefix fails as `no_feed`. An existing bucket
may hold other objects, so it notifies only of the feeds' prefixes.
"""

import json
import shlex
from collections.abc import Iterable, Iterator
from urllib.parse import quote_plus

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.buffer import Buffer
from infra.encryption import Encryption
from infra.names import landing_name
from infra.settings import Settings
from ingest.errors import SettingsFault
from ingest.feeds.feed import Feeds

CREATED = "s3:ObjectCreated:*"
RESTORED = "s3:ObjectRestore:Completed"  # of an archived object, whose load has failed
MOST_NOTIFICATIONS = 100  # S3's limit for a bucket
PATTERN_CHARACTERS = 2_048  # EventBridge's limit for a rule


class Landing(Construct):
    """A bucket that notifies the buffer's queue of new objects.

    A new bucket is private and has the notification. An existing bucket is only referenced: EventBridge rules send its
    notifications, or `notify_command` must be run once to configure them.
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
            self.bucket = self._made(settings, buffer, encryption)
        if existing.notifies_by_rule:
            buffer.rules_may_send(list(self._rules(feeds, buffer)))

    def _made(self, settings: Settings, buffer: Buffer, encryption: Encryption) -> s3.Bucket:
        bucket = self._bucket(settings, encryption)
        resource = bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)
        # Set on the bucket itself: `add_event_notification` adds a Lambda function with a role and a policy
        # (docs/decisions/0001).
        resource.notification_configuration = _notifications(buffer)
        # S3 tests the queue when the notification is set, and fails if it is not allowed to send to it.
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
            bucket_key_enabled=encryption.key is not None or None,  # without it, each object costs a KMS request
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[unfinished],
            removal_policy=RemovalPolicy.RETAIN if settings.keep_data else RemovalPolicy.DESTROY,
        )

    def _rules(self, feeds: Feeds, buffer: Buffer) -> Iterator[events.CfnRule]:
        """Yield L1 rules, as in `Buffer`: the target of an L2 rule would add its own queue policy."""
        for number, prefixes in enumerate(_portions(feed.prefix for feed in feeds.feeds.values())):
            yield events.CfnRule(
                self,
                f"Created{number or ''}",
                description="New objects under the feeds' prefixes.",
                event_pattern={
                    "source": ["aws.s3"],
                    "detail-type": ["Object Created", "Object Restore Completed"],
                    "detail": {
                        "bucket": {"name": [self.bucket.bucket_name]},
                        "object": {"key": [{"prefix": prefix} for prefix in prefixes]},
                    },
                },
                targets=[events.CfnRule.TargetProperty(id="Queue", arn=buffer.queue.queue_arn)],
            )


def landing_bucket_name(settings: Settings) -> str:
    """Return the bucket's name without using the bucket: the queue's policy has the name and is created first."""
    return settings.existing.landing_bucket or settings.landing_bucket_name or landing_name(settings.name)


def _notifications(buffer: Buffer) -> s3.CfnBucket.NotificationConfigurationProperty:
    of_every_object = [
        s3.CfnBucket.QueueConfigurationProperty(event=event, queue=buffer.queue.queue_arn)
        for event in (CREATED, RESTORED)
    ]
    return s3.CfnBucket.NotificationConfigurationProperty(queue_configurations=of_every_object)


def _portions(prefixes: Iterable[str]) -> list[list[str]]:
    """Return prefixes in portions that each fit into the pattern of one rule."""
    room = PATTERN_CHARACTERS - 220  # reserved for the rest of the pattern, with a bucket name of 63 characters
    found: list[list[str]] = [[]]
    for prefix in prefixes:
        if found[-1] and len(json.dumps([{"prefix": each} for each in [*found[-1], prefix]])) > room:
            found.append([])
        found[-1].append(prefix)
    return found


def _notify_command(settings: Settings, feeds: Feeds, buffer: Buffer) -> str:
    """Return the shell command that sets a notification for each prefix on an existing bucket.

    Raises:
        SettingsFault: there are more prefixes than S3 accepts.
    """
    if len(feeds.feeds) > MOST_NOTIFICATIONS:
        raise SettingsFault(
            f"`existing.notified_by` = 's3' is wrong with {len(feeds.feeds)} feeds: S3 takes {MOST_NOTIFICATIONS} "
            "notifications of a bucket. Use 'eventbridge'."
        )
    queues = [
        {
            "Id": f"{settings.name}-{name}",
            "QueueArn": buffer.queue.queue_arn,
            "Events": [CREATED, RESTORED],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": as_filter(feed.prefix)}]}},
        }
        for name, feed in feeds.feeds.items()
    ]
    configuration = shlex.quote(json.dumps({"QueueConfigurations": queues}, ensure_ascii=False))
    command = "aws s3api put-bucket-notification-configuration"
    return f"{command} --bucket {settings.existing.landing_bucket} --notification-configuration {configuration}"


def as_filter(prefix: str) -> str:
    """Return a prefix URL-encoded, as S3's notification filters require: a raw `=` or blank would match nothing.

    Characters that S3's guide calls safe are not encoded: letters, digits, `/` and `!-_.*'()`.

    >>> as_filter("daten für/jahr=2026/a+b/")
    'daten+f%C3%BCr/jahr%3D2026/a%2Bb/'
    """
    return quote_plus(prefix, safe="/!-_.*'()").replace("~", "%7E")
