"""The stack's data: the feeds' tables, the ledger and the rejects bucket."""

from collections.abc import Iterable

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.encryption import Encryption
from infra.settings import Settings
from ingest import contract
from ingest.errors import SettingsFault
from ingest.feeds.feed import Feed, Feeds, KeyAttribute

MOST_TABLES = 190  # CloudFormation accepts 200 outputs
KEY_TYPES = {
    "S": dynamodb.AttributeType.STRING,
    "N": dynamodb.AttributeType.NUMBER,
    "B": dynamodb.AttributeType.BINARY,
}


class Store(Construct):
    """The tables rows are written to (existing ones are only referenced), the ledger, and the rejects bucket."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, feeds: Feeds, encryption: Encryption) -> None:
        super().__init__(scope, id)
        self._settings = settings
        self._encryption = encryption
        # Feeds may share a table; feeds.toml is rejected if they declare different keys for it.
        by_table = {feed.table: feed for feed in feeds.feeds.values()}
        if len(by_table) > MOST_TABLES:
            raise SettingsFault(
                f"feeds.toml names {len(by_table)} tables; a stack has room for {MOST_TABLES}, an output for each. "
                "Use two stacks."
            )
        self.tables = {name: self._named_table(feed, feeds) for name, feed in by_table.items()}
        self.ledger = self._table("Ledger", LEDGER_KEYS, expiry=contract.LedgerKeys.EXPIRES)
        self.ledger.add_global_secondary_index(
            index_name=contract.LedgerKeys.INDEX,
            partition_key=_text(contract.LedgerKeys.LISTING),
            sort_key=_text(contract.LedgerKeys.LISTED_AT),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        self.rejects = self._rejects()

    def _named_table(self, feed: Feed, feeds: Feeds) -> dynamodb.ITable:
        id = contract.table_output(feed.table)
        if feed.existing:
            arn = Stack.of(self).format_arn(
                service="dynamodb",
                resource="table",
                resource_name=feed.table,
                region=feed.region,
                account=_account(feed.role),
            )
            return dynamodb.Table.from_table_arn(self, id, arn)
        expiry = feeds.expiry_attribute(feed.table)
        table = self._table(id, feed.key_attributes(), name=feed.table, expiry=expiry)
        for index, keys in feed.indexes.items():
            sort_key = _attribute(feed, keys.sort_key) if keys.sort_key else None
            partition_key = _attribute(feed, keys.partition_key)
            table.add_global_secondary_index(index_name=index, partition_key=partition_key, sort_key=sort_key)
        return table

    def _table(
        self, id: str, keys: Iterable[KeyAttribute], *, name: str | None = None, expiry: str | None = None
    ) -> dynamodb.Table:
        attributes = [dynamodb.Attribute(name=key.name, type=KEY_TYPES[key.type]) for key in keys]
        return dynamodb.Table(
            self,
            id,
            table_name=name,
            partition_key=attributes[0],
            sort_key=attributes[1] if len(attributes) > 1 else None,
            time_to_live_attribute=expiry,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=self._encryption.table,
            encryption_key=self._encryption.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=self._settings.deletion_protection,
            removal_policy=self._removal,
        )

    def _rejects(self) -> s3.Bucket:
        expiry = s3.LifecycleRule(
            expiration=Duration.days(self._settings.rejects_expire_days),
            abort_incomplete_multipart_upload_after=Duration.days(self._settings.abort_uploads_days),
        )
        return s3.Bucket(
            self,
            "Rejects",
            encryption=self._encryption.bucket,
            encryption_key=self._encryption.key,
            bucket_key_enabled=self._encryption.key is not None or None,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[expiry],
            removal_policy=self._removal,
        )

    @property
    def _removal(self) -> RemovalPolicy:
        return RemovalPolicy.RETAIN if self._settings.keep_data else RemovalPolicy.DESTROY


def _account(role: str | None) -> str | None:
    """Return the account of a role, which is also that of its table.

    >>> _account("arn:aws:iam::111122223333:role/writer")
    '111122223333'
    """
    return role.split(":")[4] if role else None


def _attribute(feed: Feed, name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=KEY_TYPES[feed.attribute_type(name)])


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


LEDGER_KEYS = (
    KeyAttribute(name=contract.LedgerKeys.PARTITION_KEY, type="S", source=contract.LedgerKeys.PARTITION_KEY),
    KeyAttribute(name=contract.LedgerKeys.SORT_KEY, type="S", source=contract.LedgerKeys.SORT_KEY),
)
