"""Every test: no ambient AWS settings, and no network unless it says so (e2e, enable_socket, allow_hosts).

HYPOTHESIS_PROFILE says how many examples each property is tried with: `ci` (the default), or `nightly`. With `ci` they
are the same each time, so that a commit passes or fails whoever tests it; each round of `make nightly` tries new ones.
"""

import gc
import os
import signal
import sys
from functools import cache
from typing import Any

import botocore.loaders
import botocore.session
import pytest
from hypothesis import HealthCheck, settings

COMMON = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
pytest.register_assert_rewrite("tests.support.write_modes")
settings.register_profile("ci", COMMON, max_examples=50, derandomize=True)
settings.register_profile("nightly", COMMON, max_examples=300)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Tests start hundreds of processes: each would compile all that it imports, where a shell says to keep no bytecode.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell that starts tests in the background has them ignore Ctrl-C, and with them each process that they start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The CDK's own check of a template takes longer than making it. `make check` has it done for each stage.
os.environ["CDK_VALIDATION"] = "false"

# Each session would read the descriptions of AWS's services anew, which takes longer than most tests.
botocore.session.create_loader = cache(botocore.loaders.create_loader)

ALLOWED = ("e2e", "enable_socket", "allow_hosts")
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tests/e2e run with another writer than the feeds' own, with IAM, or with another DynamoDB."""
    parser.addoption("--writer", choices=["fast", "boto3"], help="the writer of all feeds in tests/e2e")
    parser.addoption("--write-examples", action="store_true", help="write what the docs' examples print into the docs")
    parser.addoption("--dynamodb", choices=["local"], help="the DynamoDB of tests/e2e: local is Amazon's emulator")
    parser.addoption("--iam", action="store_true", help="hold the function of tests/e2e to what its role allows")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let the tests of an `xdist_group` share a process."""
    if config.getoption("dist") != "loadgroup":
        return None
    from tests.support.groups import Groups

    return Groups(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a parameter of unprintable bytes after its argument: what gzip wrote differs between xdist's workers."""
    unprintable = isinstance(val, bytes) and not val.decode("latin-1").isprintable() and len(val) > 16
    return argname if unprintable else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Forbid sockets with pytest-socket's own marker. The CDK speaks to its helper through pipes."""
    for item in items:
        if not any(item.get_closest_marker(name) for name in ALLOWED):
            item.add_marker(pytest.mark.disable_socket)


def pytest_collection_finish() -> None:
    """Take what is imported by now out of the garbage collector's sight: a collection then looks at a test's own."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove what a developer's shell or a CI runner sets for AWS clients, and set what no test should depend on."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "POWERTOOLS_", "INGEST_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
