"""The customer's KMS key, if one is set: the resources it encrypts, and the function's grants on it."""

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.settings import Settings

# The function's actions on the key through each service. DynamoDB requires all of its own to read or write a table.
USES = {
    "s3": ["kms:Decrypt", "kms:GenerateDataKey"],
    "sqs": ["kms:Decrypt", "kms:GenerateDataKey"],
    "dynamodb": [
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
    ],
    "lambda": ["kms:Decrypt"],  # for its own environment variables
}


class Encryption(Construct):
    """The encryption of the stack's resources, with the customer's key or with keys managed by AWS."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id)
        self._landing_key = settings.existing.landing_bucket_key
        arn = settings.existing.kms_key
        self.key = kms.Key.from_key_arn(self, "Key", arn) if arn else None
        self.bucket = s3.BucketEncryption.KMS if arn else s3.BucketEncryption.S3_MANAGED
        # SSE-SQS: S3 cannot send to a queue encrypted with the AWS managed key for SQS.
        self.queue = sqs.QueueEncryption.KMS if arn else sqs.QueueEncryption.SQS_MANAGED
        self.table = dynamodb.TableEncryption.CUSTOMER_MANAGED if arn else dynamodb.TableEncryption.AWS_MANAGED

    def grants(self) -> list[iam.PolicyStatement]:
        """Return the grants on the key, each only through one service, and on the key of an existing landing bucket."""
        granted = [self._allow(self.key.key_arn, actions, by) for by, actions in USES.items()] if self.key else []
        if self._landing_key:
            granted.append(self._allow(self._landing_key, ["kms:Decrypt"], "s3"))
        return granted

    def _allow(self, key_arn: str, actions: list[str], service: str) -> iam.PolicyStatement:
        stack = Stack.of(self)
        via = f"{service}.{stack.region}.{stack.url_suffix}"
        conditions = {"StringEquals": {"kms:ViaService": via}}
        return iam.PolicyStatement(actions=actions, resources=[key_arn], conditions=conditions)
