"""The owner of the table that the feed `partner` names: another account, another region, and a role for writing."""

import json
from typing import Any

import boto3
from botocore.config import Config

from infra.local.stack import LocalStack

ACCOUNT = "222233334444"  # the emulator takes an access key of twelve digits for the account
REGION = "eu-west-1"
TABLE = "PartnerOrders"
ROLE = "writes-partner-orders"


def client(stack: LocalStack, service: Any, *, account: str = ACCOUNT, region: str = REGION) -> Any:
    """Return a client that is the owner's, or another account's."""
    session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="test", region_name=region)
    ca_bundle = stack.emulator.ca_bundle
    verify = str(ca_bundle) if ca_bundle else None
    return session.client(service, endpoint_url=stack.endpoint_url, verify=verify, config=Config(proxies={}))


def make_table(stack: LocalStack) -> Any:
    """Make the table; return a client for its owner."""
    dynamodb = client(stack, "dynamodb")
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return dynamodb


def make_role(stack: LocalStack, trusted: str, *, name: str = ROLE) -> None:
    """Make the role as docs/deploy.md says: only one other role may assume it, and it may write to the table."""
    iam = client(stack, "iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"}
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}"
    actions = ["dynamodb:BatchWriteItem", "dynamodb:DescribeTable"]
    write = {"Effect": "Allow", "Action": actions, "Resource": table}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))
    iam.put_role_policy(RoleName=name, PolicyName="write", PolicyDocument=_policy(write))


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
