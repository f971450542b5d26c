"""Which writer a feed has, and the session that reaches its table: this one, or one of another region or role.

The one place where a write mode is chosen, for the function, for `ingest load` and for the tests.
"""

from functools import partial
from typing import Any

import boto3
import botocore.session
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import NoCredentialsError

from ingest.dynamodb.boto3_writer import Boto3Writer
from ingest.dynamodb.http.client import batch_write_exchange
from ingest.dynamodb.item_writer import ItemWriter
from ingest.dynamodb.writer import BatchWriter
from ingest.feeds.feed import Feed

SESSION_NAME = "csv-ingest"  # what the owner of the table sees in CloudTrail


class WriterFactory:
    """Makes the writers of feeds. Assumed roles and connections are kept from file to file.

    `dynamodb` is the session's own resource, if there is one already: making another takes time.
    """

    def __init__(self, session: boto3.Session, config: Config, *, dynamodb: Any = None) -> None:
        self._session = session
        self._config = config
        self._dynamodb = dynamodb
        self._opened: dict[tuple[str | None, str | None], tuple[boto3.Session, Any]] = {}
        self._fast: dict[tuple[object, ...], BatchWriter] = {}

    def writer_for(self, feed: Feed, *, table: str | None = None) -> ItemWriter:
        """Return a feed's writer, to its own table or to another. Nothing is asked of AWS before the first item."""
        name = table or feed.table
        opened, dynamodb = self._open(feed.role, feed.region)
        if feed.writer == "boto3":
            return Boto3Writer(dynamodb.Table(name))
        key = (name, feed.interleave, feed.role, feed.region)
        if key not in self._fast:
            connect = partial(batch_write_exchange, opened, dynamodb.meta.client, name)
            self._fast[key] = BatchWriter(name, connect, interleave=feed.interleave)
        return self._fast[key]

    def _open(self, role: str | None, region: str | None) -> tuple[boto3.Session, Any]:
        if (role, region) not in self._opened:
            opened = table_session(self._session, role=role, region=region, config=self._config)
            is_own = opened is self._session and self._dynamodb is not None
            dynamodb = self._dynamodb if is_own else opened.resource("dynamodb", config=self._config)
            self._opened[role, region] = opened, dynamodb
        return self._opened[role, region]


def table_session(
    session: boto3.Session, *, role: str | None, region: str | None, config: Config | None = None
) -> boto3.Session:
    """Return the session to write to a table with. Nothing is asked of AWS before the first request.

    Credentials of an assumed role hold for an hour, the most AWS allows from one role to another; botocore fetches new
    ones fifteen minutes before.
    """
    if role is None and region in (None, session.region_name):
        return session
    provider: CredentialProvider = _Assumed(session, role, config) if role else _Same(session)
    opened = botocore.session.Session()
    opened.register_component("credential_provider", CredentialResolver([provider]))
    return boto3.Session(botocore_session=opened, region_name=region or session.region_name)


class _Same(CredentialProvider):
    METHOD = "of another session"

    def __init__(self, session: boto3.Session) -> None:
        super().__init__()
        self._session = session

    def load(self) -> Credentials | None:
        return self._session.get_credentials()


class _Assumed(CredentialProvider):
    METHOD = "assume-role"

    def __init__(self, session: boto3.Session, role: str, config: Config | None) -> None:
        super().__init__()
        self._session = session
        self._role = role
        self._config = config

    def load(self) -> Credentials:
        source = self._session.get_credentials()
        if source is None:
            raise NoCredentialsError
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=self._client,
            source_credentials=source,
            role_arn=self._role,
            extra_args={"RoleSessionName": SESSION_NAME},
        )
        return DeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method=self.METHOD)

    def _client(self, service: str, **credentials: str) -> BaseClient:
        """Of the stack's own region: the endpoint of STS in its VPC, if it has one, is there."""
        client: BaseClient = self._session.client(service, config=self._config, **credentials)  # type: ignore[call-overload]
        return client
