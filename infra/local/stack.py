"""The whole stack on this machine: an emulator with the deployed template, and clients that use only that."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra import bundle
from infra.local import deploy as deployment
from infra.local import dynamodb_local, ministack
from infra.local.ministack import CREDENTIALS, REGION, Emulator
from infra.local.synth import synthesise
from ingest.contract import Env

FEEDS = bundle.ROOT / "feeds.toml"


@dataclass(frozen=True)
class LocalStack:
    """The deployed stack. `outputs` are named by `ingest.contract.Output` and `table_output`."""

    emulator: Emulator
    outputs: dict[str, str]
    left_out: list[str] = field(default_factory=list)
    name: str = ""

    @property
    def endpoint_url(self) -> str:
        """The endpoint of all AWS services."""
        return self.emulator.endpoint_url

    def client(self, service: str) -> Any:
        """Return a boto3 client for this stack, regardless of this process's AWS settings."""
        return _client(self.emulator, service)

    def environment(self) -> dict[str, str]:
        """Return the variables that make a subprocess's AWS tools, and `ingest`, use this stack.

        {**os.environ, **stack.environment()}
        """
        trusted = {"AWS_CA_BUNDLE": str(self.emulator.ca_bundle)} if self.emulator.ca_bundle else {}
        tables = {"AWS_ENDPOINT_URL_DYNAMODB": self.emulator.dynamodb_url} if self.emulator.dynamodb_url else {}
        return {**environment(self.endpoint_url), Env.STACK: self.name, **trusted, **tables}


def environment(endpoint_url: str) -> dict[str, str]:
    """Return the variables that make AWS tools use an emulator."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SESSION_TOKEN": "",
        "NO_PROXY": ministack.HOST,
        **CREDENTIALS,
    }


@contextlib.contextmanager
def local_stack(feeds: Path = FEEDS, *, iam: bool = False, dynamodb_url: str | None = None) -> Iterator[LocalStack]:
    """Yield a newly deployed stack; it is removed afterwards.

    With `iam` the function's role is enforced. With `dynamodb_url` all its tables, including the ledger, are there.

    Raises:
        EmulatorFault: the emulator did not start, or rejected the template.
    """
    with ministack.running(iam=iam, dynamodb_url=dynamodb_url) as emulator:
        yield deployed(emulator, feeds)


def deployed(emulator: Emulator, feeds: Path = FEEDS) -> LocalStack:
    """Create or update the stack in a running emulator, and return it."""
    code = bundle.build(bundle.HOST, feeds)
    result = deployment.deploy(
        synthesise(feeds, code=code),
        code=code,
        s3=_client(emulator, "s3"),
        ssm=_client(emulator, "ssm"),
        cloudformation=_client(emulator, "cloudformation"),
        iam=emulator.iam,
    )
    if emulator.dynamodb_url:
        dynamodb_local.copy_tables(_client(emulator, "dynamodb", emulator.endpoint_url), _client(emulator, "dynamodb"))
    return LocalStack(emulator, result.outputs, result.left_out, result.name)


def _client(emulator: Emulator, service: Any, endpoint_url: str | None = None) -> Any:
    url = endpoint_url or (service == "dynamodb" and emulator.dynamodb_url) or emulator.endpoint_url
    key, secret = CREDENTIALS.values()
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=REGION)
    # An empty `proxies` prevents botocore from using one from the environment.
    config = Config(retries={"mode": "standard", "total_max_attempts": 3}, proxies={}, read_timeout=70)
    ca_bundle = str(emulator.ca_bundle) if emulator.ca_bundle else None
    return session.client(service, endpoint_url=url, verify=ca_bundle, config=config)
