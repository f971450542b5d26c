"""The session that reaches a feed's table: this one, or one of another region, or of a role that is assumed for it."""

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

SESSION_NAME = "csv-ingest"  # what the owner of the table sees in CloudTrail


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
