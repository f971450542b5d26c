"""AWS for the command line: one session for all services, its clients, and errors in its settings."""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import botocore.session
import msgspec
from botocore.config import Config
from botocore.exceptions import InvalidRegionError, ProfileNotFound
from botocore.loaders import JSONFileLoader, Loader, create_loader

from ingest.aws.errors import aws_call
from ingest.errors import SettingsFault

_WRONG_SETTINGS = {
    ProfileNotFound: "The AWS profile {profile!r} does not exist; `aws configure list-profiles` shows those that do.",
    InvalidRegionError: "{region_name!r} is not the name of an AWS region; set AWS_REGION, as eu-central-1.",
}


class _ServiceFiles(JSONFileLoader):
    """Reads botocore's service and endpoint descriptions in a fifth of the time that its own JSON parser takes."""

    def load_file(self, file_path: str) -> Any:
        """Return the content of a file, None if it does not exist; the name is given without its ending."""
        for ending, opened in ((".json", open), (".json.gz", gzip.open)):
            if Path(file_path + ending).is_file():
                with opened(file_path + ending, "rb") as file:
                    return msgspec.json.decode(file.read())
        return None


class _ServiceLoader(Loader):
    """Lists services by folder name only: botocore looks into each of the four hundred folders, twice per client."""

    FILE_LOADER_CLASS = _ServiceFiles

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the names of the services. One without a file of this type is reported as not found later."""
        return [path.name for root in self.search_paths if Path(root).is_dir() for path in Path(root).iterdir()]


class Session:
    """The part of `boto3.Session` that commands use, with botocore alone where possible: importing boto3 takes time."""

    def __init__(self) -> None:
        self._core = botocore.session.get_session()
        paths = create_loader(self._core.get_config_variable("data_path")).search_paths
        self._core.register_component("data_loader", _ServiceLoader(paths, include_default_search_paths=False))
        if region := os.environ.get("AWS_REGION"):  # botocore reads only AWS_DEFAULT_REGION, other tools both
            self._core.set_config_variable("region", region)

    @property
    def region_name(self) -> str | None:
        """The region of clients."""
        found: str | None = self._core.get_config_variable("region")
        return found

    def get_credentials(self) -> Any:
        """Return the credentials; None if there are none."""
        return self._core.get_credentials()

    def client(self, service: str, **settings: Any) -> Any:
        """Return a client, without methods that boto3 adds to some, such as `upload_file`."""
        return self._core.create_client(service, **settings)

    def resource(self, service: str, **settings: Any) -> Any:
        """Return one of boto3's resources; its `meta.client` is boto3's client."""
        return self._of_boto3.resource(service, **settings)

    @cached_property
    def _of_boto3(self) -> Any:  # once, because it changes how the core makes clients
        import boto3

        return boto3.Session(botocore_session=self._core)


def session() -> Session:
    """Return the session for the current environment; all services share the files and endpoints it has read."""
    return _session(frozenset(item for item in os.environ.items() if item[0].startswith("AWS_")))


@lru_cache(maxsize=1)
def _session(_environment: frozenset[tuple[str, str]]) -> Session:
    return Session()


def config() -> Config:
    """Return the timeouts and retries of clients."""
    return Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, read_timeout=30)


def client(service: str, what: str) -> Any:
    """Return a client; `what` is its purpose for error messages, such as "looking at the queue"."""
    with preparing(what):
        return session().client(service, config=config())


def account_id() -> str:
    """Return the account of the credentials; raise AWS's error after a short time-out."""
    patient = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=3)
    return str(session().client("sts", config=patient).get_caller_identity()["Account"])


@contextmanager
def preparing(what: str) -> Iterator[None]:
    """Raise errors in the AWS settings as our faults, while sessions and clients are made."""
    try:
        with aws_call(what):
            try:
                yield
            except (ProfileNotFound, InvalidRegionError) as error:
                raise SettingsFault(_WRONG_SETTINGS[type(error)].format(**error.kwargs)) from error
    except ValueError as error:  # botocore's, for an endpoint URL that is not valid
        raise SettingsFault(f"AWS refused the settings while {what}: {error}.") from error
