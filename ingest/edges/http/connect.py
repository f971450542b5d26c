"""From a boto3 session to an exchange with DynamoDB: its credentials, its endpoint, its certificates."""

from typing import Any

import boto3
import botocore.session
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from ingest.edges.aws_errors import aws_call, translate
from ingest.edges.http.endpoint import find_endpoint
from ingest.edges.http.exchange import Exchange
from ingest.edges.http.signer import Signer

BATCH_WRITE = "DynamoDB_20120810.BatchWriteItem"


def batch_write_exchange(session: boto3.Session, client: Any, table: str) -> Exchange[Any]:
    """Return an exchange that sends BatchWriteItem bodies for a table where `client` would send them.

    Raises:
        IngestError: there are no credentials or no region, or a setting is wrong.
    """
    try:
        credentials = session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        ca_bundle = botocore.session.get_session().get_config_variable("ca_bundle")
        endpoint = find_endpoint(client, table, ca_bundle=ca_bundle)
    except (BotoCoreError, ClientError) as error:
        raise translate(error, f"preparing to write to table {table}") from error

    def current() -> ReadOnlyCredentials:
        """Fetched anew by botocore when they are about to expire, which may fail."""
        with aws_call(f"renewing the credentials to write to table {table}"):
            return credentials.get_frozen_credentials()

    return Exchange(endpoint, Signer(endpoint, target=BATCH_WRITE, credentials=current).request)
