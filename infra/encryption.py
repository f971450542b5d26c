"""The customer's own KMS key, where one is set: what it encrypts, and what the function may do with it."""

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.settings import Settings

# What the function does by way of each service. DynamoDB asks for all of these of whoever reads or writes a table.
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
    "lambda": ["kms:Decrypt"],  # its own environment variables
}


class Encryption(Construct):
    """How what the stack makes is encrypted: with the customer's key, or with keys that AWS keeps."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id)
        self._landing_key = settings.existing.landing_bucket_key
        arn = settings.existing.kms_key
        self.key = kms.Key.from_key_arn(self, "Key", arn) if arn else None
        self.bucket = s3.BucketEncryption.KMS if arn else s3.BucketEncryption.S3_MANAGED
        # SQS's own: S3 cannot send to a queue under the key that AWS manages for SQS.
        self.queue = sqs.QueueEncryption.KMS if arn else sqs.QueueEncryption.SQS_MANAGED
        self.table = dynamodb.TableEncryption.CUSTOMER_MANAGED if arn else dynamodb.TableEncryption.AWS_MANAGED

    def grants(self) -> list[iam.PolicyStatement]:
        """Return what the function may do with the key, each thing by way of one service only; and read what lies in a
        bucket that is encrypted with another."""
        granted = [self._allow(self.key.key_arn, actions, by) for by, actions in USES.items()] if self.key else []
        if self._landing_key:
            granted.append(self._allow(self._landing_key, ["kms:Decrypt"], "s3"))
        return granted

    def _allow(self, key_arn: str, actions: list[str], service: str) -> iam.PolicyStatement:
        stack = Stack.of(self)
        via = f"{service}.{stack.region}.{stack.url_suffix}"
        conditions = {"StringEquals": {"kms:ViaService": via}}
        return iam.PolicyStatement(actions=actions, resources=[key_arn], conditions=conditions)
