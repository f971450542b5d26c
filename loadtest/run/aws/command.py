"""The options of the target `aws`, and `python -m loadtest clean`: what a killed run left."""

import argparse
import sys

from botocore.exceptions import BotoCoreError, ClientError

from loadtest.harness.queue import NotSentError
from loadtest.run.aws.cleaning import Cleaner
from loadtest.run.aws.clients import Clients, NotClean, RunRefused
from loadtest.run.aws.guard import Ask, approve
from loadtest.run.aws.stack import DEFAULT_NAME, find, identify, identity_lines, resource_lines
from loadtest.run.aws.target import AwsTarget
from loadtest.scenarios.scenario import Scenario

REFUSED, SERVICE_FAILED = 2, 4
FAULTS = (RunRefused, NotSentError, NotClean, BotoCoreError, ClientError)


def add_stack_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser what names a stack and its account."""
    parser.add_argument("--stack", default=DEFAULT_NAME, help=f"in aws: the stack's name (default {DEFAULT_NAME})")
    parser.add_argument("--account", help="in aws: the account that is meant; without it, you are asked")


def target_of(arguments: argparse.Namespace, wanted: list[Scenario]) -> AwsTarget:
    """Return the target that the options name."""
    seed, account = arguments.seed, arguments.account
    return AwsTarget(arguments.stack, wanted, seed=seed, account=account, ask=ask_on_terminal(), say=_say)


def dry_run(arguments: argparse.Namespace, wanted: list[Scenario]) -> int:
    """Show what a run would do and cost; nothing is written.

    Raises:
        RunRefused: a run would be.
    """
    seed, account = arguments.seed, arguments.account
    AwsTarget(arguments.stack, wanted, seed=seed, account=account, ask=None, say=print).show()
    print("A dry run: nothing was done.")
    return 0


def add_clean_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `clean` its options."""
    parser.add_argument("--target", choices=["aws"], required=True, help="other targets leave nothing behind")
    parser.add_argument("--run", required=True, dest="run_name", metavar="RUN", help="the run's name, as it said")
    add_stack_arguments(parser)


def clean(arguments: argparse.Namespace) -> int:
    """Take away what a run left, after the same questions as before a run."""
    clients = Clients()
    try:
        identity = identify(clients, arguments.account)
        stack = find(clients, identity, arguments.stack)
        for line in (*identity_lines(identity), *resource_lines(stack)):
            _say(line)
        approve(identity, arguments.account, ask_on_terminal())
        _say(f"deleted: {Cleaner(clients, stack, _say).clean(arguments.run_name)}")
    except FAULTS as error:
        return fail(error)
    finally:
        clients.close()
    return 0


def fail(error: Exception) -> int:
    """Say why something could not be done, or not all of it; return the exit code."""
    _say(f"error: {error}")
    return REFUSED if isinstance(error, RunRefused) else SERVICE_FAILED


def ask_on_terminal() -> Ask | None:
    """Return how to ask for confirmation; None without a terminal."""
    return input if sys.stdin is not None and sys.stdin.isatty() else None


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
