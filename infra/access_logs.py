"""S3 access logs of the stack's buckets, in a separate bucket."""

from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.settings import Settings


class AccessLogs(Construct):
    """A private bucket to which S3 writes the access logs of the other buckets, each under its own prefix.

    Existing buckets are not changed: their owner decides on their logging.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings, sources: Mapping[str, s3.IBucket]) -> None:
        super().__init__(scope, id)
        self.bucket = self._bucket(settings)
        for prefix, source in sources.items():
            resource = source.node.default_child
            if isinstance(resource, s3.CfnBucket):
                resource.logging_configuration = self._destination(prefix)
                self.bucket.add_to_resource_policy(self._s3_may_write(prefix, source))

    def _bucket(self, settings: Settings) -> s3.Bucket:
        expiry = s3.LifecycleRule(
            expiration=Duration.days(settings.access_logs_expire_days),
            abort_incomplete_multipart_upload_after=Duration.days(settings.abort_uploads_days),
        )
        return s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,  # the only encryption S3 supports for access logs
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[expiry],
            removal_policy=RemovalPolicy.RETAIN if settings.keep_data else RemovalPolicy.DESTROY,
        )

    def _destination(self, prefix: str) -> s3.CfnBucket.LoggingConfigurationProperty:
        """Partition log keys by the day of the request, so that a query over one day does not read everything."""
        by_day = s3.CfnBucket.PartitionedPrefixProperty(partition_date_source="EventTime")
        return s3.CfnBucket.LoggingConfigurationProperty(
            destination_bucket_name=self.bucket.bucket_name,
            log_file_prefix=f"{prefix}/",
            target_object_key_format=s3.CfnBucket.TargetObjectKeyFormatProperty(partitioned_prefix=by_day),
        )

    def _s3_may_write(self, prefix: str, source: s3.IBucket) -> iam.PolicyStatement:
        """A policy instead of `server_access_logs_bucket`, which grants access by an ACL without a feature flag."""
        return iam.PolicyStatement(
            principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
            actions=["s3:PutObject"],
            resources=[self.bucket.arn_for_objects(f"{prefix}/*")],
            conditions={
                "ArnLike": {"aws:SourceArn": source.bucket_arn},
                "StringEquals": {"aws:SourceAccount": Stack.of(self).account},
            },
        )
